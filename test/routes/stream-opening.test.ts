import t, { type Test } from 'tap'
import { Reader, guest, post, startApp } from '../harness.js'

async function open (t: Test, url: string, headers: Record<string, string> = {}): Promise<Reader> {
  const reader = await Reader.open(url, { headers })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}

t.test('the first bytes leave at once, in order: retry and comment, then welcome, before anything else', async (t) => {
  const { url } = await startApp(t)
  await post(url, { message: 'earlier' })
  const reader = await open(t, `${url}/events?history=10`)
  await reader.until(({ messages }) => messages.length === 1)
  const [comment, retry, welcome, missed] = reader.text.split('\n\n')
  t.match(comment, /^:/, 'a comment')
  t.match(retry, /^retry: \d+$/)
  t.match(welcome, /^id: lobby:\d+-\d+\nevent: welcome\ndata: \{.*\}$/)
  t.match(missed, /^id: lobby:\d+-\d+\ndata: \{.*"earlier".*\}$/, 'a chat message has no event name')
  t.equal(reader.received[0]!.event, 'welcome')
})

t.test('retry is spread, so that clients do not come back together', async (t) => {
  const { url } = await startApp(t)
  const readers = await Promise.all(Array.from({ length: 8 }, () => open(t, `${url}/events?lurk=1`)))
  const delays = readers.map(({ retry }) => retry!)
  t.ok(delays.every((delay) => Number.isInteger(delay) && delay >= 500 && delay <= 10_000), `${delays}`)
  t.ok(new Set(delays).size > 1, 'they differ')
})

t.test('the headers keep proxies and caches from holding it back', async (t) => {
  const { url } = await startApp(t)
  const { response: { statusCode, headers } } = await open(t, `${url}/events`)
  t.equal(statusCode, 200)
  t.equal(headers['content-type'], 'text/event-stream; charset=utf-8')
  const directives = headers['cache-control']!.split(/\s*,\s*/)
  t.ok(directives.includes('no-cache') && directives.includes('no-transform'), `${headers['cache-control']}`)
  t.equal(headers['x-accel-buffering'], 'no')
  t.match(headers.vary, /\baccept\b/i)
  t.notOk(headers['content-encoding'])
  t.notOk(headers['content-length'])
})

t.test('welcome tells who you are, and of each room its head, its members and that nothing was resumed', async (t) => {
  const { url } = await startApp(t)
  const { body: { event } } = await post(url, { message: 'hi', room: 'tea' })
  const { authorization, id, name } = await guest(url)
  const reader = await open(t, `${url}/events?room=tea&room=empty`, { authorization })
  const [welcome] = reader.notices('welcome')
  t.match(welcome, { type: 'welcome', at: /^\d{4}-\d\d-\d\dT.*Z$/, user: { id, name, tag: /^.{6}$/ } })
  t.notOk('token' in welcome, 'the token only where asked')
  t.strictSame(welcome.rooms, [
    { room: 'empty', head: '0-0', resumed: false, count: 1, members: [welcome.user] },
    { room: 'tea', head: event.id, resumed: false, count: 1, members: [welcome.user] }
  ])
  t.equal(reader.received[0]!.id, `empty:0-0,tea:${event.id}`, 'its id is the cursor from which the stream goes on')
})

t.test('welcome brings the token with token=1, and the token is the user', async (t) => {
  const { url } = await startApp(t)
  const reader = await open(t, `${url}/events?token=1`)
  const [{ token, user }] = reader.notices('welcome')
  const { status, body } = await post(url, { message: 'me' }, { authorization: `Bearer ${token}` })
  t.equal(status, 201)
  t.strictSame(body.event.user, user)
  const zero = await open(t, `${url}/events?token=0`)
  t.notOk('token' in zero.notices('welcome')[0])
  const known = await open(t, `${url}/events?token=1`, { authorization: `Bearer ${token}` })
  t.equal(known.notices('welcome')[0].user.id, user.id)
  t.type(known.notices('welcome')[0].token, 'string', 'also for one who has a session')
})

t.test('a reader cut before its first message resumes from welcome', async (t) => {
  const { url } = await startApp(t)
  await post(url, { message: 'before' })
  const reader = await open(t, `${url}/events`)
  const cursor = reader.cursor!
  reader.close()
  await post(url, { message: 'between' })
  const again = await open(t, `${url}/events`, { 'last-event-id': cursor })
  await again.until(({ messages }) => messages.length > 0)
  t.strictSame(again.messages, ['between'])
  t.equal(again.notices('welcome')[0].rooms[0].resumed, true)
})

t.test('nothing posted while streams open is lost or doubled', async (t) => {
  const { url } = await startApp(t)
  const all = 60
  const posting = (async () => {
    for (let index = 0; index < all; index++) await post(url, { message: `${index}` })
  })()
  const readers: Reader[] = []
  for (let index = 0; index < 30; index++) readers.push(await open(t, `${url}/events?history=500&lurk=1`))
  await posting
  for (const reader of readers) {
    await reader.until(({ messages }) => messages.at(-1) === `${all - 1}`)
    t.strictSame(reader.messages, Array.from({ length: all }, (_, index) => `${index}`))
  }
})
