import { difference, ratio } from '../figures.js'

export const name = 'slow-readers'

const STREAMS = 1_000
const STALLED = 50
/** Characters of a message: large, so that the kernel's buffers of a stalled stream are soon full. */
const MESSAGE = 3_500

/** Readers that take nothing cost the others no time and the server no memory. */
export async function run (bench) {
  const { hubbub } = bench.servers
  const load = { streams: STREAMS, publishers: 4, rate: 20, seconds: bench.seconds * 3, body: hubbub.body(MESSAGE) }
  const pairs = await bench.repeat(async () => ({
    all: (await bench.measure(hubbub, [load]))[0],
    stalled: (await bench.measure(hubbub, [{ ...load, stalled: STALLED }]))[0]
  }))
  const samples = (which, value) => pairs.map((pair) => ({ value: value(pair[which]), count: pair[which].deliveries }))
  const compare = (make, value, rest) => make({
    hubbub: samples('stalled', value), against: 'all 1,000 read', other: samples('all', value), ...rest
  })
  return [
    compare(ratio, ({ deliveryMs }) => deliveryMs.p99, { what: '50 of 1,000 never read: p99 of the others', unit: 'ms', atMost: 1.2 }),
    compare(difference, ({ serverKb }) => serverKb.anon / 1_024, { what: '50 of 1,000 never read: server memory', unit: 'MB', atMost: 20 })
  ]
}
