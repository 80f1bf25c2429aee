import t from 'tap'
import { Reader, call, post, startApp } from '../harness.js'

const HOSTILE = [
  'a\r\nb', 'a\nb\rc', 'x\n\nid: lobby:999999999999999-0\nevent: bye\ndata: {}\n\n', 'data: y\r\rretry: 1\r\r', '\u2028\u2029\u0085x', 'nul \u0000 x',
  '\ufeffbom', ': comment\n', '"}\n{"type":"bye"}\n', '</script>', 'tab\tx', '\\u0000 \\n', '👩‍👩‍👧‍👦\u202e', '\u{10ffff}x', ' x '
]

t.test('no message breaks the framing of any representation', async (t) => {
  const { url } = await startApp(t)
  const [sse, lines, both] = await Promise.all([
    Reader.open(`${url}/events?lurk=1`),
    Reader.open(`${url}/events?lurk=1`, { headers: { accept: 'application/x-ndjson' } }),
    Reader.open(`${url}/events?lurk=1&room=lobby&room=b`)
  ])
  for (const reader of [sse, lines, both]) {
    t.teardown(() => reader.close())
    await reader.until(({ received }) => received.length > 0)
  }
  const events: any[] = []
  for (const text of HOSTILE) {
    const { status, body } = await post(url, { message: text, data: { [text]: text, deep: [[text]] } })
    t.equal(status, 201)
    t.equal(body.event.message, text)
    events.push(body.event)
  }
  const replayed = await Reader.open(`${url}/events?lurk=1`, { headers: { 'last-event-id': 'lobby:0-0' } })
  t.teardown(() => replayed.close())
  for (const reader of [sse, lines, both, replayed]) {
    await reader.until((reader) => reader.events.length >= HOSTILE.length)
    t.strictSame(reader.events, events)
    t.strictSame(reader.received.map(({ event }) => event), ['welcome', ...HOSTILE.map(() => 'message')])
  }
  t.strictSame(replayed.text.match(/^retry: /gm)?.length, 1)
  const history = await call(`${url}/rooms/lobby/events`)
  t.strictSame(history.body.events, events)
  const poll = await call(`${url}/events?last_event_id=0-0&wait=0`, { headers: { accept: 'application/json' } })
  t.strictSame(poll.body.events, events)
})
