import t from 'tap'
import { compareIds } from '../../src/chat/id.js'
import { Reader, chainFlaw, eventually, guest, post, startApp } from '../harness.js'

const SUBSCRIBERS = 200
const PUBLISHERS = 20
const MESSAGES = 20_000

t.test('200 subscribers joining, leaving and resuming at random while 20 publishers post 20,000 messages', { timeout: 280_000 }, async (t) => {
  const { app, url } = await startApp(t, { ROOM_HISTORY: '100000', ROOM_RING_BYTES: '65536' })
  // A generator of its own, so that a failure can be seen again.
  let seed = 20_261_122
  const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31

  const order: string[] = []
  let posted = 0
  let done = false
  const published = Promise.all(Array.from({ length: PUBLISHERS }, async () => {
    const { authorization } = await guest(url)
    while (posted < MESSAGES) {
      const { status, body } = await post(url, { message: `message ${posted++}` }, { authorization })
      if (status !== 201) throw new Error(`${status}: ${body}`)
      order.push(body.event.id)
    }
  })).then(() => { done = true })

  const flaws: string[] = []
  let sessions = 0
  let delivered = 0
  /** One person: comes, stays for some events, is cut, comes back from the last id it has seen. @returns what it saw */
  const subscriber = async (index: number): Promise<{ from: string, seen: string[] }> => {
    await eventually(() => posted > random() * MESSAGES * 0.5, 'its time to join', 120_000)
    const seen: string[] = []
    let cursor: string | undefined
    let from: string | undefined
    for (;;) {
      sessions++
      const reader = await Reader.open(`${url}/events?lurk=${index % 2}`, {
        keepText: false,
        headers: { ...(cursor !== undefined && { 'last-event-id': cursor }), ...(index % 7 === 0 && { accept: 'application/x-ndjson' }) }
      })
      const stay = Math.floor(random() * 3_000)
      await reader.until(({ received, events }) => received.length > 0 && events.length >= stay || (done && (events.at(-1)?.id ?? cursor?.split(':')[1]) === last()), 120_000)
      reader.close()
      const [welcome] = reader.notices('welcome')
      if (welcome.rooms[0].resumed !== (cursor !== undefined)) flaws.push(`${index}: resumed is ${welcome.rooms[0].resumed}`)
      if (reader.notices('reset').length > 0) flaws.push(`${index}: ${JSON.stringify(reader.notices('reset'))}`)
      const start = cursor?.split(':')[1] ?? (welcome.cursor ?? reader.received[0]!.id).split(':')[1]
      from ??= start
      const { events } = reader
      const flaw = chainFlaw(events, start)
      if (flaw !== undefined) flaws.push(`${index}: ${flaw}`)
      seen.push(...events.map(({ id }) => id))
      cursor = `lobby:${seen.at(-1) ?? start}`
      if (done && seen.at(-1) === last()) return { from: from!, seen }
    }
  }
  const last = (): string => sorted.at(-1)!
  let sorted: string[] = []
  void published.then(() => { sorted = [...order].sort(compareIds) })

  const people = Array.from({ length: SUBSCRIBERS }, (_, index) => subscriber(index))
  await published
  const saw = await Promise.all(people)
  t.strictSame(flaws, [], 'no gap, no duplicate, each prev right, every resume honoured')
  for (const { from, seen } of saw) {
    const expected = sorted.slice(sorted.indexOf(from) + 1)
    if (seen.length !== expected.length || seen.some((id, index) => id !== expected[index])) t.fail(`another order, or not all: ${seen.length} of ${expected.length} after ${from}`)
    delivered += seen.length
  }
  t.equal(sorted.length, posted)
  t.comment(`${sorted.length} messages, ${sessions} streams, ${delivered} deliveries checked`)
  await eventually(() => app.broadcaster.streams === 0, 'every stream is gone')
  t.strictSame(app.broadcaster.memory, { rooms: 0, ringBytes: 0 })
})
