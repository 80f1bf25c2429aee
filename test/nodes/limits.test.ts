import t from 'tap'
import { call, eventually, guest, missing, post, startServer, type Answer, type Environment, type RunningApp } from '../harness.js'
import { Address } from '../redis/address.js'
import { startCluster } from '../redis/cluster.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { open, startNode, type Guest } from './presence.js'

const JSON_LINES = { accept: 'application/x-ndjson' }

type Pair = [a: RunningApp, b: RunningApp]

async function pair (t: Parameters<typeof startNode>[0], redis: { url: string }, environment: Environment): Promise<Pair> {
  return [await startNode(t, redis, { LIMITS: 'on', ...environment }), await startNode(t, redis, { LIMITS: 'on', ...environment })]
}

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('each limit holds over all nodes', async (t) => {
    const poll = { accept: 'application/json' }
    const by = ({ authorization }: Guest, more = {}): Record<string, string> => ({ authorization, ...more })
    /** What is done to meet a limit that lets two through. */
    const ways: Array<[limit: string, environment: Environment, act: (node: RunningApp, user: Guest, index: number) => Promise<Answer>]> = [
      ['posts-per-user', { POSTS_PER_MINUTE: '2' }, ({ url }, user, index) => post(url, { message: `${index}` }, by(user))],
      ['posts-per-address', { POSTS_PER_MINUTE_ADDRESS: '2' }, ({ url }, _user, index) => post(url, { message: `${index}` })],
      ['posts-total', { POSTS_PER_MINUTE_TOTAL: '2' }, ({ url }, _user, index) => post(url, { message: `${index}` })],
      ['repeats-per-user', { REPEATS_PER_MINUTE: '2' }, ({ url }, user) => post(url, { message: 'the same' }, by(user))],
      ['streams-per-user', { STREAMS_PER_MINUTE: '2' }, ({ url }, user) => call(`${url}/events?wait=0`, { headers: by(user, poll) })],
      ['streams-per-address', { STREAMS_PER_MINUTE_ADDRESS: '2' }, ({ url }, user) => call(`${url}/events?wait=0`, { headers: by(user, poll) })],
      ['streams-total', { STREAMS_PER_MINUTE_TOTAL: '2' }, ({ url }, user) => call(`${url}/events?wait=0`, { headers: by(user, poll) })],
      // One of them is the user.
      ['guests-per-address', { GUESTS_PER_MINUTE: '3' }, ({ url }) => call(`${url}/users/me`)],
      ['guests-total', { GUESTS_PER_MINUTE_TOTAL: '3' }, ({ url }) => call(`${url}/users/me`)],
      ['renames-per-user', { RENAMES_PER_MINUTE: '2' }, ({ url }, user, index) => call(`${url}/users/me`, { method: 'PATCH', body: { name: `Ada ${index}` }, headers: by(user) })],
      ['reports-per-user', { REPORTS_PER_MINUTE: '2' }, async ({ url }, user) => call(`${url}/rooms/lobby/reports`, { body: { event: (await post(url, { message: 'hi' })).body.event.id }, headers: by(user) })],
      ['reads-per-address', { READS_PER_MINUTE_ADDRESS: '3' }, ({ url }, user) => call(`${url}/users/me`, { headers: by(user) })]
    ]
    for (const [limit, environment, act] of ways) {
      const redis = await RedisServer.start(t)
      const [a, b] = await pair(t, redis, environment)
      const user = await guest(a.url)
      const [one, two, three] = [await act(a, user, 0), await act(b, user, 1), await act(a, user, 2)]
      t.ok([one, two].every(({ status }) => status < 300), `${limit}: ${one.status}, ${two.status}`)
      t.match(three, { status: 429, body: { limit } })
      t.match(three.headers.get('retry-after'), /^[1-9]\d*$/)
      await Promise.all([a.app.close(), b.app.close()])
    }
  })

  t.test('open streams count over all nodes, by user and by address', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = await pair(t, redis, { MAX_STREAMS_PER_USER: '2', MAX_STREAMS_PER_ADDRESS: '3' })
    const user = await guest(a.url)
    const first = await open(t, a, user)
    await open(t, b, user)
    for (const { url } of [a, b]) t.match(await call(`${url}/events`, { headers: { ...JSON_LINES, authorization: user.authorization } }), { status: 429, body: { limit: 'open-streams-per-user' } })
    await open(t, b)
    for (const { url } of [a, b]) t.match(await call(`${url}/events?lurk=1`, { headers: JSON_LINES }), { status: 429, body: { limit: 'open-streams-per-address' } })
    first.close()
    await eventually(async () => (await open(t, b, user)).notices('welcome').length === 1, 'a place is free, on the other node')
  })

  t.test('how many are online behind an address is known over all nodes, each once', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const hash = a.app.hashOfAddress('127.0.0.1')
    t.equal(b.app.hashOfAddress('127.0.0.1'), hash)
    const user = await guest(a.url)
    const readers = [await open(t, a, user), await open(t, b, user), await open(t, b)]
    for (const { app } of [a, b]) await eventually(async () => (await app.places.behind(hash)).size === 2, 'two')
    for (const reader of readers) reader.close()
    for (const { app } of [a, b]) await eventually(async () => (await app.places.behind(hash)).size === 0, 'nobody')
    await eventually(async () => (await redis.command('KEYS', 'hubbub:{~nodes}:streams:*') as string[]).length === 0, 'nothing is left')
    const keys = await redis.command('KEYS', '*') as string[]
    t.notOk(keys.some((key) => key.includes('127.0.0.1')), 'no address is in the store')
  })

  t.test('what a node had that died counts no more once its lease has run out', { timeout: 90_000 }, async (t) => {
    const redis = await RedisServer.start(t)
    const environment = { LIMITS: 'on', MAX_STREAMS_PER_USER: '1', STREAMS_PER_MINUTE: '100000', STREAMS_PER_MINUTE_ADDRESS: '100000' }
    const node = await startNode(t, redis, environment)
    const doomed = await startServer(t, { ...environment, REDIS_URL: redis.url })
    const user = await guest(node.url)
    await open(t, doomed, user)
    t.match(await call(`${node.url}/events`, { headers: { ...JSON_LINES, authorization: user.authorization } }), { status: 429 })
    const hash = node.app.hashOfAddress('127.0.0.1')
    await eventually(async () => (await node.app.places.behind(hash)).size === 1, 'he is online')
    await doomed.stop('SIGKILL')
    await eventually(async () => (await open(t, node, user)).notices('welcome').length === 1, 'he is let in', 60_000)
    t.equal((await node.app.places.behind(hash)).size, 1)
  })

  t.test('while Redis is away each node limits by itself, refuses nobody for that, and lets nobody wait long', { timeout: 60_000 }, async (t) => {
    const redis = await RedisServer.start(t)
    const address = await Address.open(t, redis)
    const [a, b] = await pair(t, address, { READS_PER_MINUTE_ADDRESS: '4', MAX_STREAMS_PER_USER: '2' })
    const user = await guest(a.url)
    const ask = (url: string): Promise<Answer> => call(`${url}/docs/json`) // Of which the store has nothing.
    const ready = ({ url }: RunningApp): Promise<void> => eventually(async () => (await call(`${url}/readyz`)).status === 200, 'it is ready')

    t.comment('it does not answer')
    address.hold()
    for (const { url } of [a, b]) t.strictSame((await Promise.all([1, 2, 3].map(() => ask(url)))).map(({ status }) => status), [200, 200, 200], 'more than all may, less than each')
    address.release()
    await Promise.all([a, b].map(ready))

    t.comment('it is gone')
    address.lead(undefined)
    t.equal((await ask(b.url)).status, 200)
    for (const { url } of [a, b]) t.match(await ask(url), { status: 429, body: { limit: 'reads-per-address' } }, 'by its own count')
    address.lead(redis)
    await Promise.all([a, b].map(ready))

    t.comment('it is back')
    await open(t, a, user)
    await open(t, b, user)
    t.match(await call(`${b.url}/events`, { headers: { ...JSON_LINES, authorization: user.authorization } }), { status: 429, body: { limit: 'open-streams-per-user' } })
  })

  t.test('on a cluster', async (t) => {
    const { url } = await startCluster(t)
    const [a, b] = await pair(t, { url }, { POSTS_PER_MINUTE: '2', MAX_STREAMS_PER_USER: '1' })
    const user = await guest(a.url)
    const say = (node: RunningApp, message: string): Promise<Answer> => post(node.url, { message }, { authorization: user.authorization })
    t.strictSame([(await say(a, '1')).status, (await say(b, '2')).status], [201, 201])
    t.match(await say(a, '3'), { status: 429, body: { limit: 'posts-per-user' } })
    await open(t, a, user)
    t.match(await call(`${b.url}/events`, { headers: { ...JSON_LINES, authorization: user.authorization } }), { status: 429, body: { limit: 'open-streams-per-user' } })
  })
}
