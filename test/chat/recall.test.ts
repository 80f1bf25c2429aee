import t, { type Test } from 'tap'
import type { EmbeddedEngine } from '../../src/engines/embedded.js'
import { Reader, chainFlaw, post, startApp } from '../harness.js'

const MISSED = 100

async function readFrom (t: Test, url: string, cursor: string, accept = 'text/event-stream'): Promise<Reader> {
  const reader = await Reader.open(`${url}/events?lurk=1`, { headers: { 'last-event-id': `lobby:${cursor}`, accept } })
  t.teardown(() => reader.close())
  return reader
}

t.test('what the first reader to come back fetches from the log is not fetched again, also while the room goes on', async (t) => {
  const { app, url } = await startApp(t)
  const engine = app.engine as EmbeddedEngine
  const { body: { event: { id: cursor } } } = await post(url, { message: 'seen' })
  for (let i = 0; i < MISSED; i++) await post(url, { message: `missed ${i}` })

  const readers: Reader[] = []
  const come = async (): Promise<number> => {
    const before = engine.entriesRead
    const reader = await readFrom(t, url, cursor)
    readers.push(reader)
    await reader.until(({ events }) => events.length === MISSED + readers.length - 1)
    const read = engine.entriesRead - before
    await post(url, { message: `while there are ${readers.length}` })
    await reader.until(({ events }) => events.length === MISSED + readers.length)
    return read
  }
  // The honouring of a cursor looks at two entries, and a page at the one where it begins.
  t.ok(await come() >= MISSED, 'the first')
  for (let others = 0; others < 3; others++) t.ok(await come() <= 3, 'the next ones')
  const all = MISSED + readers.length
  for (const reader of readers) {
    await reader.until(({ events }) => events.length === all)
    t.equal(chainFlaw(reader.events, cursor), undefined)
  }
})

t.test('a room that has moved on since it went live is recalled too', async (t) => {
  const { app, url } = await startApp(t)
  const engine = app.engine as EmbeddedEngine
  const { body: { event: { id: cursor } } } = await post(url, { message: 'seen' })
  for (let i = 0; i < MISSED; i++) await post(url, { message: `missed ${i}` })
  const live = await Reader.open(`${url}/events`)
  t.teardown(() => live.close())
  await live.until(({ received }) => received.length > 0)
  await post(url, { message: 'new' })
  await live.until(({ messages }) => messages.length === 1)

  const reads: number[] = []
  for (let i = 0; i < 2; i++) {
    const before = engine.entriesRead
    const reader = await readFrom(t, url, cursor)
    await reader.until(({ events }) => events.length === MISSED + 1)
    t.equal(chainFlaw(reader.events, cursor), undefined)
    reads.push(engine.entriesRead - before)
  }
  t.ok(reads[0]! > MISSED && reads[1]! <= 3, `${reads}`)
})

t.test('what is recalled stays within the room\'s budget; who finds no place for it reads the log', async (t) => {
  const { app, url } = await startApp(t, { ROOM_RING_BYTES: '4096' })
  const { body: { event: { id: cursor } } } = await post(url, { message: 'seen' })
  for (let i = 0; i < MISSED; i++) await post(url, { message: `missed ${i}` })
  for (let i = 0; i < 2; i++) {
    const reader = await readFrom(t, url, cursor)
    await reader.until(({ events }) => events.length === MISSED)
    t.equal(chainFlaw(reader.events, cursor), undefined)
    t.ok(app.broadcaster.memory.ringBytes <= 4096, `${app.broadcaster.memory.ringBytes}`)
  }
})
