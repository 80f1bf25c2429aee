import t from 'tap'
import { call, eventually, guest, post, startApp, temporaryDirectory } from '../harness.js'

t.test('the same key and body answer the first event again; another body is refused', async (t) => {
  const { url } = await startApp(t)
  const { authorization } = await guest(url)
  const body = { message: 'once', key: 'k1', data: { a: 1 } }
  const first = await post(url, body, { authorization })
  t.equal(first.status, 201)
  const again = await post(url, body, { authorization })
  t.equal(again.status, 200)
  t.strictSame(again.body, first.body)
  t.equal((await post(url, { room: 'lobby', ...body }, { authorization })).status, 200, 'the default room is that room')
  for (const other of [{ message: 'other' }, { data: { a: 2 } }, { type: 'x.y' }, { replyTo: first.body.event.id }]) {
    const { status, body: answer } = await post(url, { ...body, ...other }, { authorization })
    t.equal(status, 409, JSON.stringify(other))
    t.match(answer, { statusCode: 409, code: 'HUB_KEY_REUSED', error: 'Conflict' })
  }
  t.equal((await call(`${url}/rooms/lobby/events`)).body.events.length, 1)
})

t.test('at the same instant, one event is stored and all are told of it', async (t) => {
  const { url } = await startApp(t)
  const { authorization } = await guest(url)
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(url, { message: 'once', key: 'k' }, { authorization })))
  t.strictSame(answers.map(({ status }) => status).sort(), [...Array.from({ length: 19 }, () => 200), 201])
  t.equal(new Set(answers.map(({ body }) => body.event.id)).size, 1)
  t.equal((await call(`${url}/rooms/lobby/events`)).body.events.length, 1)
})

t.test('another user\'s key, another room\'s and another spelling are other keys', async (t) => {
  const { url } = await startApp(t)
  const [a, b] = [await guest(url), await guest(url)]
  const keys = ['k', 'K', 'k ', ' k', 'k\u0000', 'k\u0000\u0000', '\u0001k', '\u0000', '\ud83d\ude00', 'e\u0301', '\u00e9', '\u{1f600}'.repeat(128)]
  keys.splice(keys.indexOf('\ud83d\ude00'), 1, '\u{1f601}')
  const ids = new Set<string>()
  for (const { authorization } of [a, b]) {
    for (const room of ['x', 'y']) {
      for (const key of keys) {
        const { status, body } = await post(url, { room, key, message: key === '' ? 'x' : `key ${JSON.stringify(key)}` }, { authorization })
        t.equal(status, 201, `${room} ${JSON.stringify(key).slice(0, 30)}`)
        ids.add(`${room} ${body.event?.id}`)
      }
    }
  }
  t.equal(ids.size, keys.length * 4)
})

t.test('a key that is no well-formed text is refused, or is a key of its own', async (t) => {
  const { url } = await startApp(t)
  const { authorization } = await guest(url)
  const first = await post(url, '{"message":"a","key":"\\ud800"}', { authorization })
  const second = await post(url, '{"message":"b","key":"\\ud801"}', { authorization })
  t.equal(first.status, second.status, `${first.status} ${second.status}: the second is not taken for the first`)
})

t.test('keys hold when the server is started again', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const before = await startApp(t, { DATA_DIR })
  const { authorization } = await guest(before.url)
  const first = await post(before.url, { message: 'once', key: 'k' }, { authorization })
  await before.app.close()
  const after = await startApp(t, { DATA_DIR })
  const again = await post(after.url, { message: 'once', key: 'k' }, { authorization })
  t.equal(again.status, 200)
  t.strictSame(again.body.event, first.body.event)
  t.equal((await post(after.url, { message: 'twice', key: 'k' }, { authorization })).status, 409)
})

t.test('an original that is no longer kept is said to be gone, and is not stored again', async (t) => {
  const { url } = await startApp(t, { ROOM_HISTORY: '2' })
  const { authorization } = await guest(url)
  const first = await post(url, { message: 'once', key: 'k' }, { authorization })
  for (let index = 0; index < 5; index++) await post(url, { message: `${index}` }, { authorization })
  await eventually(async () => (await call(`${url}/rooms/lobby/events`)).body.events.length === 2, 'it is trimmed')
  const { status, body } = await post(url, { message: 'once', key: 'k' }, { authorization })
  t.equal(status, 200)
  t.match(body, { success: true, event: { id: first.body.event.id, gone: true } })
})

t.test('a retry of a reply is safe also when what it replied to is no longer kept', async (t) => {
  const { url } = await startApp(t, { ROOM_HISTORY: '2' })
  const { authorization } = await guest(url)
  const { body: { event } } = await post(url, { message: 'first' }, { authorization })
  const reply = await post(url, { message: 're', replyTo: event.id, key: 'k' }, { authorization })
  await post(url, { message: 'x' }, { authorization })
  await eventually(async () => (await call(`${url}/rooms/lobby/events`)).body.floor === event.id, 'the first is trimmed')
  const again = await post(url, { message: 're', replyTo: event.id, key: 'k' }, { authorization })
  t.equal(again.status, 200)
  t.strictSame(again.body.event, reply.body.event)
})
