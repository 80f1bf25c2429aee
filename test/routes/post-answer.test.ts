import t from 'tap'
import { Reader, call, guest, post, startApp } from '../harness.js'

t.test('a post is answered 201 with the event as it is stored and streamed', async (t) => {
  const { url } = await startApp(t)
  const { authorization, id, name } = await guest(url)
  const first = await post(url, { message: 'hi' }, { authorization })
  t.equal(first.status, 201)
  t.strictSame(Object.keys(first.body).sort(), ['durability', 'event', 'success'])
  t.equal(first.body.success, true)
  t.equal(first.body.durability, 'fsync')
  const { event } = first.body
  t.match(event, { id: /^\d+-\d+$/, prev: '0-0', room: 'lobby', type: 'message', user: { id, name }, message: 'hi', at: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ })
  const second = await post(url, { message: 'ho', room: 'lobby', type: 'message', replyTo: event.id, data: { a: 1 } }, { authorization })
  t.equal(second.status, 201)
  t.match(second.body.event, { prev: event.id, replyTo: event.id, data: { a: 1 } })
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [event, second.body.event])
})

t.test('a program\'s own type is the SSE event name, which onmessage does not see', async (t) => {
  const { url } = await startApp(t)
  const reader = await Reader.open(`${url}/events`)
  t.teardown(() => reader.close())
  const { status, body } = await post(url, { type: 'deploy.done', data: { commit: 'abc', nested: { ok: [true, null, 1.5] } } })
  t.equal(status, 201)
  t.notOk('message' in body.event, 'the message may be left out')
  await post(url, { type: 'a'.repeat(32), message: 'text' })
  await post(url, { message: 'chat' })
  await reader.until(({ messages }) => messages.length === 1)
  const logged = reader.received.filter(({ data }) => data.prev !== undefined)
  t.strictSame(logged.map(({ event }) => event), ['deploy.done', 'a'.repeat(32), 'message'])
  t.strictSame(logged[0]!.data, body.event)
})

t.test('types that are the server\'s own are refused, and so are forms that are none', async (t) => {
  const { url } = await startApp(t)
  for (const type of ['edit', 'delete', 'deleted', 'name', 'welcome', 'presence', 'typing', 'heartbeat', 'reset', 'bye', 'open', 'error']) {
    const { status, body } = await post(url, { type, message: 'x', data: {} })
    t.equal(status, 400, type)
    t.equal(body.code, 'HUB_TYPE_RESERVED')
  }
  for (const type of ['', 'A', '1a', '-a', 'a b', 'a\n', 'a\ndata: x', 'a:b', 'a'.repeat(33), 'é', 'a\u0000']) {
    const { status, body } = await post(url, { type, message: 'x' })
    t.equal(status, 400, JSON.stringify(type))
    t.equal(body.code, 'HUB_INVALID_BODY')
  }
})

t.test('a message may be left out only with data and a type', async (t) => {
  const { url } = await startApp(t)
  for (const body of [{}, { data: {} }, { type: 'x.y' }, { type: 'message', data: {} }, { room: 'lobby' }]) {
    const { status, body: answer } = await post(url, body)
    t.equal(status, 400, JSON.stringify(body))
    t.equal(answer.code, 'HUB_MESSAGE_BLANK')
  }
  t.equal((await post(url, { type: 'x.y', data: {} })).status, 201)
})

t.test('replyTo is an event that the room still holds', async (t) => {
  const { url } = await startApp(t)
  const { body: { event } } = await post(url, { message: 'one', room: 'a' })
  await post(url, { message: 'one', room: 'b' })
  t.equal((await post(url, { message: 're', room: 'a', replyTo: event.id })).body.event.replyTo, event.id)
  for (const body of [{ room: 'b', replyTo: event.id }, { room: 'a', replyTo: '1-0' }, { room: 'a', replyTo: '0-0' }, { room: 'none', replyTo: '0-0' },
    { room: 'a', replyTo: '999999999999999-0' }]) {
    const { status, body: answer } = await post(url, { message: 're', ...body })
    t.equal(status, 400, JSON.stringify(body))
    t.equal(answer.code, 'HUB_REPLY_UNKNOWN')
  }
  t.equal((await post(url, { message: 're', room: 'a', replyTo: 'x' })).body.code, 'HUB_INVALID_BODY')
})

t.test('4,000 characters are taken, also of four bytes each, and one more is not', async (t) => {
  const { url } = await startApp(t)
  for (const character of ['x', '\u{1f600}']) {
    const message = character.repeat(4_000)
    const { status, body } = await post(url, { message })
    t.equal(status, 201)
    t.equal(body.event.message, message)
  }
  const { status, body } = await post(url, { message: 'x'.repeat(4_001) })
  t.equal(status, 400)
  t.equal(body.code, 'HUB_MESSAGE_TOO_LONG')
})

t.test('many posts at once form one chain', async (t) => {
  const { url } = await startApp(t)
  const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => post(url, { message: `${index}` })))
  t.ok(answers.every(({ status }) => status === 201))
  const { body: { events } } = await call(`${url}/rooms/lobby/events?limit=500`)
  t.equal(new Set(events.map(({ prev }: any) => prev)).size, 200)
  t.equal(new Set(answers.map(({ body }) => body.event.id)).size, 200)
})
