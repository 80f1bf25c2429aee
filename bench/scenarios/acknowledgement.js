import { difference, whole } from '../figures.js'

export const name = 'acknowledgement'

const LOAD = { publishers: 4, rate: 20 }

/** How long a post waits for its answer while many streams are being written. */
export async function run (bench) {
  const { hubbub } = bench.servers
  const load = { ...LOAD, seconds: bench.seconds * 3 }
  const alone = await bench.measure(hubbub, [{ ...load, streams: 0 }])
  const crowds = await bench.repeat(async () => (await bench.measure(hubbub, [{ ...load, streams: bench.crowd }]))[0])
  const p99 = ({ ackMs }) => ({ value: ackMs.p99, count: ackMs.count })
  return [difference({
    what: `acknowledgement of posts at 20/s, ${whole(bench.crowd)} streams, p99`, unit: 'ms', hubbub: crowds.map(p99),
    against: 'no stream', other: alone.map(p99), atMost: 50, aim: 10
  })]
}
