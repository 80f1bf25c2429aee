import { ratio } from '../figures.js'
import { withNodes, withRedis } from '../redis.js'

export const name = 'redis-fan-out'
export const section = 'many nodes'

const STREAMS = 1_000
const PUBLISHERS = [1, 64]

/** Whether a node on Redis gives its readers as much as one that stores for itself. */
export async function run (bench) {
  const { hubbub, node } = bench.servers
  if (node === undefined) return []
  const loads = PUBLISHERS.map((publishers) => ({ streams: STREAMS, publishers }))
  const rounds = await bench.repeat(async () => ({
    alone: await bench.measure(hubbub, loads),
    redis: await withRedis(bench, ({ environment }) => bench.measure(node, loads, { environment }))
  }))
  return PUBLISHERS.map((k, index) => {
    const samples = (which) => rounds.map(({ [which]: { [index]: { deliveriesPerSecond, deliveries } } }) => ({ value: deliveriesPerSecond, count: deliveries }))
    return ratio({
      what: `fan-out of one node on Redis to 1,000 streams, k=${k}`, unit: 'deliveries/s', hubbub: samples('redis'),
      against: 'embedded', other: samples('alone'), atLeast: 0.9
    })
  })
}
