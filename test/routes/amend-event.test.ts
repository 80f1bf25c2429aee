import { request } from 'node:http'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { ChatEvent } from '../../src/chat/event.js'
import { Reader, call, chainFlaw, eventually, guest, post, startApp, type Answer } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'

type Headers = Record<string, string>

const edit = (url: string, { room, id }: Pick<ChatEvent, 'room' | 'id'>, body: unknown, headers: Headers): Promise<Answer> =>
  call(`${url}/rooms/${room}/events/${id}`, { method: 'PATCH', body, headers })
const erase = (url: string, { room, id }: Pick<ChatEvent, 'room' | 'id'>, headers: Headers): Promise<Answer> =>
  call(`${url}/rooms/${room}/events/${id}`, { method: 'DELETE', headers })
const history = async (url: string, room = 'lobby'): Promise<ChatEvent[]> => (await call(`${url}/rooms/${room}/events?after=0-0&limit=500`)).body.events

async function author (url: string): Promise<{ headers: Headers, say: (message: string, more?: object) => Promise<ChatEvent> }> {
  const { authorization } = await guest(url)
  const headers = { authorization }
  return {
    headers,
    say: async (message, more = {}) => {
      const { status, body } = await post(url, { message, ...more }, headers)
      if (status !== 201) throw new Error(JSON.stringify(body))
      return body.event
    }
  }
}

async function read (t: Test, url: string, query: string, headers: Headers = {}): Promise<Reader> {
  const reader = await Reader.open(`${url}/events?lurk=1&${query}`, { headers })
  t.teardown(() => reader.close())
  return reader
}

t.test('an author edits what was said: the answer, the readers and the history have it as it is now', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const first = await say('tpyo')
  const second = await say('next')
  const reader = await read(t, url, 'history=10')
  await reader.until(({ events }) => events.length === 2)
  const { status, body, headers: answered } = await edit(url, first, { message: 'typo' }, headers)
  t.equal(status, 200)
  t.equal(answered.get('content-type'), 'application/json; charset=utf-8')
  t.strictSame(Object.keys(body), ['success', 'event', 'announcement', 'durability'])
  const { edited, ...rest } = body.event
  t.match(edited, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.strictSame(rest, { ...first, message: 'typo' })
  await reader.until(({ events }) => events.length === 3)
  t.match(reader.received.at(-1), { event: 'edit', id: `lobby:${body.announcement}` })
  const announcement = { id: body.announcement, prev: second.id, room: 'lobby', type: 'edit', user: first.user, message: 'typo', data: { id: first.id }, edited }
  t.match(reader.events.at(-1), announcement)
  t.strictSame(await history(url), [body.event, second, reader.events.at(-1)])
})

t.test('an author deletes what was said: nobody gets the text any more, by whatever way', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const before = await say('before')
  const secret = await say('secret', { data: { more: 'secret' }, key: 'k', replyTo: before.id })
  const live = await read(t, url, 'history=10')
  await edit(url, secret, { message: 'another secret' }, headers)
  await edit(url, secret, { data: { more: 'secrets' } }, headers)
  await live.until(({ events }) => events.length === 4)
  const { status, body } = await erase(url, secret, headers)
  t.equal(status, 200)
  const { deleted, edited, ...rest } = body.event
  t.match(deleted, /Z$/)
  t.match(edited, /Z$/)
  const { message, data, ...kept } = secret
  t.strictSame(rest, kept, 'its place, its author and what it replied to stay')
  await live.until(({ received }) => received.some(({ event }) => event === 'delete'))
  t.match(live.events.at(-1), { id: body.announcement, type: 'delete', data: { id: secret.id } })

  const tombstone = { event: 'deleted', id: `lobby:${secret.id}`, data: body.event }
  const cursor = { 'last-event-id': `lobby:${before.id}` }
  const readers = await Promise.all([
    read(t, url, 'history=10'), read(t, url, 'since=1h'), read(t, url, 'room=lobby', cursor), read(t, url, 'room=a&room=lobby', cursor),
    read(t, url, 'since=1h&speed=1000')
  ])
  for (const reader of readers) {
    await reader.until(({ events }) => events.at(-1)?.type === 'delete')
    t.strictSame(reader.received.find(({ data }) => data.id === secret.id), { ...tombstone, ...(reader === readers[3] && { id: `a:0-0,lobby:${secret.id}` }) })
    t.notOk(reader.messages.includes(undefined as never) && reader.received.some(({ event, data }) => event === 'message' && data.message === undefined), 'onmessage sees nothing of it')
    t.notMatch(reader.text, /secret/)
  }
  const ndjson = await read(t, url, 'history=10', { accept: 'application/x-ndjson' })
  await ndjson.until(({ events }) => events.at(-1)?.type === 'delete')
  const plain = await read(t, url, 'history=10', { accept: 'text/plain' })
  await plain.until(({ text }) => text.includes('[delete]'))
  t.match(plain.text, /\(deleted\)/)
  const poll = await call(`${url}/events?lurk=1&history=10`, { headers: { accept: 'application/json' } })
  const again = await post(url, { message: 'secret', data: { more: 'secret' }, key: 'k', replyTo: before.id }, headers)
  t.match(again, { status: 200, body: { event: { id: secret.id, gone: true } } })
  for (const text of [ndjson.text, plain.text, JSON.stringify([poll.body, again.body, await history(url)])]) t.notMatch(text, /secret/)
  t.equal(poll.body.events.find(({ id }: ChatEvent) => id === secret.id).deleted, deleted)
  t.equal(chainFlaw(poll.body.events), undefined)
})

t.test('live readers of every kind see an edit and a deletion', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const event = await say('one')
  const sse = await read(t, url, '')
  const ndjson = await read(t, url, 'room=lobby&room=a', { accept: 'application/x-ndjson' })
  const plain = await read(t, url, '', { accept: 'text/plain' })
  const poll = (query: string): Promise<Answer> => call(`${url}/events?lurk=1&wait=30&${query}`, { headers: { accept: 'application/json' } })
  await Promise.all([sse.until(({ received }) => received.length > 0), ndjson.until(({ received }) => received.length > 0), plain.until(({ text }) => text.includes('\n'))])
  const polling = poll(`last_event_id=${event.id}`)
  const edited = (await edit(url, event, { message: 'two' }, headers)).body
  const polled = (await polling).body
  t.match(polled.events, [{ id: edited.announcement, type: 'edit', message: 'two', data: { id: event.id } }])
  const polledAgain = poll(`last_event_id=${polled.cursor}`)
  const erased = (await erase(url, event, headers)).body
  t.match((await polledAgain).body.events, [{ id: erased.announcement, type: 'delete', data: { id: event.id } }])
  for (const reader of [sse, ndjson]) {
    await reader.until(({ events }) => events.length === 2)
    t.match(reader.received.slice(-2), [{ event: 'edit', data: { id: edited.announcement, message: 'two' } }, { event: 'delete', data: { id: erased.announcement } }])
  }
  await plain.until(({ text }) => text.includes('[delete]'))
  t.match(plain.text, /\[edit\] two\n.*\[delete\]/)
})

t.test('a program\'s own event is edited and deleted, too; what is left out stays', async (t) => {
  const { url } = await startApp(t)
  const { headers } = await author(url)
  const { body: { event } } = await post(url, { type: 'deploy.done', message: 'done', data: { commit: 'abc' } }, headers)
  const reader = await read(t, url, '')
  const data = await edit(url, event, { data: { commit: 'def', nested: [1, { a: null }] } }, headers)
  t.match(data, { status: 200, body: { event: { type: 'deploy.done', message: 'done', data: { commit: 'def' } } } })
  const message = await edit(url, event, { message: 'done at last' }, headers)
  t.match(message.body.event, { message: 'done at last', data: { commit: 'def' } })
  await reader.until(({ events }) => events.length === 2)
  t.strictSame(reader.events.at(-1)!.data, { id: event.id, data: { commit: 'def', nested: [1, { a: null }] } })
  const { body } = await erase(url, event, headers)
  t.strictSame([body.event.type, 'data' in body.event, 'message' in body.event], ['deploy.done', false, false])
})

t.test('what changes nothing stores nothing, and is answered as if it had', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const event = await say('one', { data: { a: 1, b: [2] } })
  for (const body of [{ message: 'one' }, { data: { b: [2], a: 1 } }, { message: 'one', data: { a: 1, b: [2] } }]) {
    t.match(await edit(url, event, body, headers), { status: 200, body: { success: true, event, durability: 'fsync' } })
  }
  t.strictSame(await history(url), [event])
  const first = await erase(url, event, headers)
  const again = await erase(url, event, headers)
  t.match([again.status, again.body.event, again.body.announcement], [200, first.body.event, undefined])
  t.equal((await history(url)).length, 2)
})

t.test('a content that could not be posted is refused, and nothing changes', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const event = await say('one')
  const refused: Array<[body: unknown, status: number, code: string]> = [
    [{}, 400, 'HUB_INVALID_BODY'], ['', 400, 'HUB_INVALID_JSON'], ['[]', 400, 'HUB_INVALID_BODY'], ['null', 400, 'HUB_INVALID_BODY'], ['{', 400, 'HUB_INVALID_JSON'],
    [{ message: null }, 400, 'HUB_INVALID_BODY'], [{ message: 1 }, 400, 'HUB_INVALID_BODY'], [{ data: [] }, 400, 'HUB_INVALID_BODY'],
    [{ message: ' \u200b' }, 400, 'HUB_MESSAGE_BLANK'], [{ message: '' }, 400, 'HUB_MESSAGE_BLANK'], [{ message: 'x'.repeat(4_001) }, 400, 'HUB_MESSAGE_TOO_LONG'],
    ['{"message":"\\ud800"}', 400, 'HUB_TEXT_MALFORMED'], ['{"data":{"a":1e999}}', 400, 'HUB_DATA_NUMBER'],
    [{ data: JSON.parse('{"a":'.repeat(17) + '1' + '}'.repeat(17)) }, 400, 'HUB_DATA_TOO_DEEP'], [{ message: 'x', user: { id: 'me' } }, 400, 'HUB_UNKNOWN_FIELD'],
    [{ message: 'x', type: 'name' }, 400, 'HUB_UNKNOWN_FIELD'], [{ message: 'x', data: { a: 'x'.repeat(20_000) } }, 413, 'HUB_BODY_TOO_LARGE']
  ]
  for (const [body, status, code] of refused) t.match(await edit(url, event, body, headers), { status, body: { code } }, JSON.stringify(body).slice(0, 60))
  t.match(await call(`${url}/rooms/lobby/events/${event.id}`, { method: 'PATCH', body: '{"message":"x"}', headers: { ...headers, 'content-type': 'text/plain' } }), { status: 415 })
  t.match(await call(`${url}/rooms/lobby/events/${event.id}?x=1`, { method: 'PATCH', body: { message: 'x' }, headers }), { status: 400, body: { code: 'HUB_UNKNOWN_FIELD' } })
  t.match(await call(`${url}/rooms/lobby/events/${event.id}?reasn=x`, { method: 'DELETE', headers }), { status: 400, body: { code: 'HUB_UNKNOWN_FIELD' } })
  t.strictSame(await history(url), [event])
})

t.test('only its author amends an event; who has no session is told so, and is made no guest', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const event = await say('one')
  const other = await author(url)
  for (const amend of [(headers: Headers) => edit(url, event, { message: 'x' }, headers), (headers: Headers) => erase(url, event, headers)]) {
    t.match(await amend(other.headers), { status: 403, body: { code: 'HUB_NOT_YOURS' } })
    const none = await amend({})
    t.match(none, { status: 401, body: { code: 'HUB_TOKEN_REQUIRED' } })
    t.equal(none.headers.get('set-cookie'), null)
    t.match(await amend({ authorization: 'Bearer x' }), { status: 401, body: { code: 'HUB_TOKEN_INVALID' } })
  }
  t.strictSame(await history(url), [event])
  await erase(url, event, headers)
  t.match(await erase(url, event, other.headers), { status: 403 }, 'also when it is deleted')
  t.match(await edit(url, event, { message: 'x' }, other.headers), { status: 403 })
})

t.test('an author with another name is the same author', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const event = await say('one')
  await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'New Name' }, headers })
  const { status, body } = await edit(url, event, { message: 'two' }, headers)
  t.equal(status, 200)
  t.equal(body.event.user.name, event.user.name, 'what was said keeps the name under which it was said')
  t.match((await history(url)).at(-1), { type: 'edit', user: { id: event.user.id, name: 'New Name' } })
})

t.test('what is not there, not any more, or the server\'s own, cannot be amended', async (t) => {
  const { app, url } = await startApp(t, { ROOM_HISTORY: '4' })
  const { headers, say } = await author(url)
  const old = await say('one')
  const event = await say('two')
  const reader = await Reader.open(`${url}/events`, { headers })
  t.teardown(() => reader.close())
  await reader.until(({ received }) => received.length > 0)
  await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'New Name' }, headers })
  await edit(url, event, { message: 'three' }, headers)
  await erase(url, event, headers)
  await reader.until(({ events }) => events.length === 3)
  t.match(await edit(url, event, { message: 'x' }, headers), { status: 409, body: { code: 'HUB_EVENT_DELETED' } })
  const unknown = [
    ...reader.events, { room: 'lobby', id: '1-1' }, { room: 'lobby', id: '0-0' }, { room: 'lobby', id: '999999999999999-999999999999999' }, { room: 'other', id: event.id }
  ]
  t.strictSame(reader.events.map(({ type }) => type), ['name', 'edit', 'delete'])
  for (const place of unknown) {
    t.match(await edit(url, place, { message: 'x' }, headers), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } }, place.id)
    t.match(await erase(url, place, headers), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } }, place.id)
  }
  await eventually(async () => (await app.engine.read('lobby', { limit: 1 })).floor === old.id, 'trimmed')
  t.match(await edit(url, old, { message: 'x' }, headers), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } }, 'trimmed')
  for (const [room, id, code] of [['lobby', 'x', 'HUB_INVALID_QUERY'], ['lobby', '1', 'HUB_INVALID_QUERY'], ['LOBBY', '1-1', 'HUB_ROOM_INVALID'], ['~nodes', '1-1', 'HUB_ROOM_INVALID']] as const) {
    t.match(await edit(url, { room, id }, { message: 'x' }, headers), { status: 400, body: { code } }, `${room} ${id}`)
    t.match(await erase(url, { room, id }, headers), { status: 400, body: { code } }, `${room} ${id}`)
  }
})

t.test('after EDIT_TIME it is too late, but what is deleted is deleted', async (t) => {
  const { app, url } = await startApp(t, { EDIT_TIME: '1m' })
  const { headers, say } = await author(url)
  const deleted = await say('deleted in time')
  t.equal((await erase(url, deleted, headers)).status, 200)
  const event = await say('one')
  t.equal((await edit(url, event, { message: 'two' }, headers)).status, 200)
  const { now } = Date
  t.teardown(() => { Date.now = now })
  Date.now = () => now() + 61_000
  for (const answer of [await edit(url, event, { message: 'three' }, headers), await erase(url, event, headers)]) {
    t.match(answer, { status: 403, body: { code: 'HUB_EDIT_TOO_LATE', message: /for 1 minute\./ } })
  }
  t.match(await erase(url, deleted, headers), { status: 200, body: { event: { id: deleted.id } } })
  t.match(await edit(url, deleted, { message: 'x' }, headers), { status: 409 })
  t.equal((await app.engine.read('lobby', { limit: 1 })).entries[0]!.event.message, 'two')
})

t.test('EDIT_TIME=0s leaves what was said as it is', async (t) => {
  const { url } = await startApp(t, { EDIT_TIME: '0s' })
  const { headers, say } = await author(url)
  const event = await say('one')
  t.match(await edit(url, event, { message: 'two' }, headers), { status: 403, body: { code: 'HUB_EDIT_TOO_LATE' } })
})

t.test('whoever may not write in a room any more amends nothing there, and private rooms stay so', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'team-*' })
  const writer = await bearer({ sub: 'w', rooms: { read: ['team-red'], write: ['team-red'] } })
  const { body: { event } } = await post(url, { room: 'team-red', message: 'one' }, writer)
  const reader = await bearer({ sub: 'w', rooms: { read: ['team-red'] } })
  const stranger = await bearer({ sub: 'w', rooms: { write: ['lobby'] } })
  for (const amend of [(headers: Headers, place = event) => edit(url, place, { message: 'x' }, headers), (headers: Headers, place = event) => erase(url, place, headers)]) {
    t.match(await amend(reader), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
    t.match(await amend(stranger), { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } })
    t.match(await amend((await author(url)).headers), { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } })
    t.match(await amend(stranger, { ...event, room: 'team-none' }), { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } })
  }
  t.equal((await edit(url, event, { message: 'two' }, writer)).status, 200)
  t.equal((await post(url, { room: 'team-red', message: 'x', replyTo: event.id }, writer)).status, 201)
})

t.test('the limit of posts is one for amendments, too', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE: '3' })
  const { headers, say } = await author(url)
  const event = await say('one')
  t.equal((await edit(url, event, { message: 'two' }, headers)).status, 200)
  t.equal((await erase(url, event, headers)).status, 200)
  for (const answer of [await edit(url, event, { message: 'three' }, headers), await erase(url, event, headers)]) {
    t.match(answer, { status: 429, body: { code: 'HUB_TOO_MANY_REQUESTS' } })
    t.ok(Number(answer.headers.get('retry-after')) > 0)
  }
})

t.test('what a guest may not post, a guest may not make of a message either', async (t) => {
  const { url } = await startApp(t, { BLOCKED_WORDS: 'rubbish', LINK_AFTER: '1h' })
  const { headers, say } = await author(url)
  const event = await say('one')
  t.match(await edit(url, event, { message: 'what RUBBISH' }, headers), { status: 400, body: { code: 'HUB_WORD_BLOCKED' } })
  t.match(await edit(url, event, { message: 'see https://example.org' }, headers), { status: 403, body: { code: 'HUB_LINK_TOO_EARLY' } })
  t.match(await edit(url, event, { data: { see: 'https://example.org' } }, headers), { status: 403, body: { code: 'HUB_LINK_TOO_EARLY' } })
  t.strictSame(await history(url), [event])
})

t.test('in a room where only others write now, an author can delete, and edits no more', async (t) => {
  const { app, url } = await startApp(t)
  const { headers, say } = await author(url)
  const event = await say('one')
  await app.rooms.set('lobby', { posting: 'moderators' }, event.user)
  t.match(await edit(url, event, { message: 'two' }, headers), { status: 403, body: { code: 'HUB_READ_ONLY' } })
  t.equal((await erase(url, event, headers)).status, 200)
})

t.test('an edit is no repetition', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', REPEATS_PER_MINUTE: '1' })
  const { headers, say } = await author(url)
  const event = await say('one')
  for (const message of ['two', 'one', 'two']) t.equal((await edit(url, event, { message }, headers)).status, 200)
})

t.test('in slow mode an edit waits for the edit before, and not for the message; a deletion for nothing', async (t) => {
  const { app, url } = await startApp(t, { LIMITS: 'on' })
  const { headers, say } = await author(url)
  const event = await say('one')
  await app.rooms.set('lobby', { slowMode: 600 }, event.user)
  t.equal((await edit(url, await say('two'), { message: 'three' }, headers)).status, 200)
  t.match(await edit(url, event, { message: 'four' }, headers), { status: 429, body: { code: 'HUB_SLOW_MODE', limit: 'slow-mode' } })
  t.equal((await erase(url, event, headers)).status, 200)
})

t.test('a deletion needs no body, whatever its headers say', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const ways: Headers[] = [{ 'content-type': 'application/json' }, { 'content-type': 'application/json', 'content-length': '0' }, { 'content-length': '0' }, { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }, {}]
  for (const way of ways) {
    const { id } = await say('one')
    const erasing = request(`${url}/rooms/lobby/events/${id}`, { method: 'DELETE', headers: { ...headers, ...way } }).end()
    const [response] = await once(erasing, 'response')
    response.resume()
    t.equal(response.statusCode, 200, JSON.stringify(way))
  }
})

t.test('many edits and a deletion at once end in what is deleted', async (t) => {
  const { url } = await startApp(t)
  const { headers, say } = await author(url)
  const reader = await read(t, url, 'room=lobby')
  const event = await say('secret 0')
  const answers = await Promise.all(Array.from({ length: 40 }, async (_, i) => i === 20 ? erase(url, event, headers) : edit(url, event, { message: `secret ${i}` }, headers)))
  t.strictSame([...new Set(answers.map(({ status }) => status))].sort(), [200, 409])
  const stored = answers.filter(({ body }) => body.announcement !== undefined).length
  await reader.until(({ events }) => events.length === 1 + stored)
  t.equal(reader.events.at(-1)!.type, 'delete')
  t.equal(chainFlaw(reader.events, '0-0'), undefined)
  t.notMatch(JSON.stringify(await history(url)), /secret/)
})
