import t, { type Test } from 'tap'
import { Reader, call, eventually, post, startApp } from '../harness.js'

async function open (t: Test, url: string, accept = 'text/event-stream'): Promise<Reader> {
  const reader = await Reader.open(url, { headers: { accept } })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}

/** Posts, each in a millisecond of its own. */
async function postApart (url: string, texts: string[]): Promise<any[]> {
  const events = []
  for (const message of texts) {
    const { body: { event } } = await post(url, { message })
    events.push(event)
    await eventually(() => Date.now() > Date.parse(event.at) + 1, 'the clock goes on')
  }
  return events
}

async function seen (reader: Reader, url: string): Promise<string[]> {
  const end = `end ${reader.received.length} ${Math.random()}`
  await post(url, { message: end })
  await reader.until(({ messages }) => messages.at(-1) === end)
  return reader.messages.slice(0, -1)
}

t.test('history=N brings the newest N messages first, then live', async (t) => {
  const { url } = await startApp(t)
  await postApart(url, ['1', '2', '3', '4', '5'])
  t.strictSame(await seen(await open(t, `${url}/events?history=2`), url), ['4', '5'])
  t.strictSame((await seen(await open(t, `${url}/events?history=500`), url)).slice(0, 5), ['1', '2', '3', '4', '5'])
  t.strictSame(await seen(await open(t, `${url}/events?history=0`), url), [])
  t.strictSame(await seen(await open(t, `${url}/events`), url), [], 'none by default')
  t.strictSame(await seen(await open(t, `${url}/events?room=nobody&history=3&room=lobby`), url).then(({ length }) => length), 3)
})

t.test('since brings what came then or later: a duration, or an RFC 3339 time with any offset', async (t) => {
  const { url } = await startApp(t)
  const [, second, third] = await postApart(url, ['1', '2', '3'])
  const since = async (time: string): Promise<string[]> =>
    (await seen(await open(t, `${url}/events?lurk=1&since=${encodeURIComponent(time)}`), url)).filter((text) => !text.startsWith('end'))
  t.strictSame(await since('10m'), ['1', '2', '3'])
  t.strictSame(await since('999999d'), ['1', '2', '3'], 'longer than there has been time')
  t.strictSame(await since(second.at), ['2', '3'], 'the event of that very millisecond is of it')
  const [date, time] = new Date(Date.parse(second.at) + 2 * 3_600_000).toISOString().slice(0, -1).split('T')
  t.strictSame(await since(`${date}T${time}+02:00`), ['2', '3'])
  t.strictSame(await since(new Date(Date.parse(third.at) + 1).toISOString()), [], 'just after the last')
  t.strictSame(await since('2999-01-01T00:00:00Z'), [], 'the future')
})

t.test('since with speed=100 keeps the order and then goes live', async (t) => {
  const { url } = await startApp(t)
  const events = await postApart(url, ['1', '2', '3', '4'])
  const reader = await open(t, `${url}/events?since=10m&speed=100`)
  t.strictSame(await seen(reader, url), ['1', '2', '3', '4'])
  t.strictSame(reader.events.slice(0, 4), events, 'each with its own time')
})

// A heartbeat comes after silence only: between two events, it tells that the pace was kept.
for (const accept of ['text/event-stream', 'application/x-ndjson']) {
  for (const held of [false, true]) {
    t.test(`since with speed=1 keeps the pace (${accept}${held ? ', while another reads the room' : ''})`, async (t) => {
      const { url } = await startApp(t, { HEARTBEAT: '100ms' })
      const other = await open(t, `${url}/events?lurk=1`)
      const silence = async (): Promise<void> => {
        const until = other.notices('heartbeat').length + 4
        await other.until((reader) => reader.notices('heartbeat').length >= until)
      }
      await post(url, { message: 'one' })
      await silence()
      await post(url, { message: 'two' })
      await silence()
      await post(url, { message: 'three' })
      if (!held) {
        other.close()
        await eventually(async () => (await call(`${url}/healthz`)).body.streams === 0, 'nobody reads')
      }
      const reader = await open(t, `${url}/events?lurk=1&since=10m&speed=1`, accept)
      await reader.until(({ messages }) => messages.length === 3)
      t.strictSame(reader.messages, ['one', 'two', 'three'])
      const order = reader.received.map(({ event, data }) => event === 'message' ? data.message : event)
      for (const [from, to] of [['one', 'two'], ['two', 'three']] as const) {
        t.ok(order.slice(order.indexOf(from), order.indexOf(to)).includes('heartbeat'), `silence between ${from} and ${to}: ${order}`)
      }
    })
  }
}
