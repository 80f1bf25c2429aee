import { absolute, ratio } from '../figures.js'
import { callScript, withNodes, withRedis } from '../redis.js'

export const name = 'redis-posts'
export const section = 'many nodes'

const IN_FLIGHT = [64, 512]

/**
 * How many posts one node has stored in a second, each on Redis's disk; against the same script called by a program that does
 * nothing else, over one connection too and with as many calls in flight.
 */
export async function run (bench) {
  if (bench.servers.node === undefined) return []
  const rounds = await bench.repeat(async () => {
    const round = {}
    for (const k of IN_FLIGHT) {
      const load = { streams: 0, publishers: k }
      const node = await withRedis(bench, (redis) => withNodes(bench, redis, 1, ([node]) => bench.load(node, load)))
      const bare = await withRedis(bench, (redis) => callScript(bench, redis, { connections: 1, pipeline: k }))
      bench.record('the bare script', { inFlight: k }, bare)
      round[k] = { node, bare }
    }
    return round
  })
  return IN_FLIGHT.flatMap((k) => {
    const what = `posts to one node through Redis, k=${k}`
    const samples = (which, value) => rounds.map(({ [k]: round }) => value(round[which]))
    return [
      ratio({
        what, unit: 'acknowledged/s', hubbub: samples('node', ({ posts }) => ({ value: posts.perSecond, count: posts.acknowledged })),
        against: 'the bare script', other: samples('bare', ({ perSecond, acknowledged }) => ({ value: perSecond, count: acknowledged })), atLeast: 0.5
      }),
      absolute({
        what: `${what}: the node's CPU of each`, unit: 'µs',
        hubbub: samples('node', ({ posts, serverCpuSeconds }) => ({ value: serverCpuSeconds * 1e6 / posts.acknowledged, count: posts.acknowledged }))
      })
    ]
  })
}
