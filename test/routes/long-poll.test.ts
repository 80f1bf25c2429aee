import { request } from 'node:http'
import t from 'tap'
import { call, chainFlaw, eventually, guest, post, startApp } from '../harness.js'

const poll = (url: string, query: string): Promise<any> => call(`${url}/events?lurk=1&${query}`, { headers: { accept: 'application/json' } })

t.test('a long poll answers events and cursor, and is never cached', async (t) => {
  const { url } = await startApp(t)
  const { body: { event } } = await post(url, { message: 'one' })
  const { status, body, headers } = await poll(url, 'history=5')
  t.equal(status, 200)
  t.strictSame(body, { events: [event], cursor: `lobby:${event.id}` })
  t.equal(headers.get('cache-control'), 'no-store')
  t.equal(headers.get('content-type'), 'application/json; charset=utf-8')
})

t.test('wait=0 answers at once, with a cursor to begin from', async (t) => {
  const { url } = await startApp(t)
  t.strictSame((await poll(url, 'wait=0')).body, { events: [], cursor: 'lobby:0-0' })
  const { body: { event } } = await post(url, { message: 'one' })
  t.strictSame((await poll(url, 'wait=0&room=lobby&room=a')).body, { events: [], cursor: `a:0-0,lobby:${event.id}` })
  t.strictSame((await poll(url, `wait=0&last_event_id=${event.id}`)).body.events, [])
  t.strictSame((await poll(url, 'wait=0&last_event_id=lobby:0-0')).body.events, [event])
})

t.test('a poll that waits wakes on a post', async (t) => {
  const { url } = await startApp(t)
  const { body: { cursor } } = await poll(url, 'wait=0')
  const waiting = poll(url, `wait=60&last_event_id=${cursor}`)
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 1, 'it waits')
  await post(url, { room: 'elsewhere', message: 'not for it' })
  const { body: { event } } = await post(url, { message: 'woken' })
  t.strictSame((await waiting).body, { events: [event], cursor: `lobby:${event.id}` })
})

t.test('a poll that waited in vain gives the cursor it can go on from', async (t) => {
  const { url } = await startApp(t)
  const { body: { event } } = await post(url, { message: 'one' })
  const { body } = await poll(url, `wait=1&last_event_id=${event.id}`)
  t.strictSame(body, { events: [], cursor: `lobby:${event.id}` })
})

t.test('a chain of polls neither loses nor doubles while posts go on', async (t) => {
  const { url } = await startApp(t)
  const count = 100
  const { authorization } = await guest(url)
  const chain = async (rooms: string, waits: string): Promise<any[]> => {
    let { body: { cursor } } = await poll(url, `${rooms}&wait=0`)
    started++
    const events: any[] = []
    while (events.filter(({ room }) => room === 'a').length < count) {
      const { status, body } = await poll(url, `${rooms}&wait=${waits}&last_event_id=${cursor}`)
      if (status !== 200 || body.reset !== undefined) throw new Error(JSON.stringify(body))
      events.push(...body.events)
      cursor = body.cursor
    }
    return events
  }
  let started = 0
  const chains = [chain('room=a', '10'), chain('room=a', '0'), chain('room=a&room=b', '10'), chain('room=b&room=a', '0')]
  await eventually(() => started === chains.length, 'all have their first cursor')
  for (let index = 0; index < count; index += 5) {
    await Promise.all([0, 1, 2, 3, 4].flatMap((offset) => [
      post(url, { room: 'a', message: `${index + offset}` }, { authorization }),
      ...(offset === 0 ? [post(url, { room: 'b', message: `b${index}` }, { authorization })] : [])
    ]))
  }
  for (const events of await Promise.all(chains)) {
    const a = events.filter(({ room }) => room === 'a')
    t.equal(a.length, count)
    t.notOk(chainFlaw(a, '0-0'))
    t.notOk(chainFlaw(events.filter(({ room }) => room === 'b'), '0-0'))
  }
})

t.test('a backlog larger than one answer comes in parts', async (t) => {
  const { app, url } = await startApp(t)
  const user = { id: 'u', name: 'u', tag: 'uuuu' }
  await Promise.all(Array.from({ length: 1_201 }, (_, index) => app.engine.append({ room: 'lobby', draft: { type: 'message', user, message: `${index}` } })))
  const events: any[] = []
  let cursor = 'lobby:0-0'
  let polls = 0
  while (events.length < 1_201) {
    const { body } = await poll(url, `wait=0&last_event_id=${cursor}`)
    t.ok(body.events.length > 0 && body.events.length <= 500)
    events.push(...body.events)
    cursor = body.cursor
    polls++
  }
  t.notOk(chainFlaw(events, '0-0'))
  t.ok(polls >= 3)
})

t.test('a cursor that cannot be honoured brings a reset, once', async (t) => {
  const { url } = await startApp(t)
  const { body: { event } } = await post(url, { message: 'one' })
  for (const [cursor, reason, events] of [['lobby:1-0', 'unknown', [event]], ['9-0,', 'malformed', []], ['a:1-0', 'other-room', []]] as const) {
    const { body } = await poll(url, `wait=60&last_event_id=${cursor}`)
    t.match(body.reset, [{ type: 'reset', room: 'lobby', reason }], reason)
    t.strictSame(body.events, events)
    const again = await poll(url, `wait=0&last_event_id=${body.cursor}`)
    t.strictSame(again.body, { events: [], cursor: body.cursor })
  }
})

t.test('a reset is told also where another room\'s backlog fills the answer', async (t) => {
  const { app, url } = await startApp(t)
  const user = { id: 'u', name: 'u', tag: 'uuuu' }
  await Promise.all(Array.from({ length: 700 }, (_, index) => app.engine.append({ room: 'a', draft: { type: 'message', user, message: `${index}` } })))
  await post(url, { room: 'b', message: 'b1' })
  const resets: any[] = []
  const events: any[] = []
  let cursor = 'a:0-0,b:1-7'
  while (events.length < 701) {
    const { body } = await poll(url, `room=a&room=b&wait=0&last_event_id=${cursor}`)
    resets.push(...body.reset ?? [])
    events.push(...body.events)
    cursor = body.cursor
  }
  t.strictSame(resets.map(({ room, reason }) => [room, reason]), [['b', 'unknown']])
})

t.test('polls whose clients go are forgotten, their timers too', async (t) => {
  const { url } = await startApp(t)
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const streams = async (): Promise<number> => (await call(`${url}/healthz`)).body.streams
  await streams()
  const before = timers()
  const polls = Array.from({ length: 20 }, () => request(`${url}/events?wait=5`, { agent: false, headers: { accept: 'application/json' } })
    .on('error', () => {}).end())
  await eventually(async () => await streams() === 20, 'they wait')
  for (const poll of polls) poll.destroy()
  await eventually(async () => await streams() === 0, 'they are gone', 4_000)
  t.ok(timers() < before + 10, `${timers()} timers, ${before} before`)
})

t.test('a poll that trimming overtakes while it waits is told so', async (t) => {
  const { app, url } = await startApp(t, { ROOM_HISTORY: '5', ROOM_RING_BYTES: '4096' })
  const { body: { event: first } } = await post(url, { message: 'first' })
  const waiting = call(`${url}/events?wait=30&lurk=1&last_event_id=${first.id}`, { headers: { accept: 'application/json' } })
  await eventually(() => app.broadcaster.streams === 1, 'it waits')
  // A burst beyond the ring, and the log read only when the room has been trimmed.
  const read = app.engine.read.bind(app.engine)
  app.engine.read = async (room, range) => {
    await eventually(async () => (await app.engine.rooms({ limit: 1 }))[0]?.events === 5, 'trimmed')
    return read(room, range)
  }
  const draft = { type: 'message', user: first.user, message: 'x'.repeat(300) }
  await Promise.all(Array.from({ length: 200 }, () => app.engine.append({ room: 'lobby', draft })))
  const { body } = await waiting
  t.match(body.reset, [{ type: 'reset', room: 'lobby', reason: 'trimmed' }])
  t.equal(body.events.length, 5)
  t.equal(chainFlaw(body.events, body.reset[0].from), undefined)
  t.equal(body.cursor, `lobby:${body.events.at(-1).id}`)
})

t.test('speed is for streams', async (t) => {
  const { url } = await startApp(t)
  const { status, body } = await call(`${url}/events?since=10m&speed=1`, { headers: { accept: 'application/json' } })
  t.match({ status, body }, { status: 400, body: { code: 'HUB_INVALID_QUERY' } })
})
