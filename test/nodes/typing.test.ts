import t from 'tap'
import { Reader, call, eventually, guest, missing, post, startServer, type Answer } from '../harness.js'
import { MODERATED, moderation, moderator } from '../moderation/moderator.js'
import { startCluster } from '../redis/cluster.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { open, rename, startNode, type Guest } from './presence.js'

const types = ({ url }: { url: string }, { authorization }: Pick<Guest, 'authorization'>, typing = true, room = 'lobby'): Promise<Answer> =>
  call(`${url}/rooms/${room}/typing`, { body: { typing }, headers: { authorization } })
const told = (reader: Reader): any => reader.notices('typing').at(-1)
const until = (reader: Reader, count: number): Promise<Reader> => reader.until((reader) => told(reader)?.count === count)

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('who types through one node does so on all, until they stop or post, by whatever node', async (t) => {
    const redis = await RedisServer.start(t)
    const nodes = [await startNode(t, redis), await startNode(t, redis), await startNode(t, redis)] as const
    const [a, b, c] = nodes
    const ada = await guest(a.url)
    const readers = [await open(t, a), await open(t, b)]
    const all = (count: number): Promise<unknown> => Promise.all(readers.map((reader) => until(reader, count)))
    await types(a, ada)
    await all(1)
    for (const reader of readers) t.match(told(reader).users, [{ id: ada.id, name: ada.name }])
    await types(b, ada, false)
    await all(0)
    await types(c, ada) // Nobody reads there.
    await all(1)
    await post(c.url, { message: 'hi' }, { authorization: ada.authorization })
    await all(0)
    for (const reader of readers) t.equal(reader.received.findLastIndex(({ event }) => event === 'typing') > reader.received.findLastIndex(({ event }) => event === 'message'), true)
    await types(b, ada)
    await all(1)
    const late = await open(t, a)
    await until(late, 1)
    t.equal(late.received[0]!.event, 'welcome')
    t.strictSame(await redis.command('KEYS', '*typing*'), [], 'nothing of it is stored')
    t.notMatch(JSON.stringify(await redis.command('XRANGE', 'hubbub:{~nodes}', '-', '+')), /typing/)
  })

  t.test('a rename, a mute, a ban and leaving count on all nodes', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis, MODERATED), await startNode(t, redis, MODERATED)]
    const ada = await guest(a.url)
    const mods = moderation(a.url, await moderator())
    const reader = await open(t, b)
    let hers = await open(t, a, ada)
    await types(a, ada)
    await until(reader, 1)
    await rename(a, ada, 'Ada')
    await reader.until((reader) => told(reader).users[0]?.name === 'Ada')
    const { body: { action } } = await mods.mute({ user: ada.id, room: 'lobby' })
    await until(reader, 0)
    await eventually(async () => (await types(b, ada)).status === 403, 'muted there, too')
    await mods.undo(action.id)
    await eventually(async () => (await types(b, ada)).status === 200, 'not any more')
    await until(reader, 1)
    hers.close()
    await until(reader, 0)
    hers = await open(t, a, ada)
    await types(a, ada)
    await until(reader, 1)
    await mods.ban({ user: ada.id, room: 'lobby', address: false })
    await until(reader, 0)
  })

  t.test('of a node that dies nobody types after six seconds', async (t) => {
    const redis = await RedisServer.start(t)
    const a = await startServer(t, { REDIS_URL: redis.url })
    const b = await startNode(t, redis)
    const [ada, bob] = [await guest(a.url), await guest(b.url)]
    const reader = await open(t, b)
    await types(a, ada)
    await until(reader, 1)
    await a.stop('SIGKILL')
    await types(b, bob)
    await reader.until((reader) => told(reader).count === 1 && told(reader).users[0].id === bob.id)
    await until(reader, 0)
  })

  t.test('while the store is away, who types is known where they say so, and everywhere once it is back', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const ada = await guest(a.url)
    const [here, there] = [await open(t, a, ada), await open(t, b)]
    await redis.kill()
    await eventually(async () => (await call(`${a.url}/readyz`)).status === 503, 'it is noticed')
    const asked = performance.now()
    t.equal((await types(a, ada)).status, 200)
    t.comment(`${(performance.now() - asked).toFixed(1)} ms`)
    await until(here, 1)
    await until(here, 0)
    t.strictSame(there.notices('typing'), [])
    await redis.restart()
    await eventually(async () => {
      await types(a, ada)
      return told(there)?.count === 1
    }, 'the other node hears it')
  })

  t.test('what others publish in a room\'s channel is passed over', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const ada = await guest(a.url)
    const reader = await open(t, b)
    const junk = ['typing', 'typing ', 'typing x', 'typing x\n', 'typing x\nnull', 'typing x\n{}', 'typing x\n{"user":null}', 'typing x\n{"user":{"id":1,"name":"x","tag":"x"},"types":true}', 'typing x\n{"user":{"id":"x"},"types":true}', `typing x\n${'['.repeat(10_000)}`]
    for (const text of junk) await redis.command('PUBLISH', 'hubbub:0:{lobby}:online', text)
    await types(a, ada)
    await until(reader, 1)
    t.equal(reader.notices('typing').length, 1)
  })

  t.test('on a cluster', async (t) => {
    const { url } = await startCluster(t)
    const [a, b] = [await startNode(t, { url }), await startNode(t, { url })]
    const rooms = ['lobby', 'x', 'y', 'z']
    const reader = await open(t, b, undefined, `?${rooms.map((room) => `room=${room}`).join('&')}`)
    const ada = await guest(a.url)
    for (const room of rooms) await types(a, ada, true, room)
    await reader.until((reader) => new Set(reader.notices('typing').map(({ room }) => room)).size === 4)
    for (const room of rooms) await post(a.url, { room, message: 'hi' }, { authorization: ada.authorization })
    await reader.until((reader) => rooms.every((name) => reader.notices('typing').findLast(({ room }) => room === name).count === 0))
  })
}
