import { ratio } from '../figures.js'
import { withNodes, withRedis } from '../redis.js'

export const name = 'two-nodes'
export const section = 'many nodes'

const LOAD = { streams: 1_000, publishers: 4, rate: 20 }

/** How much later what is posted to one node arrives at the readers of another one. */
export async function run (bench) {
  const { hubbub, node } = bench.servers
  if (node === undefined) return []
  const load = { ...LOAD, seconds: bench.seconds * 3 }
  const rounds = await bench.repeat(async () => ({
    two: await withRedis(bench, (redis) => withNodes(bench, redis, 2, ([near, far]) => bench.load(far, { ...load, postPort: near.port }))),
    one: await withRedis(bench, (redis) => withNodes(bench, redis, 1, ([only]) => bench.load(only, load))),
    embedded: (await bench.measure(hubbub, [load]))[0]
  }))
  const samples = (which, percentile) => rounds.map(({ [which]: { deliveryMs } }) => ({ value: deliveryMs[percentile], count: deliveryMs.count }))
  return ['p50', 'p99'].flatMap((percentile) => [['one', 'the same node'], ['embedded', 'embedded']].map(([which, against]) => ratio({
    what: `posted to one node, read by 1,000 streams of another at 20/s, ${percentile}`, unit: 'ms', hubbub: samples('two', percentile),
    against, other: samples(which, percentile)
  })))
}
