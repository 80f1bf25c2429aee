import t, { type Test } from 'tap'
import { Reader, call, eventually, post, startApp } from '../harness.js'

async function open (t: Test, url: string, cursor: string, accept = 'text/event-stream'): Promise<Reader> {
  const reader = await Reader.open(url, { headers: { accept, 'last-event-id': cursor } })
  t.teardown(() => reader.close())
  return reader.until((reader) => reader.notices('reset').length > 0)
}

async function fill (url: string, room: string, count: number): Promise<any[]> {
  const events = []
  for (let index = 0; index < count; index++) events.push((await post(url, { room, message: `${room}${index}` })).body.event)
  return events
}

/** Shows that the stream goes on, and that the reset's own id resumes without another one. */
async function goesOn (t: Test, url: string, path: string, reader: Reader, room: string, missed: any[]): Promise<void> {
  const reset = reader.received.find(({ event }) => event === 'reset')!
  const { body: { event } } = await post(url, { room, message: 'live' })
  await reader.until(({ messages }) => messages.at(-1) === 'live')
  t.strictSame(reader.events.filter((event) => event.room === room), [...missed, event], 'what is kept after its place, then live')
  const again = await Reader.open(`${url}${path}`, { headers: { 'last-event-id': reset.id! } })
  t.teardown(() => again.close())
  await again.until(({ messages }) => messages.at(-1) === 'live')
  t.strictSame(again.notices('reset'), [], 'the reset\'s id is honoured')
  t.equal(again.notices('welcome')[0].rooms.find((info: any) => info.room === room).resumed, true)
  t.strictSame(again.events.filter((event) => event.room === room), [...missed, event], 'the same from the reset\'s id')
}

const shape = (room: string, reason: string): object => ({ type: 'reset', at: /Z$/, room, reason, from: /^\d+-\d+$/, message: /\w/ })

t.test('trimmed: the cursor is older than what is kept', async (t) => {
  const { url } = await startApp(t, { ROOM_HISTORY: '5' })
  const events = await fill(url, 'lobby', 12)
  await eventually(async () => (await call(`${url}/rooms/lobby/events?limit=500`)).body.events.length === 5, 'it is trimmed')
  const { body: { floor } } = await call(`${url}/rooms/lobby/events`)
  for (const cursor of [`lobby:${events[3].id}`, events[3].id, 'lobby:0-0']) {
    const reader = await open(t, `${url}/events`, cursor)
    await reader.until((reader) => reader.events.length === 5)
    const [reset] = reader.notices('reset')
    t.match(reset, shape('lobby', 'trimmed'))
    t.equal(reset.from, floor)
    t.equal(reader.received.find(({ event }) => event === 'reset')!.id, `lobby:${floor}`)
    t.strictSame(reader.events, events.slice(7), 'all that is kept')
    t.equal(reader.notices('welcome')[0].rooms[0].resumed, false)
    t.equal(reader.notices('reset').length, 1)
    reader.close()
  }
  const reader = await open(t, `${url}/events`, `lobby:${events[3].id}`)
  const reset = reader.received.find(({ event }) => event === 'reset')!
  reader.close()
  const again = await Reader.open(`${url}/events`, { headers: { 'last-event-id': reset.id! } })
  t.teardown(() => again.close())
  await again.until((reader) => reader.events.length === 5)
  t.strictSame(again.notices('reset'), [])
})

t.test('unknown: the cursor is between events', async (t) => {
  const { url } = await startApp(t)
  const events = await fill(url, 'lobby', 4)
  const [ms, seq] = events[1].id.split('-')
  const reader = await open(t, `${url}/events`, `lobby:${ms}-${Number(seq) + 900_000_000}`)
  t.match(reader.notices('reset')[0], shape('lobby', 'unknown'))
  await goesOn(t, url, '/events', reader, 'lobby', events.slice(2))
})

t.test('future: the cursor is later than the head', async (t) => {
  const { url } = await startApp(t)
  const [event] = await fill(url, 'lobby', 1)
  const [ms, seq] = event.id.split('-').map(Number)
  for (const cursor of [`${ms}-${seq + 1}`, `${ms + 86_400_000}-0`, '999999999999999-999999999999999']) {
    const reader = await open(t, `${url}/events?room=${'lobby'}`, `lobby:${cursor}`)
    t.match(reader.notices('reset')[0], shape('lobby', 'future'), cursor)
    reader.close()
  }
  const empty = await open(t, `${url}/events?room=empty`, 'empty:5-0')
  t.match(empty.notices('reset')[0], shape('empty', 'future'), 'of a room that holds nothing')
  await goesOn(t, url, '/events?room=empty', empty, 'empty', [])
})

t.test('malformed: what is no cursor at all, however long', async (t) => {
  const { url } = await startApp(t)
  await fill(url, 'lobby', 2)
  const cursors = [
    'x', 'lobby', 'lobby:', ':1-0', 'lobby:1', 'lobby:1-', 'lobby:-1-0', 'lobby:01-0', 'lobby:1-0,', 'lobby:1-0,lobby:1-0', 'LOBBY:1-0',
    'lobby:1000000000000000-0', 'lobby: 1-0', 'null', 'undefined', '%00', '__proto__:x', 'lobby:1e3-0',
    'z'.repeat(15_000), Array.from({ length: 17 }, (_, index) => `r${index}:1-0`).join(','), 'lobby:1-0,'.repeat(1_500)
  ]
  for (const cursor of cursors) {
    const reader = await open(t, `${url}/events`, cursor)
    t.match(reader.notices('reset')[0], shape('lobby', 'malformed'), cursor.slice(0, 40))
    t.ok(reader.text.length < 4_000, 'it is not given back')
    reader.close()
  }
  const bare = await open(t, `${url}/events?room=a&room=b`, '1-0')
  t.strictSame(bare.notices('reset').map(({ room, reason }) => [room, reason]), [['a', 'malformed'], ['b', 'malformed']],
    'a bare id says nothing about a stream of several rooms')
  const reader = await open(t, `${url}/events`, 'rubbish')
  await goesOn(t, url, '/events', reader, 'lobby', [])
})

t.test('other-room: the cursor names none of the stream\'s rooms', async (t) => {
  const { url } = await startApp(t)
  const [event] = await fill(url, 'tea', 1)
  const reader = await open(t, `${url}/events`, `tea:${event.id}`)
  t.match(reader.notices('reset')[0], shape('lobby', 'other-room'))
  await goesOn(t, url, '/events', reader, 'lobby', [])
})

t.test('with several rooms, only the room whose cursor failed is reset', async (t) => {
  const { url } = await startApp(t)
  const a = await fill(url, 'a', 3)
  const b = await fill(url, 'b', 3)
  const reader = await open(t, `${url}/events?room=a&room=b`, `a:${a[0].id},b:1-7`)
  await reader.until(({ events }) => events.length === 5)
  t.strictSame(reader.notices('reset').map(({ room, reason }) => [room, reason]), [['b', 'unknown']])
  t.strictSame(reader.notices('welcome')[0].rooms.map(({ resumed }: any) => resumed), [true, false])
  t.strictSame(reader.events, [...a.slice(1), ...b])
})

t.test('a reader cut after another room\'s events, before its reset, is still told of it', async (t) => {
  const { url } = await startApp(t)
  const a = await fill(url, 'a', 3)
  await fill(url, 'b', 3)
  const reader = await open(t, `${url}/events?room=a&room=b`, `a:${a[0].id},b:1-7`)
  const order = reader.received.map(({ event }) => event)
  const cut = reader.received.filter(({ id }, index) => id !== undefined && index < order.indexOf('reset') && index > 0).at(-1)
  // Where the reset comes before any event, no reader can be cut in between.
  if (cut === undefined) return void t.equal(order[1], 'reset')
  const again = await Reader.open(`${url}/events?room=a&room=b`, { headers: { 'last-event-id': cut.id! } })
  t.teardown(() => again.close())
  await again.until(({ events }) => events.length >= 3)
  t.strictSame(again.notices('reset').map(({ room }) => room), ['b'])
})

t.test('one JSON object a line carries the reset too, with the cursor', async (t) => {
  const { url } = await startApp(t)
  const events = await fill(url, 'lobby', 2)
  const reader = await open(t, `${url}/events`, 'lobby:1-7', 'application/x-ndjson')
  t.match(reader.notices('reset')[0], { ...shape('lobby', 'unknown'), cursor: 'lobby:0-0' })
  await reader.until((reader) => reader.events.length === 2)
  t.strictSame(reader.events, events)
})
