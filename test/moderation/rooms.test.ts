import t from 'tap'
import { Reader, call, guest, post, startApp, type RunningApp } from '../harness.js'
import { bearer } from '../host-application.js'
import { MODERATED, moderation, moderator } from './moderator.js'

const auth = ({ authorization }: { authorization: string }): Record<string, string> => ({ authorization })

async function open ({ url }: RunningApp, query = '', headers: Record<string, string> = {}): Promise<Reader> {
  const reader = await Reader.open(`${url}/events${query}`, { headers })
  return reader.until(({ received }) => received.length > 0)
}

t.test('a room is as everywhere until its moderators change it, which its readers are told', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const headers = await moderator('lobby')
  const mods = moderation(url, headers)
  t.match((await call(`${url}/rooms/lobby`)).body, { room: 'lobby', topic: undefined, private: false, posting: 'everybody', slowMode: 0, floor: '0-0', head: '0-0', online: 0, may: { write: true, moderate: false } })
  const reader = await open(app)
  t.teardown(() => reader.close())
  const { status, body } = await mods.set('lobby', { topic: '  Tea at five ☕  ', posting: 'moderators', slowMode: 30, reason: 'it is late' })
  t.equal(status, 200)
  t.match(body, { topic: 'Tea at five ☕', posting: 'moderators', slowMode: 30, online: 1, may: { write: true, moderate: true } })
  t.match(body.action, { type: 'room', by: { id: 'm' }, data: { room: 'lobby', reason: 'it is late' } })
  t.strictSame(body.action.data.before, { topic: null, posting: null, slowMode: null })
  await reader.until(({ events }) => events.length === 1)
  t.match(reader.events[0], { type: 'room', user: { id: 'm' }, data: { set: { topic: 'Tea at five ☕', posting: 'moderators', slowMode: 30 }, reason: 'it is late', action: body.action.id } })
  t.match((await call(`${url}/rooms/lobby`)).body, { topic: 'Tea at five ☕', may: { write: false, moderate: false } })
  t.match(await post(url, { message: 'x' }), { status: 403, body: { code: 'HUB_READ_ONLY', message: /only moderators/ } })
  t.equal((await post(url, { message: 'x' }, headers)).status, 201)

  t.equal((await mods.set('lobby', { topic: 'Tea at five ☕', posting: 'moderators' })).body.action, undefined, 'what is so already is no action')
  t.equal((await mods.set('lobby', { topic: 'Tea at five ☕', key: 'k' })).body.action, undefined, 'nor under a key')
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events.map(({ type }: any) => type), ['room', 'message'], 'and nobody is told')
  const again = await mods.set('lobby', { posting: null, slowMode: null })
  t.strictSame(again.body.action.data, { room: 'lobby', set: { posting: null, slowMode: null }, before: { posting: 'moderators', slowMode: 30 } })
  t.equal((await post(url, { message: 'x' })).status, 201)

  const undo = await mods.undo(body.action.id)
  t.equal(undo.status, 201, 'what has not been set anew since is as before')
  t.match((await call(`${url}/rooms/lobby`)).body, { topic: undefined, posting: 'everybody', slowMode: 0 })
  t.match(await mods.undo(body.action.id), { status: 409, body: { code: 'HUB_NOT_UNDOABLE', message: /set anew since/ } })
  t.equal((await mods.undo(again.body.action.id)).status, 201)
  t.match((await call(`${url}/rooms/lobby`)).body, { topic: undefined, posting: 'moderators', slowMode: 30 })
  t.match(await mods.undo(again.body.action.id), { status: 409 })
})

t.test('who posts: members alone', async (t) => {
  const { url } = await startApp(t, MODERATED)
  const headers = await moderator('den')
  t.equal((await moderation(url, headers).set('den', { posting: 'members' })).status, 200)
  const [stranger, member] = [await guest(url), await guest(url)]
  const { body: { code } } = await call(`${url}/invites`, { body: { room: 'den' }, headers })
  await call(`${url}/join/${code}`, { method: 'POST', headers: auth(member) })
  for (const [who, one, status] of [['stranger', auth(stranger), 403], ['member', auth(member), 201], ['named', await bearer({ sub: 'n', rooms: { write: ['d*'], read: ['d*'] } }), 201], ['plain', await bearer({ sub: 'p' }), 403], ['moderator', headers, 201]] as const) {
    t.equal((await call(`${url}/rooms/den`, { headers: one })).body.may.write, status === 201, who)
    t.equal((await post(url, { room: 'den', message: 'x' }, one)).status, status, who)
  }
})

t.test('a room that becomes private is gone for all who have no right to it, and comes back as it was', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const headers = await moderator('den')
  const mods = moderation(url, headers)
  const user = await guest(url)
  await post(url, { room: 'den', message: 'x' }, auth(user))
  const [outside, inside] = [await open(app, '?room=den', auth(user)), await open(app, '?room=den', headers)]
  t.teardown(() => inside.close())
  const { body } = await mods.set('den', { private: true, topic: 'Secret' })
  await outside.end()
  t.match(outside.notices('bye'), [{ reason: 'forbidden' }])
  t.notOk(outside.events.some(({ type }) => type === 'room'))
  await inside.until(({ events }) => events.some(({ type }) => type === 'room'))
  for (const path of ['rooms/den', 'rooms/den/events', 'users?room=den']) t.match(await call(`${url}/${path}`, { headers: auth(user) }), { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } }, path)
  t.match(await call(`${url}/rooms/den`, { method: 'PATCH', body: { topic: 'x' }, headers: await bearer({ sub: 'p' }) }), { status: 404 })
  t.strictSame((await call(`${url}/rooms`)).body.rooms, [])
  t.equal((await mods.undo(body.action.id)).status, 201)
  t.equal((await call(`${url}/rooms/den`)).body.private, false)
  t.equal((await call(`${url}/rooms`)).body.rooms.length, 1)
})

t.test('what the operator keeps private, a room\'s moderator does not open, by whatever way', async (t) => {
  const { url } = await startApp(t, { ...MODERATED, PRIVATE_ROOMS: 'team-*' })
  const [one, all] = [moderation(url, await moderator('team-*')), moderation(url, await moderator())]
  t.match(await one.set('team-red', { private: false }), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
  t.equal((await one.set('team-red', { private: true })).status, 200)
  t.equal((await one.set('team-red', { private: null })).status, 200)
  const opened = (await all.set('team-red', { private: false })).body
  t.equal(opened.private, false)
  t.equal((await call(`${url}/rooms/team-red`)).status, 200)
  const closed = (await one.set('team-red', { private: null })).body
  t.equal(closed.private, true)
  t.match(await one.undo(closed.action.id), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
  t.equal((await all.undo(closed.action.id)).status, 201)
  t.equal((await call(`${url}/rooms/team-red`)).status, 200)
})

t.test('a room that holds no event yet can be set up by whoever moderates its name', async (t) => {
  const { url } = await startApp(t, { ...MODERATED, ROOMS: 'list', ROOM_LIST: 'lobby,team-*' })
  const mods = moderation(url, await moderator())
  const { body } = await mods.set('team-new', { topic: 'Soon', private: true })
  t.match(body, { topic: 'Soon', private: true, floor: '0-0' })
  t.equal((await mods.set('den', { topic: 'x' })).body.code, 'HUB_ROOM_UNKNOWN', 'but not one that there cannot be')
})

t.test('of two who change a room at once, neither undoes what the other does', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const [a, b] = [moderation(url, await moderator('*', 'a')), moderation(url, await moderator('*', 'b'))]
  const answers = await Promise.all([a.set('lobby', { topic: 'A' }), b.set('lobby', { slowMode: 5 }), a.set('lobby', { posting: 'members' })])
  t.match((await call(`${url}/rooms/lobby`)).body, { topic: 'A', slowMode: 5, posting: 'members' })
  const events = (await call(`${url}/rooms/lobby/events`)).body.events
  t.strictSame(Object.assign({}, ...events.map(({ data }: any) => data.set)), { topic: 'A', slowMode: 5, posting: 'members' })
  for (const { body } of answers) t.equal((await b.undo(body.action.id)).status, 201)
  t.match((await call(`${url}/rooms/lobby`)).body, { topic: undefined, slowMode: 0, posting: 'everybody' })

  const keyed = { topic: 'Once', key: 'k' }
  const twice = await Promise.all([a.set('lobby', keyed), a.set('lobby', keyed)])
  t.equal(twice[0].body.action.id, twice[1].body.action.id)
  t.equal((await a.set('lobby', { topic: 'Else', key: 'k' })).body.code, 'HUB_KEY_REUSED')
  await b.set('lobby', { topic: 'Later' })
  t.equal((await a.undo(twice[0].body.action.id)).status, 409)
})

t.test('settings outlive the server', async (t) => {
  const first = await startApp(t, MODERATED)
  await moderation(first.url, await moderator()).set('lobby', { topic: 'Kept', posting: 'moderators' })
  const { DATA_DIR } = first.app.config
  await first.app.close()
  const { url } = await startApp(t, { ...MODERATED, DATA_DIR })
  t.match((await call(`${url}/rooms/lobby`)).body, { topic: 'Kept', posting: 'moderators' })
})

t.test('what is not as it should be is refused, and a writer changes nothing', async (t) => {
  const { url } = await startApp(t, MODERATED)
  const headers = await moderator()
  const mods = moderation(url, headers)
  for (const body of [
    {}, { reason: 'x' }, { topic: 1 }, { topic: 'x'.repeat(251) }, { topic: 'two\nlines' }, { topic: '\u2066x' }, { topic: '\ud800x' }, { topic: 'x\u0000' }, { private: 'yes' }, { private: 1 },
    { posting: 'nobody' }, { slowMode: -1 }, { slowMode: 1.5 }, { slowMode: '5' }, { slowMode: 21_601 }, { tpoic: 'x' }, { topic: 'x', key: '' }
  ]) t.equal((await mods.set('lobby', body)).status, 400, JSON.stringify(body))
  t.equal((await mods.set('Lobby', { topic: 'x' })).status, 400)
  t.equal((await mods.set('~moderation', { topic: 'x' })).status, 400)
  t.equal((await mods.set('lobby', { topic: '👩‍👩‍👧‍👦'.repeat(142) })).status, 200, 'what is seen is counted')
  t.equal((await mods.set('lobby', { topic: ' ' })).body.topic, undefined)
  t.equal((await call(`${url}/rooms/lobby`, { method: 'PATCH', body: { topic: 'x' }, headers: auth(await guest(url)) })).status, 403)
  t.equal((await call(`${url}/rooms/lobby`, { method: 'PATCH', body: { topic: 'x' } })).status, 401)
  for (const type of ['room', 'ban', 'unban', 'mute', 'unmute']) t.equal((await post(url, { type, data: {} }, headers)).body.code, 'HUB_TYPE_RESERVED')
})
