import t from 'tap'
import { compareIds } from '../../src/chat/id.js'
import { askServer } from '../../src/operator-socket.js'
import { Reader, call, eventually, guest, post, startApp, type RunningApp } from '../harness.js'
import { bearer } from '../host-application.js'
import { MODERATED, moderation, moderator } from './moderator.js'

const auth = ({ authorization }: { authorization: string }): Record<string, string> => ({ authorization })

/** An open stream, when it has begun. */
async function open ({ url }: RunningApp, query = '', headers: Record<string, string> = {}): Promise<Reader> {
  const reader = await Reader.open(`${url}/events${query}`, { headers })
  return reader.until(({ received }) => received.length > 0)
}

const history = async ({ url }: RunningApp, room = 'lobby'): Promise<any[]> => (await call(`${url}/rooms/${room}/events`)).body.events

t.test('a ban from a room ends the user\'s streams there with the reason, and there is no way back in until it is lifted', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const user = await guest(url)
  const other = await guest(url)
  await post(url, { message: 'spam' }, auth(user))
  const readers = [await open(app, '', auth(user)), await open(app, '?room=den&room=lobby', { ...auth(user), accept: 'application/x-ndjson' })]
  const elsewhere = await open(app, '?room=den', auth(user))
  const witness = await open(app, '', auth(other))
  t.teardown(() => [elsewhere, witness].forEach((reader) => reader.close()))
  const at = Date.now()
  const { status, body: { action } } = await mods.ban({ user: user.id, room: 'lobby', for: '1h', reason: 'too much of it', confirm: true })
  t.equal(status, 201)
  t.match(action, { type: 'ban', by: { id: 'm' }, data: { room: 'lobby', user: { id: user.id, name: user.name }, reason: 'too much of it', until: String } })
  for (const reader of readers) {
    await reader.end()
    t.match(reader.notices('bye'), [{ reason: 'banned', message: /banned in the room "lobby" until .*: too much of it/ }])
    t.ok(Date.parse(reader.notices('bye')[0].at) - at < 1_000)
  }
  await witness.until(({ events }) => events.some(({ type }) => type === 'ban'))
  t.match(witness.events.at(-1), { type: 'ban', user: { id: 'm' }, data: { user: { id: user.id, name: user.name }, reason: 'too much of it', until: action.data.until, action: action.id } })

  const refused = { status: 403, body: { code: 'HUB_BANNED', message: /too much of it/ } }
  t.match(await post(url, { message: 'x' }, auth(user)), refused)
  t.match(await call(`${url}/rooms/lobby/events`, { headers: auth(user) }), refused)
  t.match(await call(`${url}/users`, { headers: auth(user) }), refused)
  t.match(await call(`${url}/events`, { headers: { ...auth(user), accept: 'application/x-ndjson' } }), refused)
  const bare = await Reader.open(`${url}/events`, { headers: auth(user) })
  await bare.end()
  t.match(bare.notices('bye'), [{ reason: 'banned', message: /too much of it/ }], 'an EventSource, which would give up on a status, is told so and comes back')
  t.ok(bare.retry! >= 30_000)
  t.equal((await post(url, { room: 'den', message: 'x' }, auth(user))).status, 201, 'other rooms are none the worse')
  t.notOk(elsewhere.ended)
  t.equal((await post(url, { message: 'x' }, auth(other))).status, 201, 'and neither is who else was there')

  t.match(await mods.restrictions(), [{ id: action.id, kind: 'ban', room: 'lobby', user: { id: user.id }, reason: 'too much of it', by: { id: 'm' }, until: action.data.until }])
  const undone = await mods.undo(action.id)
  t.match(undone, { status: 201, body: { action: { type: 'undo', data: { action: action.id, type: 'ban', room: 'lobby', user: { id: user.id } } } } })
  t.equal((await post(url, { message: 'back' }, auth(user))).status, 201)
  await witness.until(({ events }) => events.some(({ message }) => message === 'back'))
  t.match(witness.events.at(-2), { type: 'unban', user: { id: 'm' }, data: { user: { id: user.id } } })
  t.match(await mods.undo(action.id), { status: 409, body: { code: 'HUB_NOT_UNDOABLE' } }, 'once')
  t.match(await mods.undo(undone.body.action.id), { status: 409, body: { code: 'HUB_NOT_UNDOABLE' } })
  t.strictSame(await mods.restrictions(), [])
  t.match(await mods.log(), [{ id: action.id, type: 'ban' }, { id: undone.body.action.id, type: 'undo' }])
})

t.test('a ban from everywhere holds through reconnects, new names and new guests from the same address', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator())
  const [user, before] = [await guest(url), await guest(url)]
  await post(url, { room: 'den', message: 'hi' }, auth(user))
  const reader = await open(app, '?room=den', auth(user))
  const empty = await open(app, '?room=empty', auth(user))
  const lurking = await open(app, '?lurk=1')
  const { status, body: { action } } = await mods.ban({ user: user.id, reason: 'spam', confirm: true })
  t.equal(status, 201)
  t.match(action.data, { room: '*', until: undefined, address: { until: String } })
  const hour = Date.parse(action.data.address.until) - Date.parse(action.at)
  t.ok(hour > 3_590_000 && hour < 3_610_000, 'an hour unless told')
  for (const one of [reader, empty, lurking]) await one.end()
  t.match(reader.notices('bye'), [{ reason: 'banned', message: /banned here until somebody lifts it: spam/ }])
  t.match(lurking.notices('bye'), [{ reason: 'banned' }], 'who has no session is as good as new')
  for (const room of ['lobby', 'den', 'another']) t.equal((await post(url, { room, message: 'x' }, auth(user))).body.code, 'HUB_BANNED')
  t.equal((await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'Somebody Else' }, headers: auth(user) })).body.code, 'HUB_BANNED')
  for (const answer of [await call(`${url}/users/me`), await post(url, { message: 'x' }), await call(`${url}/events`, { headers: { accept: 'application/x-ndjson' } }), await call(`${url}/events?lurk=1`, { headers: { accept: 'text/plain' } }), await call(`${url}/rooms/lobby/events`)]) {
    t.match(answer, { status: 403, body: { code: 'HUB_BANNED', message: /spam/ } })
    t.notOk(answer.headers.get('set-cookie'))
  }
  t.equal((await post(url, { message: 'hi' }, auth(before))).status, 201, 'who was here before is not the one')
  t.equal((await post(url, { message: 'hi' }, await bearer({ sub: 'h' }))).status, 201, 'nor is whom another application knows')
  await eventually(async () => (await call(`${url}/rooms/den/events`, { headers: auth(before) })).body.events.length === 2, 'told')
  t.match((await call(`${url}/rooms/den/events`, { headers: auth(before) })).body.events[1], { type: 'ban', user: { id: 'm' }, data: { user: { id: user.id }, reason: 'spam' } }, 'told where the user was')
  t.notOk((await call(`${url}/rooms`, { headers: auth(before) })).body.rooms.some(({ room }: any) => room === 'empty'), 'but no room is made for it')
  t.notMatch(JSON.stringify([await mods.log(), await mods.restrictions()]), (await app.app.whereabouts.of(user.id))[0]!.hash, 'no address is told, not even as a hash')

  t.equal((await mods.undo(action.id)).status, 201)
  t.equal((await post(url, { message: 'x' }, auth(user))).status, 201)
  t.equal((await post(url, { message: 'x' })).status, 201, 'the address is free, too')
})

t.test('a ban outlives the server, and its time', async (t) => {
  const first = await startApp(t, MODERATED)
  const [user, brief] = [await guest(first.url), await guest(first.url)]
  const mods = await moderator()
  const { body: { action } } = await moderation(first.url, mods).ban({ user: user.id, address: false })
  await moderation(first.url, mods).ban({ user: brief.id, for: '700ms', room: 'lobby', address: '400ms' })
  t.equal((await post(first.url, { message: 'x' }, auth(brief))).body.code, 'HUB_BANNED')
  await eventually(async () => (await post(first.url, { message: 'x' }, auth(brief))).status === 201, 'its time is over')
  t.equal((await post(first.url, { message: 'x' })).status, 201)
  t.match(await moderation(first.url, mods).undo((await moderation(first.url, mods).log()).at(-1).id), { status: 409, body: { message: /its time is over/ } })
  t.match(await moderation(first.url, mods).restrictions(), [{ id: action.id }])
  const { DATA_DIR } = first.app.config
  await first.app.close()
  const { url } = await startApp(t, { ...MODERATED, DATA_DIR })
  t.equal((await post(url, { message: 'x' }, auth(user))).body.code, 'HUB_BANNED')
  t.equal((await moderation(url, mods).undo(action.id)).status, 201)
  t.equal((await post(url, { message: 'x' }, auth(user))).status, 201)
})

t.test('an address with others behind it wants a second look', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator())
  const user = await guest(url)
  const others = [await guest(url), await guest(url)]
  const readers = await Promise.all([user, ...others].map((one) => open(app, '', auth(one))))
  t.teardown(() => readers.forEach((reader) => reader.close()))
  for (const body of [{ user: user.id }, { user: user.id, address: '2h' }, { user: user.id, room: 'lobby' }]) {
    t.match(await mods.ban(body), { status: 409, body: { code: 'HUB_CONFIRM_ADDRESS', message: /: 2 users, and until 20.*Z nobody new gets in from there/ } })
  }
  t.match(await mods.mute({ user: user.id, address: true }), { status: 409, body: { message: /nobody new can speak from there/ } })
  t.strictSame(await mods.log(), [], 'nothing was done')
  t.equal((await mods.mute({ user: user.id })).status, 201, 'a mute leaves the address alone unless told')
  t.equal((await mods.ban({ user: user.id, address: false })).status, 201)
  await readers[0]!.end()
  t.equal((await post(url, { message: 'new' })).status, 201)
  t.equal((await mods.ban({ user: user.id, address: '2h', confirm: true })).status, 201)
  t.match(await post(url, { message: 'new' }), { status: 403, body: { code: 'HUB_BANNED', message: /no reason was given/ } })
  t.equal((await post(url, { message: 'x' }, auth(others[0]!))).status, 201)
  t.notOk(readers[1]!.ended)
})

t.test('who is muted reads, and says nothing in whatever way', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator('lobby'))
  const user = await guest(url)
  const reader = await open(app, '?room=lobby&room=den', auth(user))
  t.teardown(() => reader.close())
  const { body: { action } } = await mods.mute({ user: user.id, room: 'lobby', for: '10m' })
  t.match(await post(url, { message: 'x' }, auth(user)), { status: 403, body: { code: 'HUB_MUTED', message: /muted in the room "lobby" until 20.*: no reason was given\. Until then you can read/ } })
  t.equal((await post(url, { type: 'wave', data: {} }, auth(user))).body.code, 'HUB_MUTED')
  t.equal((await call(`${url}/rooms/lobby/events`, { headers: auth(user) })).status, 200)
  await reader.until(({ events }) => events.some(({ type }) => type === 'mute'))
  t.equal((await post(url, { room: 'den', message: 'x' }, auth(user))).status, 201)
  t.match(await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'A Last Word' }, headers: auth(user) }), { status: 403, body: { code: 'HUB_MUTED' } })
  t.equal((await mods.undo(action.id)).status, 201)
  await reader.until(({ events }) => events.some(({ type }) => type === 'unmute'))
  t.strictSame((await history(app)).map(({ type }) => type), ['mute', 'unmute'], 'no name was said in the room')
  t.equal((await post(url, { message: 'x' }, auth(user))).status, 201)

  const everywhere = moderation(url, await moderator())
  const { body } = await everywhere.mute({ user: user.id, address: true, confirm: true })
  await reader.until(({ events }) => ['lobby', 'den'].every((name) => events.some(({ type, room, data }) => type === 'mute' && room === name && data!['action'] === body.action.id)))
  t.equal((await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'Another' }, headers: auth(user) })).body.code, 'HUB_MUTED')
  t.equal((await post(url, { message: 'x' })).body.code, 'HUB_MUTED', 'nor does somebody new from there')
  t.equal((await call(`${url}/users/me`)).status, 200, 'who can be here, though')
  t.notOk(reader.ended)
  t.equal((await everywhere.undo(body.action.id)).status, 201)
  await reader.until(({ events }) => ['lobby', 'den'].every((name) => events.some(({ type, room, data }) => type === 'unmute' && room === name && data!['action'] === body.action.id)))
})

t.test('nobody restricts whoever moderates as much, however little is known of them', async (t) => {
  const app = await startApp(t, { ...MODERATED, PRIVATE_ROOMS: 'team-*' })
  const { url } = app
  const [all, team, red] = await Promise.all([moderator('*', 'all'), moderator('team-*', 'team'), moderator('team-red', 'red')])
  const say = async (headers: Record<string, string>, room = 'team-red'): Promise<number> => (await post(url, { room, message: 'x' }, headers)).status
  for (const headers of [all, team, red]) t.equal(await say(headers), 201)
  const bot = (await call(`${url}/tokens`, { body: { name: 'Bot', rooms: { moderate: ['team-red'] } }, headers: team })).body
  const invited = await guest(url)
  const { body: { code } } = await call(`${url}/invites`, { body: { room: 'team-red', role: 'moderator' }, headers: team })
  await call(`${url}/join/${code}`, { method: 'POST', headers: auth(invited) })

  const byRed = moderation(url, red)
  t.match(await byRed.ban({ user: 'red', room: 'team-red' }), { status: 403, body: { message: /restrict yourself/ } })
  for (const user of [invited.id, `~${bot.id}`]) t.match(await byRed.ban({ user, room: 'team-red' }), { status: 403, body: { code: 'HUB_FORBIDDEN', message: /moderates as much as you do/ } }, user)
  t.match(await byRed.ban({ user: '~operator', room: 'team-red' }), { status: 403, body: { message: /whoever runs this place/ } })
  const streaming = await open(app, '?room=team-red', team)
  t.match(await byRed.ban({ user: 'team', room: 'team-red' }), { status: 403, body: { message: /as much/ } })
  streaming.close()
  await streaming.end()
  // Of whose token another application signs, it is not known what they moderate, once they are gone.
  await eventually(async () => (await byRed.ban({ user: 'team', room: 'team-red' })).status === 201, 'taken')
  t.equal((await byRed.mute({ user: 'all', room: 'team-red' })).status, 201)
  for (const headers of [team, all]) t.equal(await say(headers), 201, 'but it does not hold')

  const byTeam = moderation(url, team)
  for (const user of ['red', invited.id, `~${bot.id}`]) t.equal((await byTeam.ban({ user, room: 'team-red' })).status, 201, user)
  const banned = { red, invited: auth(invited), bot: { authorization: `Bearer ${bot.token}` } }
  for (const [who, headers] of Object.entries(banned)) {
    t.equal(await say(headers), 403, who)
    const theirs = moderation(url, headers)
    const [action] = (await byTeam.log()).slice(-1)
    t.match(await theirs.undo(action.id), { status: 404 }, 'who is banned lifts nothing')
    t.equal((await theirs.ban({ user: 'team', room: 'team-red' })).status, 403)
    t.equal((await call(`${url}/tokens`, { body: { name: 'Way In', rooms: { write: ['team-red'] } }, headers })).status, 403, 'nor makes a token to come back by')
    t.equal((await call(`${url}/invites`, { body: { room: 'team-red' }, headers })).status, 403)
  }
  t.match(await byTeam.ban({ user: 'all', room: 'team-red' }), { status: 201 })
  t.equal(await say(all), 201)
  t.match(await byTeam.ban({ user: 'x' }), { status: 403, body: { message: /in every room; name one/ } })
})

t.test('whom: by id, by what was said, online or not; nobody else', async (t) => {
  const { url } = await startApp(t, MODERATED)
  const mods = moderation(url, await moderator())
  const gone = await guest(url)
  await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'Renamed' }, headers: auth(gone) })
  t.match((await mods.mute({ user: gone.id })).body.action.data.user, { id: gone.id, name: 'Renamed' })
  await post(url, { message: 'x' }, await bearer({ sub: 'h-1', name: 'Of The Host' }))
  t.match((await mods.ban({ user: 'h-1' })).body.action.data, { user: { id: 'h-1', name: 'Of The Host' }, address: undefined }, 'whom a host knows comes back as nobody else')
  const { body: { event } } = await post(url, { room: 'den', message: 'x' })
  t.match((await mods.ban({ event: { room: 'den', id: event.id }, room: 'den', confirm: true })).body.action.data.user, { id: event.user.id, name: event.user.name })
  t.match(await mods.ban({ event: { room: 'den', id: '5-5' } }), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } })
  t.match(await mods.ban({ user: 'nobody' }), { status: 404, body: { code: 'HUB_USER_UNKNOWN' } })
  const bot = (await call(`${url}/tokens`, { body: { name: 'Bot', rooms: { write: ['den'] } }, headers: await moderator() })).body
  t.match((await mods.ban({ user: `~${bot.id}` })).body.action.data, { user: { name: 'Bot', bot: true }, address: undefined })
  t.match(await mods.ban({ user: `~${bot.id}`, address: true }), { status: 400, body: { message: /"address" cannot be/ } })
  for (const user of ['~nobody', 'a\u0000b', '\ud800', '💥'.repeat(128), '*']) t.match(await mods.ban({ user }), { status: 404 }, JSON.stringify(user))
})

t.test('a retry under the same key does nothing twice, and nothing again that was lifted', async (t) => {
  const { url } = await startApp(t, MODERATED)
  const headers = await moderator()
  const mods = moderation(url, headers)
  const user = await guest(url)
  const wish = { user: user.id, room: 'lobby', for: '1h', key: 'k' }
  const [one, two] = await Promise.all([mods.mute(wish), mods.mute(wish)])
  t.strictSame([one.status, two.status].sort(), [200, 201])
  t.strictSame(one.body, two.body)
  t.equal((await mods.restrictions()).length, 1)
  t.strictSame((await call(`${url}/rooms/lobby/events`, { headers })).body.events.map(({ type }: any) => type), ['mute'])
  t.match(await mods.mute({ ...wish, for: '2h' }), { status: 409, body: { code: 'HUB_KEY_REUSED' } })
  t.match(await mods.ban(wish), { status: 409, body: { code: 'HUB_KEY_REUSED' } })
  t.equal((await moderation(url, await moderator('*', 'another')).mute(wish)).status, 201, 'a key is its caller\'s')
  for (const { id } of await mods.restrictions()) t.equal((await mods.undo(id)).status, 201)
  t.equal((await mods.mute(wish)).status, 200)
  t.equal((await post(url, { message: 'x' }, auth(user))).status, 201)
})

t.test('what holds everywhere is told where the user is, once, and its end then, too', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const headers = await moderator()
  const mods = moderation(url, headers)
  const user = await guest(url)
  await post(url, { message: 'hi' }, auth(user))
  const reader = await open(app, '', auth(user))
  t.teardown(() => reader.close())
  const wish = { user: user.id, for: '1h', key: 'k' }
  const { body: { action } } = await mods.mute(wish)
  await reader.until(({ events }) => events.at(-1)?.type === 'mute')
  t.equal((await mods.mute(wish)).status, 200)
  for (const message of ['1', '2', '3']) await post(url, { message }, headers)
  await mods.undo(action.id)
  await reader.until(({ events }) => events.at(-1)?.type === 'unmute')
  t.strictSame((await history(app)).map(({ type }) => type), ['message', 'mute', 'message', 'message', 'message', 'unmute'])
})

t.test('two at once: what both do holds until both have undone it, and to undo at once is to undo once', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const [a, b] = [moderation(url, await moderator('*', 'a')), moderation(url, await moderator('*', 'b'))]
  const user = await guest(url)
  const [one, two] = await Promise.all([a, b].map((mods) => mods.mute({ user: user.id, room: 'lobby' })))
  t.equal((await b.undo(one!.body.action.id)).status, 201, 'also by another')
  t.equal((await post(url, { message: 'x' }, auth(user))).body.code, 'HUB_MUTED')
  const undone = await Promise.all([a, b, a, b].map((mods) => mods.undo(two!.body.action.id)))
  t.ok(undone.some(({ status }) => status === 201))
  t.equal(new Set(undone.filter(({ status }) => status === 201).map(({ body }) => body.action.id)).size, 1)
  t.equal((await post(url, { message: 'x' }, auth(user))).status, 201)
  t.strictSame((await history(app)).map(({ type }) => type), ['mute', 'mute', 'unmute', 'unmute', 'message'])
})

t.test('what is not as it should be is refused, and leaves no trace', async (t) => {
  const { url } = await startApp(t, MODERATED)
  const headers = await moderator()
  const mods = moderation(url, headers)
  const { id: user } = await guest(url)
  for (const body of [
    {}, { user, event: { room: 'lobby', id: '1-1' } }, { user: 'a b' }, { user: '' }, { user: 1 }, { user, for: 'ever' }, { user, for: '0s' }, { user, for: '999999d' }, { user, for: 60 },
    { user, reason: 'x'.repeat(501) }, { user, reason: 'two\nlines' }, { user, reason: '\u202eesrever' }, { user, reason: '\ud800x' }, { user, address: 'home' }, { user, address: '8d' },
    { user, confirm: false }, { user, room: '*' }, { user, room: 'Team' }, { user, key: '' }, { user, uzer: 1 }
  ]) t.equal((await mods.ban(body)).status, 400, JSON.stringify(body))
  for (const body of ['', '{', '[]', 'null']) t.equal((await call(`${url}/moderation/bans`, { method: 'POST', body, headers })).status, 400, body)
  for (const path of ['bans', 'mutes', 'log/1-1/undo']) {
    t.equal((await call(`${url}/moderation/${path}`, { body: { user }, headers: {} })).status, 401)
    t.match((await call(`${url}/moderation/${path}`, { body: { user }, headers: auth(await guest(url)) })).status, path === 'log/1-1/undo' ? 404 : 403)
  }
  for (const path of ['log', 'restrictions']) {
    t.equal((await call(`${url}/moderation/${path}`)).status, 401)
    t.strictSame(Object.values((await call<object>(`${url}/moderation/${path}`, { headers: auth(await guest(url)) })).body), [[]])
    for (const query of ['?limit=0', '?limit=501', '?after=x', '?rom=x', '?room=*']) t.equal((await call(`${url}/moderation/${path}${query}`, { headers })).status, 400, query)
  }
  t.strictSame(await mods.log(), [])
})

t.test('a room\'s moderator reaches no other room, and learns of none', async (t) => {
  const { url } = await startApp(t, { ...MODERATED, PRIVATE_ROOMS: 'ops' })
  const all = moderation(url, await moderator())
  const mod = await bearer({ sub: 'hostile', rooms: { read: ['den'], moderate: ['lobby'] } })
  const hostile = moderation(url, mod)
  const user = await guest(url)
  const secret = (await all.ban({ user: user.id, room: 'ops', address: false })).body.action
  const everywhere = (await all.mute({ user: user.id })).body.action
  await call(`${url}/invites`, { body: { room: 'ops' }, headers: await moderator() })
  await call(`${url}/tokens`, { body: { name: 'Ops Bot', rooms: { read: ['ops'] } }, headers: await moderator() })
  const { body: { event } } = await post(url, { room: 'ops', message: 'x' }, await moderator())
  t.match(await hostile.ban({ user: user.id, room: 'den' }), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
  t.match(await hostile.ban({ user: user.id, room: 'ops' }), { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } })
  t.equal((await hostile.ban({ event: { room: 'ops', id: event.id }, room: 'lobby' })).body.code, 'HUB_ROOM_UNKNOWN')
  t.equal((await hostile.ban({ user: user.id })).status, 403)
  for (const { id } of [secret, everywhere]) t.match(await hostile.undo(id), { status: 404, body: { code: 'HUB_ACTION_UNKNOWN' } })
  t.strictSame([await hostile.log(), await hostile.restrictions()], [[], []])
  t.equal((await call(`${url}/moderation/log?room=ops`, { headers: mod })).body.code, 'HUB_ROOM_UNKNOWN')
  t.equal((await call(`${url}/moderation/log?room=den`, { headers: mod })).body.code, 'HUB_FORBIDDEN')
  t.equal((await hostile.mute({ user: user.id, room: 'lobby', reason: 'mine' })).status, 201)
  t.match(await hostile.log(), [{ data: { reason: 'mine' } }])
  t.equal((await hostile.log()).length, 1)
  t.strictSame((await all.log()).map(({ type }) => type), ['ban', 'mute', 'invite', 'token', 'mute'])
  t.strictSame((await all.log('?room=lobby')).map(({ data }) => data.reason), ['mine'])
  t.strictSame((await all.restrictions('?room=lobby')).map(({ room }) => room), ['*', 'lobby'])
})

t.test('who is banned is not invited back in', async (t) => {
  const { url } = await startApp(t, MODERATED)
  const headers = await moderator('den')
  const mods = moderation(url, headers)
  const user = await guest(url)
  const links = await Promise.all(['moderator', 'reader'].map(async (role) => (await call(`${url}/invites`, { body: { room: 'den', role }, headers })).body.code))
  const { body: { action } } = await mods.ban({ user: user.id, room: 'den' })
  for (const code of links) {
    t.match(await call(`${url}/join/${code}`, { method: 'POST', headers: auth(user) }), { status: 403, body: { code: 'HUB_BANNED' } })
    const refused = await call(`${url}/join/${code}`, { method: 'POST' })
    t.match(refused, { status: 403, body: { code: 'HUB_BANNED' } }, 'nor as somebody new from the same address')
    t.notOk(refused.headers.get('set-cookie'))
  }
  await mods.undo(action.id)
  t.equal((await call(`${url}/join/${links[0]}`, { method: 'POST', headers: auth(user) })).status, 200)
  const all = await moderator('*', 'all')
  const { body: { event: { id } } } = await post(url, { message: 'x', room: 'den' }, all)
  t.equal((await mods.ban({ event: { id, room: 'den' }, room: 'den' })).status, 201)
  t.equal((await call(`${url}/join/${links[1]}`, { method: 'POST', headers: all })).status, 200, 'but who is, by a ban that does not hold')
})

t.test('the log is read page by page, both ways, whoever sees how much of it', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const all = await moderator()
  const user = { id: 'u', name: 'u', tag: 'aaaaaa' }
  // As many as are not looked at for one answer.
  const { moderationLog } = app.app
  for (let i = 0; i < 12; i++) await Promise.all(Array.from({ length: 500 }, (_, j) => moderationLog.record('ban', user, { room: j === 250 ? 'den' : 'lobby', n: i * 500 + j })))
  const read = async (headers: Record<string, string>, way: 'before' | 'after', from: string | undefined, limit: number): Promise<any[][]> => {
    const pages: any[][] = []
    for (let next = from; ;) {
      const { body } = await call(`${url}/moderation/log?limit=${limit}${next === undefined ? '' : `&${way}=${next}`}`, { headers })
      pages.push(body.actions)
      if (body.next === undefined) return pages
      next = body.next
    }
  }
  const everything = (await read(all, 'after', '0-0', 500)).flat()
  t.equal(everything.length, 6_000)
  t.ok(everything.every(({ id }, index) => index === 0 || compareIds(everything[index - 1].id, id) < 0))
  t.strictSame((await read(all, 'before', undefined, 499)).reverse().flat().map(({ id }) => id), everything.map(({ id }) => id))
  const den = await moderator('den', 'd')
  for (const way of ['before', 'after'] as const) {
    const pages = await read(den, way, way === 'after' ? '0-0' : undefined, 500)
    t.ok(pages.length > 1, 'an answer ends where enough was looked at')
    t.strictSame((way === 'after' ? pages : pages.reverse()).flat().map(({ data }) => data.n), Array.from({ length: 12 }, (_, i) => i * 500 + 250))
  }
  const [, second, third, fourth] = everything
  t.strictSame((await call(`${url}/moderation/log?after=${second.id}&before=${fourth.id}`, { headers: all })).body, { actions: [third] })
})

t.test('what somebody has done who moderates further, is undone by nobody who moderates less', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const [own, peer, all] = [moderation(url, await moderator('lobby', 'own')), moderation(url, await moderator('lobby', 'peer')), moderation(url, await moderator('*', 'all'))]
  const user = await guest(url)
  const operator = async (path: string, body: object): Promise<any> => {
    const { body: answer } = await askServer(app.app.config.DATA_DIR, 'POST', path, body)
    let text = ''
    for await (const chunk of answer) text += chunk
    return JSON.parse(text)
  }
  const say = async (): Promise<any> => (await post(url, { message: 'x' }, auth(user))).body.event
  const refused = { status: 403, body: { code: 'HUB_FORBIDDEN', message: /moderates further/ } }
  const [said, second, third] = [await say(), await say(), await say()]
  const hidden = (await all.remove(said, '?hide=1')).body.action
  const cleared = (await all.clear({ user: user.id, room: 'lobby', last: 1 })).body.action
  const muted = (await all.mute({ user: user.id, room: 'lobby' })).body.action
  const { action: banned } = await operator('/moderation/bans', { user: user.id, room: 'lobby', address: false })
  for (const { id } of [hidden, cleared, muted, banned]) t.match(await own.undo(id), refused)
  t.equal((await own.log()).filter(({ type }) => type === 'undo').length, 0, 'nothing is written down of that')
  t.equal((await post(url, { message: 'x' }, auth(user))).body.code, 'HUB_BANNED')
  for (const { id } of [banned, muted, cleared, hidden]) t.equal((await all.undo(id)).status, 201)
  t.equal((await say()).message, 'x')
  t.match(await history(app), [{ id: said.id, message: 'x' }, { id: second.id }, { id: third.id, message: 'x' }])
  const { id } = (await own.remove(second)).body.action
  t.equal((await peer.undo(id)).status, 201, 'but what an equal has done')
})

t.test('a retry of what was undone is known as such, however much was done since', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const mods = moderation(url, await moderator())
  const user = await guest(url)
  const wish = { user: user.id, room: 'lobby', address: false, key: 'k' }
  const { body: { action } } = await mods.ban(wish)
  await Promise.all(Array.from({ length: 600 }, () => app.app.moderationLog.record('token', { id: 'm', name: 'm', tag: 'm' }, {})))
  t.equal((await mods.undo(action.id)).status, 201)
  t.equal((await mods.ban(wish)).status, 200)
  t.equal((await post(url, { message: 'x' }, auth(user))).status, 201)
})

t.test('a program is kept out with whoever has made its token, and is no way around that', async (t) => {
  const app = await startApp(t, MODERATED)
  const { url } = app
  const [m, other] = [await moderator('*', 'm'), await moderator('den', 'other')]
  const bot = (await call(`${url}/tokens`, { body: { name: 'Helper', rooms: { moderate: ['*'] } }, headers: m })).body
  const headers = { authorization: `Bearer ${bot.token}` }
  t.equal((await post(url, { message: 'x' }, headers)).status, 201)
  const reader = await open(app, '', headers)
  await post(url, { message: 'x' }, m)
  const asked = await askServer(app.app.config.DATA_DIR, 'POST', '/moderation/bans', { user: 'm', address: false })
  t.equal(asked.status, 201)
  let answer = ''
  for await (const chunk of asked.body) answer += chunk
  t.match((await reader.end()).notices('bye'), [{ reason: 'banned' }])
  t.equal((await post(url, { message: 'x' }, headers)).body.code, 'HUB_BANNED')
  t.not((await moderation(url, headers).undo(JSON.parse(answer).action.id)).status, 201)
  t.equal((await call(`${url}/invites`, { body: { room: 'den', role: 'moderator' }, headers })).status, 403)
  t.equal((await call(`${url}/tokens`, { body: { name: 'Another', rooms: { moderate: ['den'] } }, headers })).status, 403)
  t.equal((await post(url, { message: 'x', room: 'den' }, other)).status, 201)
})
