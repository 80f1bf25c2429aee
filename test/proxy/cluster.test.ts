import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { EventSource } from 'eventsource'
import type { Test } from 'tap'
import t from 'tap'
import type { ChatEvent } from '../../src/chat/event.js'
import { Reader, call, chainFlaw, eventually, guest, missing, post, startServer, type RunningServer } from '../harness.js'
import { freePort } from '../redis/free-port.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { missingCaddy, startCaddy, type Caddy } from './caddy.js'

const NODES = 3
const READERS = 30
/** ms for which a machine may stand still (a virtual one that is paused): a node says for so much longer than it takes the balancer to see it that it goes down. */
const STANDS_STILL_MS = 1_000

interface Cluster {
  redis: RedisServer
  caddy: Caddy
  nodes: RunningServer[]
  /** Starts a node that has ended again, at its address. */
  restart (index: number): Promise<void>
}

/** What the compose file's profile starts. */
async function startCluster (t: Test): Promise<Cluster> {
  const redis = await RedisServer.start(t)
  const ports = new Set<number>()
  while (ports.size < NODES) ports.add(await freePort())
  const start = (port: number): Promise<RunningServer> =>
    startServer(t, { REDIS_URL: redis.url, PORT: String(port), DRAIN_DELAY: '4s', DRAIN_TIME: '2s', PUBLIC_URL: 'https://localhost:443', TRUST_PROXY: 'loopback' })
  const nodes = await Promise.all([...ports].map(start))
  // A node whose loop has stalled as it started would be passed over by the balancer for a while.
  for (const { url } of nodes) await eventually(async () => (await call(`${url}/readyz`)).status === 200, 'it is ready')
  return {
    redis,
    caddy: await startCaddy(t, nodes.map(({ url }) => url)),
    nodes,
    restart: async (index) => { nodes[index] = await start([...ports][index]!) }
  }
}

t.test('a rolling restart behind Caddy: nobody misses or doubles anything, no post fails, no stream is left behind', { timeout: 120_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY) || missingCaddy(t)) return
  const { caddy, nodes, restart } = await startCluster(t)
  const streams = (): Promise<number[]> => Promise.all(nodes.map(async ({ url }) => (await call(`${url}/healthz`)).body.streams))

  // What each reader received, and the longest time between two messages, in ms.
  const readers: Array<{ events: EventSource, received: ChatEvent[], heard: number, silence: number }> = []
  while (readers.length < READERS) {
    const events = new EventSource(`${caddy.url}/events`)
    t.teardown(() => events.close())
    const reader = { events, received: [] as ChatEvent[], heard: Infinity, silence: 0 }
    events.onmessage = ({ data }) => {
      reader.received.push(JSON.parse(data))
      reader.silence = Math.max(reader.silence, performance.now() - reader.heard)
      reader.heard = performance.now()
    }
    await new Promise((resolve) => events.addEventListener('welcome', resolve, { once: true }))
    readers.push(reader)
  }
  t.strictSame(await streams(), Array(NODES).fill(READERS / NODES), 'each node has as many streams')

  let stoodStill = 0
  let looked = performance.now()
  const looks = setInterval(() => {
    const now = performance.now()
    stoodStill = Math.max(stoodStill, now - looked)
    looked = now
  }, 50)
  t.teardown(() => clearInterval(looks))

  let over = false
  const accepted: string[] = []
  const refused: unknown[] = []
  const { authorization } = await guest(caddy.url)
  /** Until it is taken: what a node has refused, another takes. @returns the event's id */
  const send = async (message: string): Promise<string> => {
    for (;;) {
      const { status, body } = await post(caddy.url, { message, key: message }, { authorization })
      if (status === 201 || status === 200) return body.event.id
      refused.push(body)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const posting = Array.from({ length: 3 }, async (_, publisher) => {
    for (let i = 0; !over; i++) {
      accepted.push(await send(`${i}-of-${publisher}`))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  for (const index of nodes.keys()) {
    t.equal(await nodes[index]!.stop('SIGTERM'), 0)
    await eventually(async () => {
      const others = nodes.filter((_, other) => other !== index)
      const counts = await Promise.all(others.map(async ({ url }) => (await call(`${url}/healthz`)).body.streams))
      return counts.reduce((sum, count) => sum + count, 0) === READERS
    }, 'its streams are at the others')
    await restart(index)
  }
  over = true
  await Promise.all(posting)
  const last = await send('last')
  accepted.push(last)
  await Promise.all(readers.map(({ received }) => eventually(() => received.at(-1)?.id === last, 'everybody has the last')))

  const refusals = `of ${accepted.length} posts ${refused.length} were refused first${refused.length === 0 ? '' : `: ${JSON.stringify(refused[0])}`}`
  if (stoodStill > STANDS_STILL_MS) {
    t.comment(`the machine stood still for ${Math.round(stoodStill)} ms; ${refusals}`)
    for (const answer of refused) t.match(answer, { statusCode: 503, code: /^HUB_(STORE_UNAVAILABLE|OUTCOME_UNKNOWN)$/ }, 'and each was told so')
  } else t.equal(refused.length, 0, refusals)
  const flaws = readers.map(({ received }) => chainFlaw(received, '0-0')).filter((flaw) => flaw !== undefined)
  t.strictSame(flaws, [], flaws.length === 0 ? 'each reader saw one chain' : `${flaws.length} readers did not see one chain: ${flaws[0]}`)
  const lost = readers.map(({ received }) => {
    const ids = new Set(received.map(({ id }) => id))
    return accepted.filter((id) => !ids.has(id)).length
  })
  t.ok(lost.every((count) => count === 0), 'with everything that was accepted in it')
  t.equal(new Set(readers[0]!.received.map(({ message }) => message)).size, readers[0]!.received.length, 'and nothing twice')
  t.comment(`the longest silence of a reader: ${Math.round(Math.max(...readers.map(({ silence }) => silence)))} ms`)
})

t.test('while the store is away no node is taken for dead, and nobody is left without an answer', { timeout: 60_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY) || missingCaddy(t)) return
  const { redis, caddy, nodes } = await startCluster(t)
  const reader = await (await Reader.open(`${caddy.url}/events`)).until(({ received }) => received.length > 0)
  // The container's health check, as it stands.
  const [command, ...args] = JSON.parse(/^HEALTHCHECK .*\n +CMD (\[.*\])$/m.exec(readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8'))![1]!)
  const healthy = (url: string): Promise<boolean> =>
    promisify(execFile)(command, args, { env: { ...process.env, PORT: new URL(url).port } }).then(() => true, () => false)

  redis.freeze()
  await Promise.all(nodes.map(({ url }) => eventually(async () => (await call(`${url}/readyz`)).status === 503, 'it is not ready')))
  t.strictSame(await Promise.all(nodes.map(({ url }) => healthy(url))), [true, true, true], 'it is healthy all the same')
  // The one goes through to a node or not, by when Caddy has heard of it.
  t.match(await post(caddy.url, { message: 'not now' }), { status: 503, body: { code: /^HUB_(STORE_UNAVAILABLE|OUTCOME_UNKNOWN)$/ } })
  await eventually(async () => (await post(caddy.url, { message: 'not now' })).body.code === 'HUB_STORE_UNAVAILABLE', 'nobody is asked')
  const turned = await (await Reader.open(`${caddy.url}/events`)).end()
  t.equal(turned.response.statusCode, 200)
  t.ok(turned.text.includes('retry: '), 'it comes back later')
  t.notOk(reader.ended, 'who reads goes on reading')

  redis.thaw()
  await eventually(async () => (await post(caddy.url, { message: 'here again' })).status === 201, 'all is well')
  await reader.until(({ messages }) => messages.at(-1) === 'here again')
  t.equal(chainFlaw(reader.events), undefined)
  reader.close()

  await nodes[0]!.stop('SIGKILL')
  t.notOk(await healthy(nodes[0]!.url), 'one that is dead is not healthy')
})
