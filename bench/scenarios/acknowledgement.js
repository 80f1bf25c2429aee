import { difference } from '../figures.js'

export const name = 'acknowledgement'

const LOAD = { publishers: 4, rate: 20 }

/** How long a post waits for its answer while ten thousand streams are being written. */
export async function run (bench) {
  const { hubbub } = bench.servers
  const load = { ...LOAD, seconds: bench.seconds * 2 }
  const pairs = await bench.repeat(async () => {
    const [alone] = await bench.measure(hubbub, [{ ...load, streams: 0 }])
    const [crowd] = await bench.measure(hubbub, [{ ...load, streams: 10_000 }])
    return { alone, crowd }
  })
  const p99 = ({ ackMs }) => ({ value: ackMs.p99, count: ackMs.count })
  return [difference({
    what: 'acknowledgement at 20/s, 10,000 streams, p99', unit: 'ms', hubbub: pairs.map(({ crowd }) => p99(crowd)),
    against: 'no stream', other: pairs.map(({ alone }) => p99(alone)), atMost: 50, aim: 10
  })]
}
