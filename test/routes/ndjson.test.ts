import t, { type Test } from 'tap'
import { Reader, call, eventually, post, startApp } from '../harness.js'

async function open (t: Test, url: string, headers: Record<string, string> = {}): Promise<Reader> {
  const reader = await Reader.open(url, { headers: { accept: 'application/x-ndjson', ...headers } })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}

t.test('every line is one JSON object, notices included', async (t) => {
  const { url } = await startApp(t, { HEARTBEAT: '200ms' })
  const { body: { event: old } } = await post(url, { message: 'old' })
  const reader = await open(t, `${url}/events?history=5`)
  const posted = [
    (await post(url, { message: 'line\r\nbreak\u2028and \u0000' })).body.event,
    (await post(url, { type: 'x.y', data: { a: [1, 'b\n'] } })).body.event
  ]
  await reader.until((reader) => reader.events.length === 3 && reader.notices('heartbeat').length > 0 && reader.notices('presence').length > 0)
  const lines = reader.text.split('\n')
  t.equal(lines.pop(), '', 'the last one ends too')
  const objects = lines.map((line) => JSON.parse(line))
  t.strictSame(objects, reader.received.map(({ data }) => data))
  t.match(objects[0], { type: 'welcome', user: {}, rooms: [{ room: 'lobby', resumed: false }], cursor: /^lobby:\d+-\d+$/ })
  t.strictSame(reader.events, [old, ...posted])
  t.equal(reader.response.headers['content-type'], 'application/x-ndjson; charset=utf-8')
})

t.test('it resumes from welcome\'s cursor, from an event id and from the header', async (t) => {
  const { url } = await startApp(t)
  const events: any[] = []
  const first = await open(t, `${url}/events`)
  for (let index = 0; index < 4; index++) events.push((await post(url, { message: `${index}` })).body.event)
  const { cursor } = first.notices('welcome')[0]
  for (const [path, headers, from] of [
    [`last_event_id=${cursor}`, {}, 0],
    [`last_event_id=${events[1].id}`, {}, 2],
    ['', { 'last-event-id': `lobby:${events[2].id}` }, 3]
  ] as const) {
    const reader = await open(t, `${url}/events?${path}`, headers)
    await reader.until((reader) => reader.events.length === 4 - from)
    t.strictSame(reader.events, events.slice(from))
    t.equal(reader.notices('welcome')[0].rooms[0].resumed, true)
  }
})

t.test('a stream that the server ends says so in a line', async (t) => {
  const { app, url } = await startApp(t)
  const reader = await open(t, `${url}/events?lurk=1`)
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 1, 'it is open')
  await app.close()
  await reader.end()
  t.match(reader.received.at(-1)!.data, { type: 'bye', reason: 'shutdown', retry: Number })
})
