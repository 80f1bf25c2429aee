import t from 'tap'
import { Reader, call, chainFlaw, eventually, guest, post, startApp, type RunningApp } from '../harness.js'
import { bearer } from '../host-application.js'
import { MODERATED, moderation, moderator } from './moderator.js'

const auth = ({ authorization }: { authorization: string }): Record<string, string> => ({ authorization })
const history = async ({ url }: RunningApp, room = 'lobby', headers: Record<string, string> = {}): Promise<any[]> => (await call(`${url}/rooms/${room}/events?limit=500`, { headers })).body.events

/** An open stream, when it has begun. */
async function open ({ url }: RunningApp, query = '', headers: Record<string, string> = {}): Promise<Reader> {
  const reader = await Reader.open(`${url}/events${query}`, { headers })
  return reader.until(({ received }) => received.length > 0)
}

/** So many messages of somebody, one after the other. */
async function say ({ url }: RunningApp, user: { authorization: string }, texts: string[], room = 'lobby'): Promise<any[]> {
  const events = []
  for (const message of texts) events.push((await post(url, { room, message }, auth(user))).body.event)
  return events
}

t.test('what a moderator deletes is gone for everybody at once, and can be brought back', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const user = await guest(url)
  const [event] = await say(app, user, ['a secret'])
  const reader = await open(app, '', auth(await guest(url)))
  t.teardown(() => reader.close())
  const { status, body } = await mods.remove(event, '?reason=not%20here')
  t.equal(status, 200)
  t.match(body, { success: true, event: { id: event.id, message: undefined, deleted: String }, announcement: String, durability: 'fsync', action: { type: 'delete', by: { id: 'm' }, data: { room: 'lobby', event: event.id, user: { id: user.id }, reason: 'not here' } } })
  await reader.until(({ events }) => events.length === 1)
  t.match(reader.events[0], { type: 'delete', id: body.announcement, user: { id: 'm' }, data: { id: event.id, reason: 'not here', action: body.action.id } })
  const replay = await open(app, '?history=10')
  await replay.until(({ events }) => events.length === 2)
  replay.close()
  t.match(replay.received.map(({ event }) => event).slice(1), ['deleted', 'delete'])
  t.notMatch(JSON.stringify([replay.text, reader.text, await history(app), await mods.log()]), /secret/, 'nor is it in the log of what moderators do')
  t.equal((await call(`${url}/rooms/lobby/events/${event.id}`, { method: 'PATCH', body: { message: 'a secret again' }, headers: auth(user) })).body.code, 'HUB_EVENT_DELETED')
  t.match((await mods.remove(event)).body, { event: { deleted: body.event.deleted }, action: undefined }, 'what is deleted already is no action')

  const undone = await mods.undo(body.action.id)
  t.match(undone, { status: 201, body: { action: { type: 'undo', data: { action: body.action.id, type: 'delete', room: 'lobby' } } } })
  await reader.until(({ events }) => events.some(({ type }) => type === 'edit'))
  t.match(reader.events.at(-1), { type: 'edit', user: { id: 'm' }, message: 'a secret', data: { id: event.id } })
  t.strictSame((await history(app))[0], event, 'as it was')
  t.match(await mods.undo(body.action.id), { status: 409, body: { code: 'HUB_NOT_UNDOABLE', message: /it has been undone/ } })
  t.equal(chainFlaw(await history(app), '0-0'), undefined)
})

t.test('hidden is deleted for longer; programs\' events can be deleted, what the server says itself cannot', async (t) => {
  const app = await startApp(t, { ...MODERATED, UNDO_TIME: '1m' })
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const user = await guest(url)
  const { body: { event } } = await post(url, { type: 'score', data: { points: 3, deep: { er: [1] } }, message: 'three' }, auth(user))
  const { body } = await mods.remove(event, '?hide=1')
  t.match(body.action, { type: 'hide' })
  t.notOk('data' in body.event || 'message' in body.event)
  const [{ id }] = await app.app.engine.documents.list<any>('withdrawn', { limit: 10 }) as any
  t.ok(id.startsWith(body.action.id))
  t.equal((await mods.undo(body.action.id)).status, 201)
  t.strictSame((await history(app))[0], event)
  t.strictSame(await app.app.engine.documents.list('withdrawn', { limit: 10 }), [], 'nothing stays behind')
  const announcement = (await history(app)).find(({ type }) => type === 'delete')
  t.match(await mods.remove(announcement), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } })
  t.match(await mods.remove({ room: 'lobby', id: '5-5' }), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } })
})

t.test('a name that somebody took is taken out, and put back, as a message is', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const user = await guest(url)
  const other = await guest(url)
  const reader = await open(app, '', auth(user))
  t.teardown(() => reader.close())
  const { body: { user: { tag } } } = await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'Rude Words' }, headers: auth(user) })
  await reader.until(({ events }) => events.length === 1)
  const [event] = reader.events as [any]
  for (const headers of [auth(user), auth(other)]) t.match(await call(`${url}/rooms/lobby/events/${event.id}`, { method: 'DELETE', headers }), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } })
  const { status, body } = await mods.remove(event)
  t.equal(status, 200)
  t.match(body.event, { type: 'name', user: { id: user.id, name: `user-${tag}`, tag }, data: undefined, deleted: String })
  const replay = await open(app, '?history=10')
  await replay.until(({ events }) => events.length === 2)
  replay.close()
  t.notMatch(JSON.stringify([await history(app), replay.text.slice(replay.text.indexOf('deleted'))]), /Rude/)
  t.equal((await mods.undo(body.action.id)).status, 201)
  t.strictSame((await history(app))[0], event, 'as it was')
  await reader.until(({ events }) => events.some(({ type }) => type === 'edit'))
  t.match(reader.events.at(-1), { data: { id: event.id, data: { from: user.name, to: 'Rude Words' } } })

  await say(app, user, ['rude, too'])
  const { body: cleared } = await mods.clear({ user: user.id, room: 'lobby', last: 10 })
  t.equal(cleared.deleted, 2)
  t.notMatch(JSON.stringify((await history(app)).map(({ message, data, type, user }) => type === 'message' ? message : [data, user])), /Rude/i)
  t.equal((await mods.undo(cleared.action.id)).status, 201)
  t.strictSame((await history(app))[0], event)
})

t.test('an author deletes for good; a moderator\'s own words are an author\'s', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const headers = await moderator('lobby')
  const mods = moderation(url, headers)
  const [own, other] = [(await post(url, { message: 'mine' }, headers)).body.event, (await post(url, { message: 'mine, too' }, headers)).body.event]
  t.equal((await mods.remove(own)).body.action, undefined)
  t.match((await mods.remove(other, '?reason=oops')).body.action, { type: 'delete' }, 'unless told why')
  t.equal((await mods.log()).length, 1)
  t.equal((await app.app.engine.documents.list('withdrawn', { limit: 10 })).length, 1)
  const user = await guest(url)
  const [event] = await say(app, user, ['x'])
  t.match(await call(`${url}/rooms/lobby/events/${event.id}?hide=1`, { method: 'DELETE', headers: auth(user) }), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
  t.match(await call(`${url}/rooms/lobby/events/${other.id}`, { method: 'DELETE', headers: auth(user) }), { status: 403, body: { code: 'HUB_NOT_YOURS' } })
  t.match(await call(`${url}/rooms/lobby/events/${event.id}?reason=a%0Ab`, { method: 'DELETE', headers }), { status: 400, body: { code: 'HUB_INVALID_QUERY' } })
  t.equal((await call(`${url}/rooms/lobby/events/${event.id}`, { method: 'DELETE', headers: auth(user) })).status, 200)
  t.match((await mods.remove(event)).body, { event: { deleted: String }, action: undefined })
})

t.test('a moderator of another room deletes nothing, and undoes nothing', async (t) => {
  const app = await startApp(t, { ...MODERATED, PRIVATE_ROOMS: 'ops' })
  const { url } = app
  const all = moderation(url, await moderator())
  const hostile = moderation(url, await bearer({ sub: 'hostile', rooms: { write: ['lobby'], read: ['lobby'], moderate: ['den'] } }))
  const [event] = await say(app, await guest(url), ['x'])
  const secret = (await post(url, { room: 'ops', message: 'x' }, await moderator())).body.event
  t.match(await hostile.remove(event), { status: 403, body: { code: 'HUB_NOT_YOURS' } })
  t.match(await hostile.remove(event, '?reason=x'), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
  t.match(await hostile.remove(secret), { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } })
  const { body: { action } } = await all.remove(event)
  t.match(await hostile.undo(action.id), { status: 404, body: { code: 'HUB_ACTION_UNKNOWN' } })
  t.match(await hostile.clear({ user: event.user.id, last: 5 }), { status: 403 })
  t.match(await hostile.clear({ user: event.user.id, room: 'lobby', last: 5 }), { status: 403 })
  t.match(await hostile.clear({ user: 'm', room: 'ops', last: 5 }), { status: 404 })
})

t.test('undoing what is gone says so', async (t) => {
  const app = await startApp(t, { ...MODERATED, ROOM_HISTORY: '3' })
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const user = await guest(url)
  const [event] = await say(app, user, ['x'])
  const { body: { action } } = await mods.remove(event)
  const { body: cleared } = await mods.clear({ user: user.id, room: 'lobby', last: 1 })
  t.match(cleared, { deleted: 0, more: false })
  await say(app, user, ['1', '2', '3', '4'])
  await eventually(async () => (await history(app)).length === 3, 'trimmed')
  t.match(await mods.undo(action.id), { status: 409, body: { code: 'HUB_NOT_UNDOABLE', message: /not in the room any more/ } })
  t.match(await mods.undo(cleared.action.id), { status: 409, body: { code: 'HUB_NOT_UNDOABLE' } })
})

t.test('two moderators delete at once, and an author edits meanwhile: it is gone, and comes back as it was last', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const [a, b] = [moderation(url, await moderator('*', 'a')), moderation(url, await moderator('*', 'b'))]
  const user = await guest(url)
  for (let round = 0; round < 10; round++) {
    const [event] = await say(app, user, ['first'])
    const edit = (message: string) => call(`${url}/rooms/lobby/events/${event.id}`, { method: 'PATCH', body: { message }, headers: auth(user) })
    const [edited, one,, two] = await Promise.all([edit('second'), a.remove(event), edit('third'), b.remove(event)])
    const actions = [one, two].flatMap(({ body }) => body.action ?? [])
    t.equal(actions.length, 1, 'one has deleted it')
    const now = (await history(app)).find(({ id }) => id === event.id)
    t.ok(now.deleted !== undefined && now.message === undefined)
    t.equal((await b.undo(actions[0].id)).status, 201)
    const restored = (await history(app)).find(({ id }) => id === event.id)
    t.ok(restored.deleted === undefined)
    t.ok([edited.status === 200 ? 'second' : 'first', 'third'].includes(restored.message))
    for (const { id } of (await a.log('?limit=500')).filter(({ type, data }) => type === 'delete' && data.event === event.id && data.action !== actions[0].id)) t.equal((await a.undo(id)).status, 409)
  }
})

t.test('a clear deletes the last messages of one user, and is one action', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const [user, other] = [await guest(url), await guest(url)]
  await say(app, user, ['u1', 'u2', 'u3'])
  await say(app, other, [`about "${user.id}"`])
  await say(app, user, ['elsewhere'], 'den')
  await say(app, user, ['u4'])
  const reader = await open(app)
  t.teardown(() => reader.close())
  const texts = async (room = 'lobby') => (await history(app, room)).filter(({ type }) => type === 'message').map(({ message = '-' }) => message)
  const { status, body } = await mods.clear({ user: user.id, room: 'lobby', last: 3, reason: 'flood' })
  t.equal(status, 201)
  t.match(body, { deleted: 3, more: false, action: { type: 'clear', data: { room: 'lobby', user: { id: user.id }, last: 3, reason: 'flood' } } })
  t.strictSame(await texts(), ['u1', '-', '-', `about "${user.id}"`, '-'])
  t.strictSame(await texts('den'), ['elsewhere'])
  await reader.until(({ events }) => events.length === 3)
  t.ok(reader.events.every(({ type, data }) => type === 'delete' && data!['action'] === body.action.id))
  t.equal((await mods.log()).length, 1)
  t.equal((await mods.undo(body.action.id)).status, 201)
  t.strictSame(await texts(), ['u1', 'u2', 'u3', `about "${user.id}"`, 'u4'])
  t.match(await mods.undo(body.action.id), { status: 409 })

  const since = await mods.clear({ event: { room: 'lobby', id: (await history(app))[0].id }, room: 'lobby', since: '10m' })
  t.match(since.body, { deleted: 4, more: false })
  t.strictSame(await texts(), ['-', '-', '-', `about "${user.id}"`, '-'])
  t.match((await mods.clear({ user: user.id, room: 'lobby', since: '10m' })).body, { deleted: 0 })
  for (const wish of [{}, { last: 1, since: '1m' }, { last: 0 }, { last: 501 }, { last: '5' }, { since: 'yesterday' }, { last: 1, event: { room: 'lobby', id: '1-1' } }]) t.equal((await mods.clear({ user: user.id, room: 'lobby', ...wish })).status, 400, JSON.stringify(wish))
})

t.test('a clear of every room finds the newest in each', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator())
  const [user, other] = [await guest(url), await guest(url)]
  for (let i = 0; i < 30; i++) {
    await say(app, other, ['x'], `hall-${i}`)
    await say(app, user, [`m${i}`], `hall-${i}`)
  }
  const left = async (): Promise<string[]> => (await Promise.all(Array.from({ length: 30 }, async (_, i) => (await history(app, `hall-${i}`)).filter(({ user: { id }, message }) => id === user.id && message !== undefined).map(({ message }) => message)))).flat()
  const { body } = await mods.clear({ user: user.id, last: 12 })
  t.match(body, { deleted: 12, more: false })
  t.strictSame(await left(), Array.from({ length: 18 }, (_, i) => `m${i}`))
  t.match((await mods.clear({ user: user.id, since: '1h' })).body, { deleted: 18, more: false })
  t.strictSame(await left(), [])
  t.equal((await mods.undo(body.action.id)).status, 201)
  t.strictSame(await left(), Array.from({ length: 12 }, (_, i) => `m${18 + i}`))
  t.match(await moderation(url, await moderator('hall-1', 'one')).clear({ user: 'nobody', room: 'hall-1', last: 1 }), { status: 404, body: { code: 'HUB_USER_UNKNOWN' } })
})

t.test('a retry of a clear under its key deletes no more than was meant', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const user = await guest(url)
  await say(app, user, ['1', '2', '3', '4', '5', '6'])
  const wish = { user: user.id, room: 'lobby', last: 2, key: 'k' }
  t.match(await mods.clear(wish), { status: 201, body: { deleted: 2 } })
  t.match(await mods.clear(wish), { status: 200, body: { deleted: 2 } })
  t.equal((await history(app)).filter(({ message }) => message !== undefined).length, 4)
  t.equal((await mods.clear({ ...wish, last: 3 })).body.code, 'HUB_KEY_REUSED')
})

t.test('a long clear holds nobody up', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const [user, other] = [await guest(url), await guest(url)]
  const { engine } = app.app
  const draft = (id: string, name: string, message: string) => ({ type: 'message', user: { id, name, tag: 'aaaaaa' }, message })
  await Promise.all(Array.from({ length: 600 }, (_, i) => engine.append({ room: 'lobby', draft: draft(user.id, user.name, `spam ${i}`) })))
  await Promise.all(Array.from({ length: 5_000 }, () => engine.append({ room: 'lobby', draft: draft(other.id, other.name, 'chat') })))
  let clearing = true
  const cleared = mods.clear({ user: user.id, room: 'lobby', last: 500 }).finally(() => { clearing = false })
  const took: number[] = []
  while (clearing) {
    const began = performance.now()
    t.equal((await post(url, { message: 'meanwhile' }, auth(other))).status, 201)
    took.push(performance.now() - began)
  }
  t.match((await cleared).body, { deleted: 500, more: false })
  t.comment(`${took.length} posts meanwhile, the slowest took ${Math.max(...took).toFixed()} ms`)
  t.ok(took.length > 5, 'others post meanwhile')
  t.equal((await mods.undo((await cleared).body.action.id)).status, 201)
  t.match((await mods.clear({ user: user.id, room: 'lobby', since: '1h' })).body, { deleted: 500, more: true })
})

t.test('what is erased for good is not brought back', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const user = await guest(url)
  const [event] = await say(app, user, ['a secret', 'another secret'])
  const { body: { action } } = await mods.remove(event)
  const cleared = await mods.clear({ user: user.id, room: 'lobby', last: 1 })
  const exported = []
  for await (const one of app.app.personalData.export(user.id)) exported.push(one)
  t.match(exported.filter(({ record }: any) => record === 'withdrawn'), [{ message: 'a secret', action: action.id }, { message: 'another secret' }])
  await app.app.personalData.erase(user.id)
  for (const { id } of [action, cleared.body.action]) t.match(await mods.undo(id), { status: 409, body: { code: 'HUB_NOT_UNDOABLE' } })
  t.notMatch(JSON.stringify([await history(app), await app.app.engine.documents.list('withdrawn', { limit: 10 })]), /secret/)
})
