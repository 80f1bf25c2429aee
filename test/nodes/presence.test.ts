import t from 'tap'
import { call, eventually, guest, missing, post } from '../harness.js'
import { startCluster } from '../redis/cluster.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { joined, left, online, open, passBy, rename, startNode } from './presence.js'

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('who comes and goes is told on every node, once; a welcome has everybody', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const [witness, user] = [await guest(a.url), await guest(a.url)]
    const watching = await open(t, b, witness)
    await watching.until((watching) => joined(watching).includes(witness.id))
    await eventually(async () => (await online(a)).length === 1, 'the other node knows')
    const reader = await open(t, a, user)
    t.strictSame(reader.notices('welcome')[0].rooms[0].members.map(({ id }: any) => id).sort(), [witness.id, user.id].sort())
    await watching.until((watching) => joined(watching).includes(user.id))
    t.strictSame(watching.notices('presence').at(-1).joined, [reader.notices('welcome')[0].user], 'with name and tag')
    for (const node of [a, b]) t.strictSame(await online(node), [witness.id, user.id].sort())
    reader.close()
    await watching.until((watching) => left(watching).includes(user.id))
    await passBy(t, a, watching)
    t.equal(joined(watching).filter((id) => id === user.id).length, 1)
    t.equal(left(watching).filter((id) => id === user.id).length, 1)
    t.notOk(left(watching).includes(witness.id))
  })

  t.test('a user with streams on two nodes is one, who stays until the last has ended', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b, c] = [await startNode(t, redis), await startNode(t, redis), await startNode(t, redis)]
    const user = await guest(a.url)
    const watching = await open(t, c)
    const here = await open(t, a, user)
    await watching.until((watching) => joined(watching).includes(user.id))
    const there = await open(t, b, user)
    t.equal(there.notices('welcome')[0].rooms[0].count, 2)
    await passBy(t, b, watching, here)
    here.close()
    await passBy(t, a, watching, there)
    await passBy(t, b, watching, there)
    t.equal(joined(watching).filter((id) => id === user.id).length, 1)
    t.notOk(left(watching).includes(user.id), 'he is still on the other')
    there.close()
    await watching.until((watching) => left(watching).includes(user.id))
    await eventually(async () => (await online(a)).length === 1, 'the other node knows')
  })

  t.test('who moves from node to node does not blink', async (t) => {
    const redis = await RedisServer.start(t)
    const nodes = [await startNode(t, redis), await startNode(t, redis), await startNode(t, redis)]
    const user = await guest(nodes[0]!.url)
    const watching = await Promise.all(nodes.map((node) => open(t, node)))
    let reader = await open(t, nodes[0]!, user)
    await Promise.all(watching.map((reader) => reader.until((reader) => joined(reader).includes(user.id))))
    for (let round = 1; round < 10; round++) {
      reader.close()
      reader = await open(t, nodes[round % 3]!, user)
    }
    await passBy(t, nodes[1]!, ...watching)
    for (const witness of watching) {
      t.equal(joined(witness).filter((id) => id === user.id).length, 1)
      t.notOk(left(witness).includes(user.id))
    }
  })

  t.test('a room that a node does not read is asked of the store', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const [one, two] = [await guest(a.url), await guest(b.url)]
    await post(b.url, { room: 'far', message: 'there' })
    await open(t, a, one, '?room=far')
    await open(t, a, two, '?room=far')
    await eventually(async () => (await online(b, 'far')).length === 2, 'listed')
    t.strictSame(await online(b, 'far'), [one.id, two.id].sort())
    t.match((await call(`${b.url}/users?room=far`)).body, { count: 2, users: [{ tag: /^.{6}$/ }, {}] })
    t.match((await call(`${b.url}/rooms`)).body.rooms, [{ room: 'far', online: 2 }])
    t.strictSame(await online(b, 'nobody'), [])
    t.strictSame(await redis.command('KEYS', '*{nobody}*'), [], 'to ask leaves nothing')
  })

  t.test('a room that another program has put something into is none the worse for its readers', async (t) => {
    const redis = await RedisServer.start(t)
    await redis.command('SET', 'hubbub:{lobby}:online', 'not ours')
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const reader = await open(t, a)
    t.equal((await post(b.url, { message: 'hi' })).status, 201)
    await reader.until(({ messages }) => messages.length === 1)
    const watching = await open(t, b)
    await redis.command('DEL', 'hubbub:{lobby}:online')
    const id = reader.notices('welcome')[0].user.id
    await watching.until((watching) => joined(watching).includes(id))
  })

  t.test('on a cluster', async (t) => {
    const { url, servers } = await startCluster(t)
    const [a, b] = [await startNode(t, { url }), await startNode(t, { url })]
    const query = `?${['lobby', 'x', 'y', 'z'].map((room) => `room=${room}`).join('&')}`
    const watching = await open(t, b, undefined, query)
    const user = await guest(a.url)
    const reader = await open(t, a, user, query)
    const told = (ids: string[]): boolean => ids.filter((id) => id === user.id).length === 4
    await watching.until((watching) => told(joined(watching)))
    t.equal((await rename(a, await guest(a.url), user.name)).status, 409)
    t.equal((await rename(b, await guest(b.url), user.name)).status, 409)
    t.equal((await rename(b, user, 'New Name')).status, 200)
    await watching.until(({ events }) => events.length === 4)
    for (const server of servers) await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    reader.close()
    await watching.until((watching) => told(left(watching)), 40_000)
    t.equal(watching.events.length, 4)
  })

  t.test('a crowd tells its count, over all nodes', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis, { CROWD: '3' }), await startNode(t, redis, { CROWD: '3' })]
    const watching = await open(t, b)
    for (let i = 0; i < 4; i++) await open(t, a)
    await watching.until((watching) => watching.notices('presence').at(-1)?.count === 5)
    t.notOk('joined' in watching.notices('presence').at(-1))
    const [room] = (await open(t, b)).notices('welcome')[0].rooms
    t.equal(room.count, 6)
    t.notOk('members' in room)
  })
}
