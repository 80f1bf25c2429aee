import t, { type Test } from 'tap'
import { Reader, call, eventually, guest, post, startApp, type Answer, type RunningApp } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'
import { moderation, moderator } from '../moderation/moderator.js'
import { scrape } from '../exposition.js'

type Guest = Awaited<ReturnType<typeof guest>>

async function open (t: Test, url: string, options: { query?: string, user?: Guest, accept?: string } = {}): Promise<Reader> {
  const { query = '', user, accept } = options
  const headers = { ...(user !== undefined && { authorization: user.authorization }), ...(accept !== undefined && { accept }) }
  const reader = await Reader.open(`${url}/events${query}`, { headers })
  t.teardown(() => reader.close())
  return reader.until(({ received, text }) => received.length > 0 || text.length > 0)
}
const types = (url: string, { authorization }: Pick<Guest, 'authorization'>, body?: unknown, room = 'lobby'): Promise<Answer> =>
  call(`${url}/rooms/${room}/typing`, { method: 'POST', headers: { authorization }, ...(body !== undefined && { body }) })
const told = (reader: Reader): any => reader.notices('typing').at(-1)
/** Until a reader was told last that so many type. */
const until = (reader: Reader, count: number): Promise<Reader> => reader.until((reader) => told(reader)?.count === count)

t.test('a room is told who types, and that nobody does any more', async (t) => {
  const { url } = await startApp(t)
  const [ada, bob] = [await guest(url), await guest(url)]
  const reader = await open(t, url)
  const { status, body } = await types(url, ada)
  t.strictSame([status, body], [200, { success: true }])
  await until(reader, 1)
  const { at, ...notice } = told(reader)
  t.strictSame(notice, { type: 'typing', room: 'lobby', users: [{ id: ada.id, name: ada.name, tag: notice.users[0].tag }], count: 1 })
  t.match(at, /^\d{4}-.*Z$/)
  await types(url, bob, { typing: true })
  await until(reader, 2)
  t.strictSame(told(reader).users.map(({ id }: any) => id), [ada.id, bob.id], 'in the order in which they began')
  await types(url, ada, { typing: false })
  await until(reader, 1)
  await types(url, bob, { typing: false })
  await until(reader, 0)
  t.strictSame(told(reader).users, [])
  t.ok(reader.received.every(({ event, id }) => event !== 'typing' || id === undefined), 'no id: it is no place to come back to')
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [], 'and in no log')
})

t.test('whoever says nothing any more does not type after six seconds; saying it again tells nothing', async (t) => {
  const { url } = await startApp(t)
  const ada = await guest(url)
  const reader = await open(t, url)
  for (let beat = 0; beat < 5; beat++) await types(url, ada)
  await until(reader, 1)
  await until(reader, 0)
  t.equal(reader.notices('typing').length, 2)
})

t.test('a post ends it, in its room, and comes before word of it; an edit does not, nor does somebody else\'s post', async (t) => {
  const { url } = await startApp(t)
  const [ada, bob] = [await guest(url), await guest(url)]
  const { body: { event } } = await post(url, { message: 'frist' }, { authorization: ada.authorization })
  const reader = await open(t, url, { query: '?room=lobby&room=den' })
  await types(url, ada)
  await types(url, ada, undefined, 'den')
  await reader.until((reader) => reader.notices('typing').length === 2)
  await post(url, { message: 'mine' }, { authorization: bob.authorization })
  await call(`${url}/rooms/lobby/events/${event.id}`, { method: 'PATCH', body: { message: 'first' }, headers: { authorization: ada.authorization } })
  await types(url, bob)
  await until(reader, 2)
  await post(url, { message: 'hi' }, { authorization: ada.authorization })
  await until(reader, 1)
  t.match(reader.received.slice(-2), [{ event: 'message', data: { message: 'hi' } }, { event: 'typing', data: { room: 'lobby', users: [{ id: bob.id }] } }])
  t.equal(reader.notices('typing').filter(({ room }) => room === 'den').length, 1)
})

t.test('whoever comes while somebody types is told after the welcome; whoever comes when nobody does is told nothing', async (t) => {
  const { url } = await startApp(t)
  const ada = await guest(url)
  await post(url, { message: 'before' })
  const reader = await open(t, url, { user: ada })
  await types(url, ada)
  await until(reader, 1)
  for (const query of ['', '?history=1', '?lurk=1', '?room=lobby&room=den']) {
    const late = await open(t, url, { query })
    await until(late, 1)
    t.equal(late.received[0]!.event, 'welcome', query)
  }
  await types(url, ada, { typing: false })
  await until(reader, 0)
  const last = await open(t, url)
  await post(url, { message: 'after' })
  await last.until(({ messages }) => messages.length === 1)
  t.strictSame(last.notices('typing'), [])
})

t.test('many who type at once are few notices, of five by name; in a crowd of their number alone', async (t) => {
  for (const [CROWD, named] of [['100', 5], ['3', undefined]] as const) {
    const { url } = await startApp(t, { CROWD })
    const reader = await open(t, url)
    const guests = await Promise.all(Array.from({ length: 50 }, () => guest(url)))
    for (let beat = 0; beat < 3; beat++) await Promise.all(guests.map((user) => types(url, user)))
    await until(reader, 50)
    t.equal(told(reader).users?.length, named)
    t.ok(reader.notices('typing').length < 10, `${reader.notices('typing').length} notices for 150 beats`)
  }
})

t.test('whoever leaves the room types no more there', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  const ada = await guest(url)
  const reader = await open(t, url)
  const hers = await open(t, url, { user: ada })
  await types(url, ada)
  await until(reader, 1)
  hers.close()
  await until(reader, 0)
  t.ok(Date.parse(told(reader).at) - Date.parse(reader.notices('typing')[0].at) < 5_000, 'and that is not its time that is over')
})

t.test('whoever is muted or banned types no more, and is refused as for a post', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const mods = moderation(url, await moderator())
  const reader = await open(t, url, { query: '?room=lobby&room=den' })
  for (const [kind, code] of [['mute', 'HUB_MUTED'], ['ban', 'HUB_BANNED']] as const) {
    const user = await guest(url)
    for (const room of ['lobby', 'den']) await types(url, user, undefined, room)
    await reader.until((reader) => ['lobby', 'den'].every((name) => reader.notices('typing').findLast(({ room }) => room === name)?.count === 1))
    await mods[kind]({ user: user.id, room: 'lobby', ...(kind === 'ban' && { address: false }) })
    await reader.until((reader) => reader.notices('typing').findLast(({ room }) => room === 'lobby').count === 0)
    t.match(await types(url, user), { status: 403, body: { code } })
    t.equal(reader.notices('typing').findLast(({ room }) => room === 'den').count, 1, 'where nothing was done, it goes on')
    await types(url, user, { typing: false }, 'den')
    await reader.until((reader) => reader.notices('typing').findLast(({ room }) => room === 'den').count === 0)
  }
})

t.test('who posts nothing in a room does not type there, and nobody is made a guest to type', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'ops' })
  const ada = await guest(url)
  const mods = moderation(url, await moderator())
  await mods.set('lobby', { posting: 'moderators' })
  await mods.set('den', { posting: 'members' })
  for (const room of ['lobby', 'den']) t.match(await types(url, ada, undefined, room), { status: 403, body: { code: 'HUB_READ_ONLY' } }, room)
  t.match(await types(url, ada, undefined, 'ops'), { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } })
  t.match(await types(url, await bearer({ sub: 'r', rooms: { read: ['ops'] } }) as any, undefined, 'ops'), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
  const nobody = await call(`${url}/rooms/free/typing`, { method: 'POST' })
  t.match(nobody, { status: 401, body: { code: 'HUB_TOKEN_REQUIRED' } })
  t.notOk(nobody.headers.get('set-cookie'))
})

t.test('hostile bodies are refused, each with its reason', async (t) => {
  const { url } = await startApp(t)
  const ada = await guest(url)
  for (const body of [{ typing: 'true' }, { typing: 1 }, { typing: null }, [], 'null', '1']) t.match(await types(url, ada, body), { status: 400, body: { code: 'HUB_INVALID_BODY' } }, JSON.stringify(body))
  t.match(await types(url, ada, { typnig: true }), { status: 400, body: { code: 'HUB_UNKNOWN_FIELD', message: /typnig.*Known: typing/ } })
  t.match(await types(url, ada, '{"typing":'), { status: 400, body: { code: 'HUB_INVALID_JSON' } })
  t.match(await types(url, ada, undefined, 'No%20Room'), { status: 400, body: { code: 'HUB_ROOM_INVALID' } })
  t.match(await call(`${url}/rooms/lobby/typing?typing=true`, { method: 'POST', headers: { authorization: ada.authorization } }), { status: 400, body: { code: 'HUB_UNKNOWN_FIELD' } })
  t.equal((await types(url, ada, {})).status, 200)
})

t.test('a renamed user has the new name, a program says that it is one', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const ada = await guest(url)
  const reader = await open(t, url, { user: ada })
  await types(url, ada)
  await until(reader, 1)
  await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'Ada' }, headers: { authorization: ada.authorization } })
  await reader.until((reader) => told(reader).users[0]?.name === 'Ada')
  const { body: { token } } = await call(`${url}/tokens`, { body: { name: 'CI', rooms: { write: ['lobby'] } }, headers: await moderator() })
  await types(url, { authorization: `Bearer ${token}` })
  await until(reader, 2)
  t.match(told(reader).users, [{ name: 'Ada' }, { name: 'CI', bot: true }])
})

t.test('a terminal and a long poll hear nothing of it; JSON lines do', async (t) => {
  const { url } = await startApp(t)
  const ada = await guest(url)
  const lines = await open(t, url, { accept: 'application/x-ndjson' })
  const terminal = await open(t, url, { accept: 'text/plain' })
  const before = terminal.text
  const poll = call(`${url}/events?lurk=1&wait=20`, { headers: { accept: 'application/json' } })
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 3, 'the poll waits')
  await types(url, ada)
  await until(lines, 1)
  await types(url, ada, { typing: false })
  await until(lines, 0)
  await post(url, { message: 'hi' })
  t.match((await poll).body, { events: [{ message: 'hi' }], reset: undefined })
  await eventually(() => /hi\n$/.test(terminal.text), 'the post')
  t.match(terminal.text.slice(before.length), /^\d\d:\d\d \S+  hi\n$/)
})

t.test('a reader that takes nothing is told how it is once it does', async (t) => {
  const { url } = await startApp(t)
  const ada = await guest(url)
  const slow = await open(t, url)
  const witness = await open(t, url)
  slow.pause()
  // More than the sockets hold.
  const data = { text: 'x'.repeat(15_000) }
  for (let index = 0; index < 70; index++) await Promise.all(Array.from({ length: 10 }, () => post(url, { type: 'my.load', data }, { authorization: ada.authorization })))
  await witness.until(({ events }) => events.length === 700)
  for (let round = 0; round < 3; round++) {
    await types(url, ada)
    await until(witness, 1)
    await types(url, ada, { typing: false })
    await until(witness, 0)
  }
  await types(url, ada)
  await until(witness, 1)
  slow.resume()
  await slow.until(({ events }) => events.length === 700)
  await until(slow, 1)
  t.ok(slow.notices('typing').length < witness.notices('typing').length, `${slow.notices('typing').length} notices instead of ${witness.notices('typing').length}`)
})

t.test('how often a user says so is limited, which takes nothing from what else is done from the address', async (t) => {
  const { app, url } = await startApp(t, { LIMITS: 'on', TYPING_PER_MINUTE: '3', READS_PER_MINUTE_ADDRESS: '20' })
  const [ada, bob] = [await guest(url), await guest(url)]
  for (let beat = 0; beat < 3; beat++) t.equal((await types(url, ada)).status, 200)
  const refused = await types(url, ada)
  t.match(refused, { status: 429, body: { code: 'HUB_TOO_MANY_REQUESTS', limit: 'typing-per-user' } })
  t.match(refused.headers.get('retry-after'), /^[1-9]\d*$/)
  t.equal((await types(url, bob)).status, 200)
  for (let other = 0; other < 16; other++) t.equal((await call(`${url}/users/me`, { headers: { authorization: bob.authorization } })).status, 200)
  t.equal((await scrape(url))('hubbub_limited_total{limit="typing-per-user"}'), 1)
  // Of an address, as many as of its other requests.
  const beats = []
  for (let user = 0; user < 8; user++) {
    const authorization = `Bearer ${app.guestTokens.sign({ id: `user${user}`, name: `User ${user}`, tag: '' }, Date.now())}`
    for (let beat = 0; beat < 3; beat++) beats.push(await types(url, { authorization }))
  }
  t.equal(beats.filter(({ status }) => status === 200).length, 20 - 4)
  t.match(beats.at(-1), { status: 429, body: { limit: 'typing-per-address' } })
})

t.test('when nobody types nothing is kept of it, nor of rooms that nobody reads', async (t) => {
  const { app, url } = await startApp(t)
  const guests = await Promise.all(Array.from({ length: 5 }, () => guest(url)))
  const { typing } = (app as RunningApp['app']).registry
  const readers = await Promise.all(['a', 'b', 'c'].map((room) => open(t, url, { query: `?room=${room}` })))
  for (const room of ['a', 'b', 'c', 'unread', 'unread-too']) for (const user of guests) t.equal((await types(url, user, undefined, room)).status, 200)
  await Promise.all(readers.map((reader) => until(reader, 5)))
  t.strictSame(typing.memory, { rooms: 3, users: 15 })
  readers[0]!.close()
  await eventually(() => typing.memory.rooms === 2, 'what nobody reads is forgotten')
  for (const user of guests) await types(url, user, { typing: false }, 'b')
  await eventually(() => typing.memory.rooms === 1, 'nobody types there')
  await eventually(() => typing.memory.users === 0 && typing.memory.rooms === 0, 'their time is over')
})
