import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { absolute, ratio, whole } from '../figures.js'
import { callScript, cpuSeconds, withNodes, withRedis } from '../redis.js'

export const name = 'one-redis'
export const section = 'many nodes'

const MESSAGE = 200
/** As eight nodes would, each with 64 posts in flight. */
const NODES = { connections: 8, pipeline: 64, message: MESSAGE }
const PERSISTENCE = ['fsync', 'everysec', 'memory']
const SUBSCRIBERS = [1, 2, 4, 8]
const EVENTS = 100_000
const ROOMS = 1_000
/** s over which an idle node is looked at: it looks into quiet rooms every five. */
const IDLE = 20
const SETTLE_MS = 6_000

/** What one Redis takes, holds and costs: nothing here is against a peer, it is for the arithmetic of many nodes. */
export async function run (bench) {
  if (bench.servers.redis === undefined) return []
  const alone = (options, persistence, before) => withRedis(bench, async (redis) => {
    await before?.(redis)
    const result = await callScript(bench, redis, { ...NODES, ...options })
    bench.record('the bare script', { persistence, ...options }, result)
    return { value: result.perSecond, count: result.acknowledged }
  }, { persistence })
  const rounds = await bench.repeat(async () => {
    const round = {}
    for (const persistence of PERSISTENCE) round[persistence] = await alone({}, persistence)
    for (const count of SUBSCRIBERS) round[count] = await alone({}, 'fsync', ({ port }) => subscribe(port, count))
    return round
  }, { fewer: 1 })
  const of = (key) => rounds.map(({ [key]: sample }) => sample)
  const what = 'the bare script as by 8 nodes, 64 posts in flight each'
  return [
    absolute({ what: `${what}, fsync`, unit: 'stored/s', hubbub: of('fsync') }),
    ...['everysec', 'memory'].map((each) => ratio({ what: `${what}, ${each}`, unit: 'stored/s', hubbub: of(each), against: 'fsync', other: of('fsync') })),
    ...SUBSCRIBERS.map((count) => ratio({
      what: `${what}, fsync, heard by ${count}`, unit: 'stored/s', hubbub: of(count), against: 'heard by none', other: of('fsync')
    })),
    ...await memory(bench),
    ...await idle(bench)
  ]
}

/** Connections that hear the room, and read nothing of what they hear. They end with Redis. */
async function subscribe (port, count) {
  for (let i = 0; i < count; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write('SUBSCRIBE hubbub:0:{room-0}\r\n')
    await once(socket, 'data')
    socket.resume()
  }
}

/** What Redis says that it uses, more, with so many events. */
async function memory (bench) {
  const grown = (options) => withRedis(bench, async (redis) => {
    const used = async () => Number(/used_memory:(\d+)/.exec(await redis.client.info('memory'))[1])
    await callScript(bench, redis, { ...NODES, calls: 1_000, keyTtlMs: 1, history: Number.MAX_SAFE_INTEGER })
    const before = await used()
    await callScript(bench, redis, { ...NODES, calls: EVENTS, history: Number.MAX_SAFE_INTEGER, ...options })
    await delay(SETTLE_MS) // The keys that expire are removed some at a time.
    return { value: (await used() - before) / EVENTS, count: EVENTS }
  }, { persistence: 'memory' })
  const event = await grown({ keyTtlMs: 1 })
  const withKey = await grown({ keyTtlMs: 86_400_000 })
  return [
    absolute({ what: `Redis's memory of an event, ${MESSAGE} bytes of message`, unit: 'bytes', hubbub: [event] }),
    absolute({ what: 'Redis\'s memory of a key of a post, for 24 h', unit: 'bytes', hubbub: [{ ...withKey, value: withKey.value - event.value }] })
  ]
}

/** What a node and its Redis do where nobody posts. */
async function idle (bench) {
  return withRedis(bench, (redis) => withNodes(bench, redis, 1, async ([node]) => {
    const sockets = []
    for (let room = 0; room < ROOMS; room++) {
      const socket = connect(node.port, '127.0.0.1')
      socket.write(`GET /events?lurk=1&room=room-${room} HTTP/1.1\r\nHost: bench\r\n\r\n`)
      await once(socket, 'data')
      sockets.push(socket.resume())
    }
    await delay(SETTLE_MS)
    const before = [node, redis].map(({ pid }) => cpuSeconds(pid))
    await delay(IDLE * 1_000)
    const [ofNode, ofRedis] = [node, redis].map(({ pid }, i) => ({ value: (cpuSeconds(pid) - before[i]) / IDLE * 100, count: ROOMS }))
    for (const socket of sockets) socket.destroy()
    return [
      absolute({ what: `a node that holds ${whole(ROOMS)} idle rooms with a stream each, CPU`, unit: '% of a core', hubbub: [ofNode] }),
      absolute({ what: 'its Redis, CPU', unit: '% of a core', hubbub: [ofRedis] })
    ]
  }))
}
