import t from 'tap'
import type { EmbeddedEngine } from '../../src/engines/embedded.js'
import { Reader, call, chainFlaw, eventually, startApp } from '../harness.js'

const EVENTS = 200_000

t.test('resume works from any event still kept, and costs what it replays, in a room of 200,000', async (t) => {
  const { app, url } = await startApp(t, { ROOM_HISTORY: String(EVENTS) })
  const engine = app.engine as EmbeddedEngine
  const draft = { type: 'message', user: { id: 'u', name: 'amber-fox', tag: '0a1b' }, message: 'x' }
  const ids: string[] = []
  // Some more than are kept: the oldest are trimmed.
  for (let i = 0; i < EVENTS + 5_000; i += 5_000) {
    const stored = await Promise.all(Array.from({ length: 5_000 }, () => engine.append({ room: 'lobby', draft })))
    for (const appended of stored) if (appended.status === 'stored') ids.push(appended.entry.id)
  }
  await eventually(async () => (await engine.rooms({ limit: 1 }))[0]!.events === EVENTS, 'trimmed')
  const { body: { rooms: [room] } } = await call(`${url}/rooms`)
  const { body: { events: [oldest] } } = await call(`${url}/rooms/lobby/events?after=${room.floor}&limit=1`)
  t.equal(oldest.prev, room.floor)
  t.equal(oldest.id, ids[ids.indexOf(room.floor) + 1])
  const kept = ids.slice(ids.indexOf(oldest.id))

  /** Reads on from a cursor until `count` events have come. */
  const resume = async (cursor: string, count: number) => {
    const before = engine.entriesRead
    const reader = await Reader.open(`${url}/events?lurk=1`, { headers: { 'last-event-id': `lobby:${cursor}` }, keepText: false })
    await reader.until(({ received, events }) => received.length > 0 && events.length >= count)
    reader.close()
    return { read: engine.entriesRead - before, reader }
  }
  for (const missed of [0, 1, 100, 5_000]) {
    const from = kept.at(-1 - missed)!
    const { read, reader } = await resume(from, missed)
    t.equal(reader.notices('welcome')[0].rooms[0].resumed, true)
    t.equal(chainFlaw(reader.events, from), undefined, `${missed} missed: one chain`)
    // A page, of some 300 entries here, looks at the entry where it begins too, and the honouring of the cursor at two.
    const most = missed + Math.ceil(missed / 300) + 4
    t.ok(read <= most, `${missed} missed: ${read} read, ${most} allowed`)
  }
  for (const [name, from] of [['the floor', room.floor], ['the oldest', kept[0]!], ['the middle', kept[EVENTS / 2]!]]) {
    const { reader } = await resume(from, 1_000)
    t.equal(reader.notices('welcome')[0].rooms[0].resumed, true, name)
    t.equal(chainFlaw(reader.events, from), undefined, `from ${name}: one chain`)
  }
  const whole = await resume(kept[0]!, EVENTS - 1)
  t.equal(chainFlaw(whole.reader.events, kept[0]), undefined, 'all of them, from the oldest')
  t.equal(whole.reader.events.length, EVENTS - 1)
  t.ok(whole.read < EVENTS * 1.01, `${whole.read} read`)

  const trimmed = await resume(ids[0]!, 1)
  t.match(trimmed.reader.notices('reset')[0], { reason: 'trimmed', from: room.floor })
  t.equal(trimmed.reader.events[0]!.id, kept[0], 'what is still kept follows')
})
