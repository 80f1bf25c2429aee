import t from 'tap'
import { eventually, guest, missing, startServer } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { joined, left, online, open, passBy, startNode } from './presence.js'

/** Most of these wait for leases to run out: they do so together. */
t.jobs = 4
const together = (): { buffered: boolean, timeout: number } => ({ buffered: true, timeout: 90_000 })

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('the users of a node that dies without a word are gone after its lease, and no others', together(), async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const doomed = await startServer(t, { REDIS_URL: redis.url })
    const [watcher, lost, moved, both] = [await guest(a.url), await guest(a.url), await guest(a.url), await guest(a.url)]
    const watching = await open(t, a, watcher)
    await open(t, b, both)
    for (const user of [lost, moved, both]) await open(t, doomed, user)
    await open(t, doomed, lost, '?room=unread')
    await watching.until((watching) => [lost, moved, both].every(({ id }) => joined(watching).includes(id)))
    await eventually(async () => (await online(b, 'unread')).length === 1, 'in the other room too')
    await doomed.stop('SIGKILL')
    await open(t, b, moved)
    await watching.until((watching) => left(watching).includes(lost.id), 40_000)
    t.strictSame(await online(a), [watcher, moved, both].map(({ id }) => id).sort())
    await eventually(async () => (await online(b)).length === 3, 'the other node knows')
    await eventually(async () => (await online(b, 'unread')).length === 0, 'gone from a room that nobody reads')
    t.strictSame(left(watching), [lost.id], 'who was or came elsewhere has not blinked')
    t.equal(new Set(joined(watching)).size, joined(watching).length)
    await eventually(async () => (await redis.command('KEYS', 'hubbub:{~nodes}:rooms:*')).length === 2, 'what it has left is removed')
    t.strictSame(await redis.command('KEYS', '*{unread}*'), [])
  })

  t.test('a restart makes nobody blink who comes back, and leaves no ghosts', together(), async (t) => {
    const redis = await RedisServer.start(t)
    const a = await startNode(t, redis)
    const environment = { REDIS_URL: redis.url, PRESENCE_GRACE: '1s', DRAIN_TIME: '100ms' }
    const before = await startServer(t, environment)
    const users = await Promise.all(Array.from({ length: 20 }, () => guest(a.url)))
    const watching = await open(t, a)
    const readers = await Promise.all(users.map((user) => open(t, before, user)))
    await watching.until((watching) => users.every(({ id }) => joined(watching).includes(id)))
    const stopped = before.stop('SIGTERM')
    await Promise.all(readers.map((reader) => reader.end()))
    t.equal(await stopped, 0)
    const after = await startServer(t, environment)
    // Half of them come back, some to the other node.
    for (const [index, user] of users.slice(0, 10).entries()) await open(t, index % 2 === 0 ? after : a, user)
    const gone = users.slice(10).map(({ id }) => id).sort()
    await watching.until((watching) => gone.every((id) => left(watching).includes(id)), 40_000)
    await passBy(t, after, watching)
    t.strictSame(left(watching).slice(0, 10).sort(), gone)
    t.equal(new Set(joined(watching)).size, joined(watching).length)
    await eventually(async () => (await online(after)).length === 11, 'the new node knows')
  })
}
