import t from 'tap'
import { hubbub } from '../admin/command-line.js'
import { call, eventually, guest, missing, post } from '../harness.js'
import { MODERATED, moderation, moderator } from '../moderation/moderator.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { joined, open, rename, startNode } from './presence.js'

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('of two who take one name at the same instant on two nodes, one gets it', async (t) => {
    const redis = await RedisServer.start(t)
    const nodes = [await startNode(t, redis), await startNode(t, redis)]
    const users = await Promise.all(Array.from({ length: 6 }, (_, index) => guest(nodes[index % 2]!.url)))
    for (const spelling of [['The One', 'the one'], ['Zwei', 'ZWEI'], ['III', 'lll']]) {
      const answers = await Promise.all(users.map((user, index) => rename(nodes[index % 2]!, user, spelling[index % 2]!)))
      t.strictSame(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409, 409])
    }
  })

  t.test('guests of all nodes have different names', async (t) => {
    const redis = await RedisServer.start(t)
    const nodes = await Promise.all(Array.from({ length: 3 }, () => startNode(t, redis)))
    const guests = await Promise.all(Array.from({ length: 600 }, (_, index) => guest(nodes[index % 3]!.url)))
    t.equal(new Set(guests.map(({ name }) => name)).size, 600)
  })

  t.test('a name is held while its user is online, whichever node it was taken at, and free again after a rename', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const [alice, other] = [await guest(a.url), await guest(b.url)]
    t.equal((await rename(a, alice, 'Alice Cooper')).status, 200)
    await open(t, b, alice)
    t.equal((await rename(b, other, 'alice-cooper')).status, 409)
    // As when the claim has run out, or the store has lost it: who is online holds it again.
    await redis.command('DEL', 'hubbub:{~names}:alicecooper')
    await eventually(async () => await redis.command('GET', 'hubbub:{~names}:alicecooper') === alice.id, 'held again', 30_000)
    t.equal((await rename(a, other, 'Alice Cooper')).status, 409)
    t.equal((await rename(a, alice, 'Alice')).status, 200)
    await eventually(async () => (await rename(b, other, 'Alice Cooper')).status === 200, 'it is free')
    t.equal((await rename(b, alice, 'Alice Cooper')).status, 409)
  })

  t.test('a name that was spoken under on one node is refused on the other', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const [alice, other] = [await guest(a.url), await guest(b.url)]
    t.equal((await rename(a, alice, 'Alice Cooper')).status, 200)
    t.equal((await post(a.url, { message: 'hi' }, { authorization: alice.authorization })).status, 201)
    const spoken = 'hubbub:{doc:spoken}:alicecooper'
    await eventually(async () => await redis.command('EXISTS', spoken) === 1, 'it is noted')
    const kept = Number(await redis.command('PTTL', spoken))
    t.ok(kept > 86_400_000 && kept <= 90_000_000, 'for a day and an hour')
    // As when she has gone and her claim has run out.
    await redis.command('DEL', 'hubbub:{~names}:alicecooper')
    t.match(await rename(b, other, 'ALICE-COOPER'), { status: 409, body: { code: 'HUB_NAME_TAKEN' } })
    t.equal((await rename(b, alice, 'alice cooper')).status, 200, 'her own she may respell')
    t.equal((await rename(b, alice, 'Alice')).status, 200)
    t.equal((await rename(b, other, 'Alice Cooper')).status, 409, 'also after she has taken another one')
    await redis.command('DEL', spoken)
    await eventually(async () => (await rename(a, other, 'Alice Cooper')).status === 200, 'a day later it is free')
  })

  t.test('a store that comes back without its claims has them again at once', async (t) => {
    const redis = await RedisServer.start(t, { settings: { appendonly: 'no' } })
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const [alice, other] = [await guest(a.url), await guest(b.url)]
    t.equal((await rename(a, alice, 'Alice Cooper')).status, 200)
    await open(t, a, alice)
    await redis.restart()
    for (const node of [a, b]) await eventually(async () => (await call(`${node.url}/readyz`)).status === 200, 'it is back')
    t.equal((await rename(b, other, 'alice-cooper')).status, 409)
  })

  t.test('a rename that could not be told is no certain failure, and can be asked for again', async (t) => {
    const redis = await RedisServer.start(t)
    const node = await startNode(t, redis)
    const user = await guest(node.url)
    const reader = await open(t, node, user)
    // As where the store goes away in between.
    await redis.command('SET', 'hubbub:{~nodes}', 'of another program')
    t.match((await rename(node, user, 'New Name')), { status: 503, body: { code: 'HUB_OUTCOME_UNKNOWN' } })
    await redis.command('DEL', 'hubbub:{~nodes}')
    t.equal((await rename(node, user, 'New Name')).status, 200)
    await reader.until(({ events }) => events.some(({ type, data }) => type === 'name' && data?.['from'] === user.name && data['to'] === 'New Name'))
  })

  t.test('a rename reaches each room on each node, once', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b, c] = [await startNode(t, redis), await startNode(t, redis), await startNode(t, redis)]
    const user = await guest(a.url)
    await post(c.url, { message: 'before' }, { authorization: user.authorization })
    const here = await open(t, a, user, '?room=both&room=here')
    const there = await open(t, b, user, '?room=both&room=there')
    const watching = await open(t, c, undefined, '?room=both')
    const { status, body } = await rename(c, user, 'New Name')
    t.equal(status, 200)
    for (const reader of [here, there, watching]) await reader.until(({ events }) => events.some(({ type }) => type === 'name'))
    for (const room of ['both', 'here', 'there']) {
      await eventually(async () => (await call(`${c.url}/rooms/${room}/events`)).body.events.length > 0, 'told')
      const { events } = (await call(`${c.url}/rooms/${room}/events`)).body
      t.match(events, [{ type: 'name', user: body.user, data: { from: user.name, to: 'New Name' } }], room)
      t.equal(events.length, 1, room)
    }
    t.equal((await call(`${c.url}/rooms/lobby/events`)).body.events.length, 1, 'and nowhere else')
    for (const node of [a, b, c]) {
      t.match((await call(`${node.url}/users/me`, { headers: { authorization: user.authorization } })).body, { user: body.user })
      await eventually(async () => (await call(`${node.url}/users?room=both`)).body.users.some(({ name }: any) => name === 'New Name'), 'listed under it')
      t.match((await post(node.url, { message: 'after' }, { authorization: user.authorization })).body.event.user, body.user)
    }
    t.strictSame((await call(`${a.url}/rooms`)).body.rooms.map(({ room }: any) => room), ['both', 'here', 'lobby', 'there'], 'what nodes tell each other is no room')
    t.equal((await call(`${a.url}/rooms/~nodes/events`)).status, 400)
  })

  t.test('nodes tell each other of a rename without saying from where it came', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis, MODERATED), await startNode(t, redis, MODERATED)]
    const user = await guest(a.url)
    const mute = await moderation(a.url, await moderator('quiet')).mute({ user: user.id, room: 'quiet' })
    const reader = await open(t, b, user, '?room=lobby&room=quiet')
    await reader.until(({ received }) => received.length > 0)
    await eventually(async () => (await call(`${a.url}/users?room=quiet`)).body.count === 1, 'there through the other node')
    t.match(await rename(a, user, 'A Last Word'), { status: 403, body: { code: 'HUB_MUTED' } }, 'silent in a room where the user is through another node')
    t.equal((await moderation(a.url, await moderator('quiet')).undo(mute.body.action.id)).status, 201)
    t.equal((await rename(a, user, 'New Name')).status, 200)
    await reader.until(({ events }) => events.some(({ type }) => type === 'name'))
    const { out } = await hubbub({ REDIS_URL: redis.url }, ['user', 'export', user.id])
    const { keyedHash } = out.trim().split('\n').map((line) => JSON.parse(line)).find(({ record }) => record === 'address')
    t.match(keyedHash, /^[\w-]{22}$/)
    const told = (await redis.command('HVALS', 'hubbub:{~nodes}:events') as string[]).join('\n')
    t.match(told, /New Name/)
    t.notOk(told.includes(keyedHash))
  })

  t.test('a node that was cut off from the others hears of the renames that it missed', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const user = await guest(a.url)
    const reader = await open(t, b, user)
    await reader.until((reader) => joined(reader).includes(user.id))
    for (let round = 0; round < 5; round++) {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      t.equal((await rename(a, user, `Name ${round}`)).status, 200)
      await reader.until(({ events }) => events.some(({ user }) => user.name === `Name ${round}`))
    }
    t.equal(reader.events.length, 5)
  })
}
