import t from 'tap'
import type { ChatEvent } from '../../src/chat/event.js'
import type { EmbeddedEngine } from '../../src/engines/embedded.js'
import { scrape } from '../exposition.js'
import { Reader, chainFlaw, eventually, post, startApp } from '../harness.js'

const ROOMS = 5_000
/** Rooms that a stream can read. */
const ROOMS_EACH = 16
const EVENTS_EACH = 5
const MEGABYTE = 1024 * 1024
const USER = { id: 'u', name: 'n', tag: 't' }

t.test('the rings of 5,000 rooms with traffic stay within their budget, and the coldest room\'s reader loses nothing', { timeout: 60_000 }, async (t) => {
  const { app, url } = await startApp(t, { RING_BYTES: String(MEGABYTE), STALL_TIMEOUT: '10m', ROOM_HISTORY: '1000000' })
  const { broadcaster } = app
  const engine = app.engine as EmbeddedEngine
  // Past HTTP, which is not what is looked at here.
  const write = (room: string, bytes: number): Promise<unknown> => engine.append({ room, draft: { type: 'message', user: USER, message: 'x'.repeat(bytes) } })

  // A reader that takes nothing stands in its room, far behind.
  const cold = await Reader.open(`${url}/events?room=cold&lurk=1`, { keepText: false })
  t.teardown(() => cold.close())
  await cold.until(({ received }) => received.length > 0)
  cold.pause()
  let written = 0
  await eventually(async () => {
    await Promise.all(Array.from({ length: 200 }, () => write('cold', 4_000)))
    written += 200
    return (await scrape(url))('hubbub_slowest_reader_lag_events')! > 1_000
  }, 'its socket is full')
  t.ok(broadcaster.memory.ringBytes > 0)

  const names = Array.from({ length: ROOMS }, (_, index) => `room-${index}`)
  const readers = await Promise.all(Array.from({ length: Math.ceil(ROOMS / ROOMS_EACH) }, (_, index) => {
    const rooms = names.slice(index * ROOMS_EACH, (index + 1) * ROOMS_EACH)
    return Reader.open(`${url}/events?lurk=1&${rooms.map((room) => `room=${room}`).join('&')}`, { keepText: false })
  }))
  for (const reader of readers) t.teardown(() => reader.close())
  await Promise.all(readers.map((reader) => reader.until(({ received }) => received.length > 0)))
  let most = 0
  for (let round = 0; round < EVENTS_EACH; round++) {
    for (let first = 0; first < ROOMS; first += 500) {
      await Promise.all(names.slice(first, first + 500).map((name) => write(name, 500)))
      most = Math.max(most, broadcaster.memory.ringBytes)
    }
  }
  t.ok(most > MEGABYTE / 2 && most <= MEGABYTE, `${most} bytes at most`)
  const now = await scrape(url)
  t.equal(now('hubbub_live_rooms'), ROOMS + 1)
  t.ok(now('hubbub_ring_bytes')! <= MEGABYTE)
  await Promise.all(readers.map((reader, index) => reader.until(({ events }) => events.length === EVENTS_EACH * Math.min(ROOMS_EACH, ROOMS - index * ROOMS_EACH))))
  const chains = new Map<string, ChatEvent[]>(names.map((name) => [name, []]))
  for (const { events } of readers) for (const event of events) chains.get(event.room)!.push(event)
  t.strictSame([...chains.values()].map((chain) => chainFlaw(chain, '0-0')).filter((flaw) => flaw !== undefined), [])

  const lag = now('hubbub_slowest_reader_lag_events')!
  const readBefore = engine.entriesRead
  cold.resume()
  const { body: { event: newest } } = await post(url, { message: 'the newest', room: 'cold' })
  await cold.until(({ events }) => events.at(-1)?.id === newest.id)
  t.equal(cold.events.length, written + 1)
  t.equal(chainFlaw(cold.events, '0-0'), undefined, 'nothing is missing')
  t.ok(engine.entriesRead - readBefore >= lag, `the log gave the ${lag} events that it had not taken: nothing of them was left in memory`)
})
