import t, { type Test } from 'tap'
import { Reader, call, chainFlaw, eventually, post, startApp, temporaryDirectory } from '../harness.js'

async function open (t: Test, url: string, headers: Record<string, string> = {}): Promise<Reader> {
  const reader = await Reader.open(url, { headers })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}

async function fill (url: string, count: number): Promise<any[]> {
  const events = []
  for (let index = 0; index < count; index++) events.push((await post(url, { message: `${index}` })).body.event)
  return events
}

t.test('a stream resumes from every kept event and from the floor 0-0, by cursor and by bare id', async (t) => {
  const { url } = await startApp(t)
  const events = await fill(url, 12)
  const places = ['0-0', ...events.map(({ id }) => id)]
  for (const held of [false, true]) {
    // Where somebody reads the room, what is missed comes from memory, else from the log.
    if (held) await open(t, `${url}/events?lurk=1`)
    for (const [index, id] of places.entries()) {
      for (const cursor of [id, `lobby:${id}`]) {
        const reader = await open(t, `${url}/events?lurk=1`, { 'last-event-id': cursor })
        const expected = events.slice(index)
        await reader.until((reader) => reader.events.length >= expected.length)
        t.strictSame(reader.events, expected, `from ${cursor}`)
        t.equal(reader.notices('welcome')[0].rooms[0].resumed, true)
        t.strictSame(reader.notices('reset'), [])
        reader.close()
      }
    }
  }
})

t.test('a trimmed room resumes from its floor and from its oldest event', async (t) => {
  const { url } = await startApp(t, { ROOM_HISTORY: '5' })
  const events = await fill(url, 20)
  await eventually(async () => (await call(`${url}/rooms/lobby/events?limit=500`)).body.events.length === 5, 'it is trimmed')
  for (const index of [14, 15]) {
    const reader = await open(t, `${url}/events?lurk=1`, { 'last-event-id': `lobby:${events[index].id}` })
    await reader.until((reader) => reader.events.length === 19 - index)
    t.strictSame(reader.events, events.slice(index + 1))
    t.equal(reader.notices('welcome')[0].rooms[0].resumed, true)
    t.strictSame(reader.notices('reset'), [])
  }
})

t.test('the header Last-Event-ID wins over last_event_id', async (t) => {
  const { url } = await startApp(t)
  const events = await fill(url, 4)
  const query = await open(t, `${url}/events?last_event_id=${events[0].id}`)
  await query.until((reader) => reader.events.length === 3)
  t.strictSame(query.events, events.slice(1), 'the query alone')
  const both = await open(t, `${url}/events?last_event_id=${events[0].id}`, { 'last-event-id': `lobby:${events[2].id}` })
  await both.until((reader) => reader.events.length === 1)
  t.strictSame(both.events, events.slice(3))
  const broken = await open(t, `${url}/events?last_event_id=${events[0].id}`, { 'last-event-id': 'what?' })
  await broken.until((reader) => reader.notices('reset').length === 1)
  t.equal(broken.notices('reset')[0].reason, 'malformed')
})

t.test('a cursor wins over history and since', async (t) => {
  const { url } = await startApp(t)
  const events = await fill(url, 5)
  for (const query of ['history=500', 'since=10m']) {
    const reader = await open(t, `${url}/events?${query}`, { 'last-event-id': `lobby:${events[2].id}` })
    await reader.until((reader) => reader.events.length === 2)
    t.strictSame(reader.events, events.slice(3), query)
  }
})

t.test('a reader that is cut again and again while posts go on sees each once, in order', async (t) => {
  const { url } = await startApp(t)
  const count = 120
  let posting = true
  const posts = (async () => {
    for (let index = 0; index < count; index += 4) {
      await Promise.all([0, 1, 2, 3].map((offset) => post(url, { message: `${index + offset}` })))
    }
    posting = false
  })()
  const seen: any[] = []
  let cursor = 'lobby:0-0'
  let cuts = 0
  while (posting || seen.length < count) {
    const reader = await open(t, `${url}/events`, { 'last-event-id': cursor })
    const goal = Math.min(1 + cuts % 5, count - seen.length)
    await reader.until(({ events }) => events.length >= goal)
    reader.close()
    cuts++
    cursor = reader.cursor!
    seen.push(...reader.events)
    t.strictSame(reader.notices('reset'), [])
  }
  await posts
  t.equal(seen.length, count)
  t.notOk(chainFlaw(seen, '0-0'))
  t.ok(cuts > 5, `${cuts} cuts`)
})

t.test('a stream resumes after the server was started again', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const first = await startApp(t, { DATA_DIR })
  const events = await fill(first.url, 3)
  await first.app.close()
  const second = await startApp(t, { DATA_DIR })
  const { body: { event } } = await post(second.url, { message: 'after' })
  t.equal(event.prev, events[2].id)
  const reader = await open(t, `${second.url}/events`, { 'last-event-id': `lobby:${events[0].id}` })
  await reader.until((reader) => reader.events.length === 3)
  t.strictSame(reader.events, [...events.slice(1), event])
})
