import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { Failure } from './failure.js'
import { spawnOn } from './start.js'

/** Redis is elsewhere than its nodes, as it should be: it shares a core with what loads them. */
const CORE = 1
/** Of Linux, in a second. */
const CLOCK_TICKS = 100
/** Posts of the first run, which tells how many a measurement takes. */
const FIRST = 20_000

/**
 * A Redis of its own for what is done with it, which it then ends.
 * @param options.persistence `fsync` where not given
 * @param action takes it: beside what every server has, `client`, a connection, and `environment` for its nodes
 */
export async function withRedis (bench, action, options) {
  const server = await bench.start(bench.servers.redis, { core: CORE, ...options })
  const client = new Redis({ port: server.port })
  try {
    return await action({ ...server, client, environment: { REDIS_URL: `redis://127.0.0.1:${server.port}` } })
  } finally {
    client.disconnect()
    await server.stop()
  }
}

/**
 * Starts nodes on a Redis for what is done with them, and ends them.
 * @param action takes as many as asked for
 */
export async function withNodes (bench, { environment }, count, action) {
  const nodes = []
  try {
    while (nodes.length < count) nodes.push(await bench.start(bench.servers.node, { environment }))
    return await action(nodes)
  } finally {
    for (const node of nodes) await node.stop()
  }
}

/**
 * The script that stores a post, called by `redis-benchmark`, which does nothing else: what Redis alone can do.
 * @param options.connections each with as many calls in flight as `pipeline`
 * @param options.message bytes, 21 as the load generator's posts where not given
 * @param options.calls instead of a second to warm up, and then the seconds of a measurement
 * @param options.keyTtlMs how long it remembers what became of each
 * @param options.history events that the room keeps
 * @returns `{ acknowledged, perSecond }`
 * @throws {Failure} where not every call has stored an event
 */
export async function callScript (bench, { port, client }, { connections, pipeline, message = 21, calls, keyTtlMs = 10_000, history = 10_000 }) {
  const { WRITE } = await import('../dist/engines/redis/scripts.js').catch(() => { throw new Failure('dist/ is missing: npm run build') })
  await client.script('LOAD', WRITE)
  const hash = createHash('sha1').update(WRITE).digest('hex')
  const stream = 'hubbub:{room-0}'
  const content = JSON.stringify({ type: 'message', user: { id: 'oqj-LwD5kAbE278E', name: 'amber-fox', tag: 'h4x2mq' }, message: 'x'.repeat(message) })
  // Its random numbers are the same each time that it is started.
  const call = (nonce) => ['EVALSHA', hash, 3, stream, `${stream}:events`, `${stream}:key:${nonce}`,
    Date.now() + 3_600_000, '0-0', nonce, '', keyTtlMs, history, 'hubbub:0:{room-0}', content, '', '', '', '']
  const stored = async () => {
    const info = await client.xinfo('STREAM', stream).catch(() => ['entries-added', 0]) // There is none yet.
    return Number(info[info.indexOf('entries-added') + 1])
  }
  let runs = 0
  const run = async (n) => {
    const before = await stored()
    const { perSecond } = await redisBenchmark(['-p', port, '-c', connections, '-P', pipeline, '-n', n, '-r', 1_000_000_000, ...call(`${runs++}.__rand_int__`)])
    // A key that comes twice by chance stores one event. That many are too many.
    const missing = n - (await stored() - before)
    if (missing > n / 1_000) throw new Failure(`redis-benchmark called the script ${n} times, and ${missing} times it stored nothing`)
    return { acknowledged: n, perSecond }
  }
  if (calls !== undefined) return run(calls)
  const { perSecond } = await run(FIRST)
  await run(Math.ceil(perSecond * bench.warmUp))
  return run(Math.ceil(perSecond * bench.seconds))
}

async function redisBenchmark (args) {
  const child = spawnOn(0, ['redis-benchmark', '--csv', ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  const perSecond = Number(/"([\d.]+)"/.exec(output.trim().split('\n').at(-1).split(',').slice(-7).join(','))?.[1])
  if (code !== 0 || !(perSecond > 0)) throw new Failure(`redis-benchmark: ${complaint.trim() || output.trim()}`)
  return { perSecond }
}

/** CPU time of a process, of all its threads. */
export function cpuSeconds (pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS
}
