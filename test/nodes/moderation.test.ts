import t from 'tap'
import { Reader, call, eventually, guest, missing, post, startServer, type RunningServer } from '../harness.js'
import { SECRET, bearer, inSeconds, sign } from '../host-application.js'
import { MODERATED, moderation, moderator } from '../moderation/moderator.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { open, startNode } from './presence.js'
import { scaled } from './scale.js'

const auth = ({ authorization }: { authorization: string }): Record<string, string> => ({ authorization })
const history = async ({ url }: { url: string }, room = 'lobby'): Promise<any[]> => (await call(`${url}/rooms/${room}/events?limit=500`)).body.events

/** What the issue of trust promises of bans and of tokens that end: ms. */
const PROMISED_MS = 1_000

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('how long it takes until another node acts: ban, mute, deletion, expiry', async (t) => {
    const redis = await RedisServer.start(t)
    const environment = { ...MODERATED, REDIS_URL: redis.url, PRESENCE_GRACE: '200ms', DRAIN_TIME: '0s' }
    const [a, b] = await Promise.all([startServer(t, environment), startServer(t, environment)]) as [RunningServer, RunningServer]
    const mods = moderation(a.url, await moderator())
    const took: Record<string, number[]> = { ban: [], mute: [], delete: [], expiry: [], 'lifted by time': [] }
    const watching = await open(t, b)
    for (let round = 0; round < scaled(8, 50); round++) {
      const user = await guest(b.url)
      const reader = await Reader.open(`${b.url}/events`, { headers: auth(user) })
      await reader.until(({ received }) => received.length > 0)
      const { body: { event } } = await post(b.url, { message: `secret ${round}` }, auth(user))

      const { body: { announcement } } = await mods.remove(event)
      let answered = performance.now()
      await watching.until(({ events }) => events.some(({ id }) => id === announcement))
      took['delete']!.push(performance.now() - answered)

      const muted = await mods.mute({ user: user.id, room: 'lobby' })
      answered = performance.now()
      await eventually(async () => (await post(b.url, { message: 'x' }, auth(user))).status === 403, 'silent')
      took['mute']!.push(performance.now() - answered)
      await mods.undo(muted.body.action.id)

      const banned = await mods.ban({ user: user.id, reason: 'spam', address: false, for: '1500ms' })
      answered = performance.now()
      t.equal(banned.status, 201)
      await reader.end()
      took['ban']!.push(performance.now() - answered)
      t.match(reader.notices('bye'), [{ reason: 'banned', message: /spam/ }])
      await eventually(async () => (await post(b.url, { message: 'x' }, auth(user))).status === 201, 'its time is over')
      took['lifted by time']!.push(Date.now() - Date.parse(banned.body.action.data.until))

      const exp = inSeconds(2)
      const expiring = await Reader.open(`${b.url}/events?room=den`, { headers: { authorization: `Bearer ${await sign({ sub: `e-${round}`, exp }, SECRET)}` } })
      await expiring.end()
      t.match(expiring.notices('bye'), [{ reason: 'expired' }])
      took['expiry']!.push(Date.now() - exp * 1_000)
    }
    for (const [what, times] of Object.entries(took)) {
      times.sort((a, b) => a - b)
      const median = times[Math.floor(times.length / 2)]!
      t.comment(`${what}: median ${median.toFixed(1)} ms, most ${times.at(-1)!.toFixed(1)} ms, of ${times.length}`)
      t.ok(median < PROMISED_MS, `${what} within a second`)
    }
  })

  t.test('what one node does holds on all of them, and is told once', async (t) => {
    const redis = await RedisServer.start(t)
    const nodes = [await startNode(t, redis, MODERATED), await startNode(t, redis, MODERATED)] as const
    const [a, b] = nodes
    const headers = await moderator()
    const user = await guest(a.url)
    await post(a.url, { message: 'hi' }, auth(user))
    const [here, there] = [await open(t, a, user), await open(t, b, user)]
    const other = await guest(b.url)
    const watching = await open(t, b, other)
    t.match(await moderation(b.url, headers).ban({ user: user.id }), { status: 409, body: { code: 'HUB_CONFIRM_ADDRESS', message: /1 user,/ } }, 'who is online behind the address, through whatever node')
    const { status, body: { action } } = await moderation(b.url, headers).ban({ user: user.id, reason: 'spam', confirm: true })
    t.equal(status, 201)
    for (const reader of [here, there]) t.match((await reader.end()).notices('bye'), [{ reason: 'banned' }])
    for (const { url } of nodes) {
      await eventually(async () => (await post(url, { message: 'x' }, auth(user))).body.code === 'HUB_BANNED', 'banned')
      t.match(await post(url, { message: 'x' }), { status: 403, body: { code: 'HUB_BANNED' } }, 'somebody new from there')
      t.equal((await moderation(url, headers).restrictions()).length, 1)
    }
    await watching.until(({ events }) => events.some(({ type }) => type === 'ban'))
    t.match(await moderation(a.url, headers).undo(action.id), { status: 201 })
    for (const { url } of nodes) {
      await eventually(async () => (await post(url, { message: 'back' }, auth(user))).status === 201, 'lifted')
      t.equal((await moderation(url, headers).undo(action.id)).status, 409)
    }
    const told = (await history(a)).filter(({ type }) => type !== 'message')
    t.strictSame(told.filter(({ type }) => type === 'ban').length, 1, 'though the user was there through both')

    const both = await open(t, a, user)
    await open(t, b, user)
    const { body: muted } = await moderation(a.url, headers).mute({ user: user.id })
    await both.until(({ events }) => events.some(({ type }) => type === 'mute'))
    t.equal((await moderation(b.url, headers).undo(muted.action.id)).status, 201)
    await both.until(({ events }) => events.some(({ type }) => type === 'unmute'))
    t.strictSame((await history(a)).map(({ type }) => type).filter((type) => /mute/.test(type)), ['mute', 'unmute'])
  })

  t.test('a ban closes the addresses that somebody comes from, whichever node knows of which', async (t) => {
    const redis = await RedisServer.start(t)
    const behindProxy = { ...MODERATED, TRUST_PROXY: '127.0.0.1' }
    const [a, b] = [await startNode(t, redis, behindProxy), await startNode(t, redis, behindProxy)]
    const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address })
    const { body: { user, token } } = await call(`${a.url}/users/me`, { headers: from('192.0.2.1') })
    const theirs = { authorization: `Bearer ${token}` }
    // An hour ago, where a stream is still open, and where none is.
    for (const address of ['192.0.2.3', '192.0.2.4']) {
      const hash = a.app.hashOfAddress(address)
      await a.app.engine.documents.put('address', `${user.id} ${hash}`, { hash, at: new Date(Date.now() - 3_600_000).toISOString(), name: user.name, guest: true })
    }
    const reader = await Reader.open(`${b.url}/events`, { headers: { ...theirs, ...from('192.0.2.3') } })
    const other = await Reader.open(`${b.url}/events`, { headers: from('192.0.2.1') })
    t.teardown(() => other.close())
    for (const stream of [reader, other]) await stream.until(({ received }) => received.length > 0)
    await post(b.url, { message: 'x' }, { ...theirs, ...from('192.0.2.2') })
    await post(a.url, { message: 'x' }, { ...theirs, ...from('192.0.2.1') })

    const mods = moderation(b.url, await moderator())
    t.match(await mods.ban({ user: user.id }), { status: 409, body: { message: /1 user,/ } })
    t.equal((await mods.ban({ user: user.id, confirm: true })).status, 201)
    t.match((await reader.end()).notices('bye'), [{ reason: 'banned' }])
    for (const { url } of [a, b]) {
      for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
        await eventually(async () => (await post(url, { message: 'new' }, from(address))).body.code === 'HUB_BANNED', `nobody new comes in from ${address}`)
      }
      t.equal((await post(url, { message: 'new' }, from('192.0.2.4'))).status, 201, 'where the user was long ago, others are welcome')
    }
    t.notOk(other.ended, 'who was there before')
    t.match((await mods.restrictions()).map(({ address }) => address), [{ until: String }])
    t.equal((await mods.undo((await mods.restrictions())[0].id)).status, 201)
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
      await eventually(async () => (await post(a.url, { message: 'new' }, from(address))).status === 201, 'lifted')
    }
  })

  t.test('of moderators at once on two nodes, none undoes what another does', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis, MODERATED), await startNode(t, redis, MODERATED)]
    const [ma, mb] = [moderation(a.url, await moderator('*', 'a')), moderation(b.url, await moderator('*', 'b'))]
    const user = await guest(a.url)
    for (let round = 0; round < 5; round++) {
      const { body: { event } } = await post(a.url, { message: `m${round}` }, auth(user))
      const answers = await Promise.all([ma.set('lobby', { topic: `T${round}` }), mb.set('lobby', { slowMode: 10 + round }), ma.remove(event), mb.remove(event)])
      for (const { status } of answers) t.equal(status, 200)
      const deleted = answers.slice(2).flatMap(({ body }) => body.action ?? [])
      t.equal(deleted.length, 1, 'one has deleted it')
      for (const { url } of [a, b]) {
        await eventually(async () => {
          const { body } = await call(`${url}/rooms/lobby`)
          return body.topic === `T${round}` && body.slowMode === 10 + round
        }, 'both hold')
      }
      await Promise.all([ma.undo(deleted[0].id), mb.undo(deleted[0].id)])
      const { message, deleted: gone } = (await history(b)).find(({ id }) => id === event.id)
      t.strictSame([message, gone], [`m${round}`, undefined])
      await mb.set('lobby', { topic: null, slowMode: null })
    }
    await Promise.all(Array.from({ length: 40 }, (_, i) => post(a.url, { message: `flood ${i}` }, auth(user))))
    const clears = await Promise.all([ma.clear({ user: user.id, room: 'lobby', since: '1h' }), mb.clear({ user: user.id, room: 'lobby', since: '1h' })])
    t.equal(clears[0].body.deleted + clears[1].body.deleted, 45, 'each message is deleted by one of them')
    await Promise.all([ma.undo(clears[0].body.action.id), mb.undo(clears[1].body.action.id)])
    t.equal((await history(a)).filter(({ type, message }) => type === 'message' && message !== undefined).length, 45)
  })

  t.test('a node that was cut off from the others hears of the bans that it missed', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis, MODERATED), await startNode(t, redis, MODERATED)]
    const mods = moderation(a.url, await moderator())
    for (let round = 0; round < 5; round++) {
      const user = await guest(b.url)
      const reader = await open(t, b, user)
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      t.equal((await mods.ban({ user: user.id, address: false })).status, 201)
      t.match((await reader.end()).notices('bye'), [{ reason: 'banned' }])
    }
  })

  t.test('a store that fails in the middle: the answer says so, and a retry under the same key does the rest, once', async (t) => {
    const redis = await RedisServer.start(t)
    const node = await startNode(t, redis, MODERATED)
    const mods = moderation(node.url, await moderator())
    const user = await guest(node.url)
    const { body: { event } } = await post(node.url, { message: 'secret' }, auth(user))
    const wish = { user: user.id, room: 'lobby', key: 'k' }

    await redis.command('SET', 'hubbub:{~moderation}', 'of another program')
    for (const answer of [await mods.mute(wish), await mods.remove(event), await mods.set('lobby', { topic: 'x' }), await mods.clear({ user: user.id, room: 'lobby', last: 1 })]) t.match(answer, { status: 503, body: { code: 'HUB_STORE_UNAVAILABLE' } })
    await redis.command('DEL', 'hubbub:{~moderation}')
    t.equal((await post(node.url, { message: 'x' }, auth(user))).status, 201, 'what could not be written down was not done')

    // What is stored in a restriction's place, and the other nodes' log, cannot be written.
    await redis.command('SET', 'hubbub:{~nodes}', 'of another program')
    t.match(await mods.mute(wish), { status: 503, body: { code: 'HUB_OUTCOME_UNKNOWN' } })
    await redis.command('DEL', 'hubbub:{~nodes}')
    t.match(await mods.mute(wish), { status: 200, body: { action: { type: 'mute' } } })
    t.equal((await post(node.url, { message: 'x' }, auth(user))).body.code, 'HUB_MUTED')
    t.strictSame((await mods.log()).map(({ type }) => type), ['mute'])
    t.strictSame((await history(node)).map(({ type }) => type), ['message', 'message', 'mute'])
    t.equal((await mods.restrictions()).length, 1)
    await redis.command('SET', 'hubbub:{~nodes}', 'of another program')
    const [{ id }] = await mods.log() as [any]
    t.equal((await mods.undo(id)).status, 503)
    await redis.command('DEL', 'hubbub:{~nodes}')
    const undone = await mods.undo(id)
    t.ok([201, 409].includes(undone.status))
    await eventually(async () => (await mods.restrictions()).length === 0, 'lifted')
    t.equal((await post(node.url, { message: 'x' }, auth(user))).status, 201)
  })

  t.test('a store that is away: refused in time, what holds is known meanwhile, and when it is back all goes on', async (t) => {
    const redis = await RedisServer.start(t)
    const node = await startNode(t, redis, MODERATED)
    const mods = moderation(node.url, await bearer({ sub: 'm', rooms: { moderate: ['*'] } }))
    const user = await guest(node.url)
    const muted = await mods.mute({ user: user.id, room: 'den' })
    const { body: { event } } = await post(node.url, { message: 'x' }, auth(user))
    await redis.kill()
    const act = () => Promise.all([mods.ban({ user: user.id, room: 'lobby', address: false, key: 'b' }), mods.remove(event), mods.undo(muted.body.action.id), mods.set('lobby', { topic: 'x' })])
    for (const { status, headers } of await act()) {
      t.equal(status, 503)
      t.ok(headers.get('retry-after'))
    }
    t.equal((await mods.restrictions()).length, 1)
    t.equal((await post(node.url, { room: 'den', message: 'x' }, auth(user))).body.code, 'HUB_MUTED')
    await redis.restart()
    await eventually(async () => (await call(`${node.url}/readyz`)).status === 200, 'it is back')
    t.strictSame((await act()).map(({ status }) => status), [201, 200, 201, 200])
    t.strictSame((await mods.log()).map(({ type }) => type).sort(), ['ban', 'delete', 'mute', 'room', 'undo'])
  })
}
