import t, { type Test } from 'tap'
import type { Change, ChatEvent, Draft } from '../../src/chat/event.js'
import type { EmbeddedEngine } from '../../src/engines/embedded.js'
import type { Engine } from '../../src/engines/engine.js'
import { Reader, call, chainFlaw, eventually, startApp } from '../harness.js'

const user = { id: 'u', name: 'amber-fox', tag: '0a1b2c' }

async function say (engine: Engine, message: string, room = 'lobby'): Promise<ChatEvent> {
  const appended = await engine.append({ room, draft: { type: 'message', user, message } })
  if (appended.status !== 'stored') throw new Error(appended.status)
  return appended.entry.event
}

function announcing (type: string, id: string): Draft {
  return { type, user, data: { id } }
}

async function edit (engine: Engine, { id, room }: ChatEvent, change: (event: ChatEvent) => Change | undefined): Promise<void> {
  await engine.amend({ room, id, change, announcement: announcing('edit', id) })
}

/** As an author does it: what is deleted stays so. */
function rewrite (engine: Engine, event: ChatEvent, message: string): Promise<void> {
  return edit(engine, event, ({ deleted }) => deleted === undefined ? { message, edited: new Date().toISOString() } : undefined)
}

async function erase (engine: Engine, { id, room }: ChatEvent): Promise<void> {
  await engine.amend({ room, id, change: () => ({ message: null, data: null, deleted: new Date().toISOString() }), announcement: announcing('delete', id) })
}

async function read (t: Test, url: string, query: string, headers: Record<string, string> = {}): Promise<Reader> {
  const reader = await Reader.open(`${url}/events?lurk=1&${query}`, { headers })
  t.teardown(() => reader.close())
  return reader.until(({ text }) => text.includes('\n'))
}

/** What a page shows that takes the events in this order: each message's text, null where it is deleted. */
function shown (events: ChatEvent[]): Map<string, string | null | undefined> {
  const texts = new Map<string, string | null | undefined>()
  for (const { id, type, message, data, deleted } of events) {
    const target = data?.['id'] as string
    if (type === 'message') texts.set(id, deleted === undefined ? message : null)
    else if (type === 'delete') texts.set(target, null)
    else if (message !== undefined && texts.has(target)) texts.set(target, message)
  }
  return texts
}

t.test('what the ring holds is as it is now: the event, and every edit that told of it before', async (t) => {
  const { app, url } = await startApp(t)
  const engine = app.engine as EmbeddedEngine
  const live = await read(t, url, 'room=lobby')
  // What is amended before it has reached a reader comes as it is then.
  const arrived = (count: number): Promise<Reader> => live.until(({ events }) => events.length === count)
  const [kept, gone] = [await say(engine, 'first text, kept'), await say(engine, 'secret')]
  await arrived(2)
  for (const [index, text] of ['second', 'third'].entries()) {
    await rewrite(engine, kept, `${text} text, kept`)
    await rewrite(engine, gone, `${text} secret`)
    await arrived(4 + 2 * index)
  }
  await erase(engine, gone)
  const last = await say(engine, 'last')
  await live.until(({ events }) => events.at(-1)?.id === last.id)
  t.strictSame(live.events.map(({ message }) => message), ['first text, kept', 'secret', 'second text, kept', 'second secret', 'third text, kept', 'third secret', undefined, 'last'])
  t.ok(await app.broadcaster.head('lobby') === last.id)

  const before = engine.entriesRead
  const readers = [
    await read(t, url, 'room=lobby', { 'last-event-id': 'lobby:0-0' }), await read(t, url, 'room=lobby&room=other', { 'last-event-id': 'lobby:0-0' }),
    await read(t, url, 'room=lobby', { 'last-event-id': 'lobby:0-0', accept: 'application/x-ndjson' })
  ]
  for (const reader of readers) {
    await reader.until(({ events }) => events.at(-1)?.id === last.id)
    t.strictSame(reader.events.map(({ message }) => message), ['third text, kept', undefined, 'third text, kept', undefined, 'third text, kept', undefined, undefined, 'last'])
    t.notMatch(reader.text, /secret|second|first/)
    t.equal(chainFlaw(reader.events, '0-0'), undefined)
  }
  t.ok(engine.entriesRead - before <= 2 * readers.length, 'and none of it was read from the log')
  const { body: { events } } = await call(`${url}/rooms/lobby/events?after=0-0`)
  for (const reader of readers) t.strictSame(reader.events, events, 'the log has the same')

  await edit(engine, gone, () => ({ message: 'no secret any more', deleted: null }))
  const again = await read(t, url, 'room=lobby', { 'last-event-id': 'lobby:0-0' })
  await again.until(({ events }) => events.length === 9)
  t.strictSame(again.events, (await call(`${url}/rooms/lobby/events?after=0-0`)).body.events, 'also what has been restored')
  t.equal(again.events.filter(({ message }) => message === 'no secret any more').length, 4)
})

t.test('what a reader has recalled from the log into the ring is amended there, too', async (t) => {
  const { app, url } = await startApp(t)
  const engine = app.engine as EmbeddedEngine
  const events = []
  for (let i = 0; i < 50; i++) events.push(await say(engine, `secret ${i}`))
  for (const event of events) await rewrite(engine, event, 'secret, edited')
  const first = await read(t, url, 'room=lobby', { 'last-event-id': 'lobby:0-0' })
  await first.until(({ events }) => events.length === 100)
  for (const event of events) await erase(engine, event)
  await first.until(({ events }) => events.length === 150)
  const before = engine.entriesRead
  const second = await read(t, url, 'room=lobby', { 'last-event-id': 'lobby:0-0' })
  await second.until(({ events }) => events.length === 150)
  t.ok(engine.entriesRead - before <= 3, 'from the ring')
  t.notMatch(second.text, /secret/)
  t.equal(chainFlaw(second.events, '0-0'), undefined)
})

t.test('a ring of edits keeps to its bound, and those that have left it are read from the log as they are now', async (t) => {
  const { app, url } = await startApp(t, { ROOM_RING_BYTES: '20000' })
  const { engine } = app
  const live = await read(t, url, 'room=lobby')
  const event = await say(engine, '')
  for (let i = 0; i < 400; i++) await rewrite(engine, event, 'x'.repeat(i))
  await live.until(({ events }) => events.length === 401)
  t.ok(app.broadcaster.memory.ringBytes <= 20_000, `${app.broadcaster.memory.ringBytes}`)
  await erase(engine, event)
  await live.until(({ events }) => events.length === 402)
  const late = await read(t, url, 'room=lobby', { 'last-event-id': 'lobby:0-0' })
  await late.until(({ events }) => events.length === 402)
  t.notMatch(late.text, /xx/)
  live.close()
  late.close()
  await eventually(() => app.broadcaster.streams === 0, 'gone')
  t.equal(app.broadcaster.memory.ringBytes, 0, 'and gives back exactly what it took')
})

t.test('a reader that was slow to take its catch-up is not given what has been deleted meanwhile', async (t) => {
  const { app, url } = await startApp(t, { ROOM_HISTORY: '100000' })
  const { engine, activity } = app
  const COUNT = 4_000
  const events = await Promise.all(Array.from({ length: COUNT }, (_, i) => say(engine, `secret ${i} ${'x'.repeat(3_000)}`)))
  const reader = await Reader.open(`${url}/events?lurk=1&room=lobby`, { headers: { 'last-event-id': 'lobby:0-0' }, keepText: false })
  t.teardown(() => reader.close())
  reader.pause()
  let taken = 0
  await eventually(() => {
    const before = taken
    taken = activity.deliveries
    return taken > 0 && taken === before
  }, 'its socket is full')
  t.ok(taken < COUNT, `${taken} were taken`)
  const full = performance.now()
  await Promise.all(events.map((event) => erase(engine, event)))
  await eventually(() => performance.now() - full > 150, 'what it holds is no longer fresh')
  t.equal(activity.deliveries, taken, 'and it has taken nothing since')
  reader.resume()
  await reader.until(({ events }) => events.length === 2 * COUNT)
  t.equal(chainFlaw(reader.events, '0-0'), undefined)
  const late = reader.events.slice(taken + 1, COUNT).filter(({ message }) => message !== undefined)
  t.equal(late.length, 0, `${late.length} were given with their text`)
})

t.test('while much is edited and deleted, whoever reads by whatever way ends with what is so', async (t) => {
  for (const ROOM_RING_BYTES of ['1048576', '8192']) {
    const { app, url } = await startApp(t, { ROOM_RING_BYTES })
    const { engine } = app
    const events: ChatEvent[] = await Promise.all(Array.from({ length: 300 }, (_, i) => say(engine, `text ${i}`)))
    const readers: Reader[] = []
    let done = 0
    const storm = Promise.all(Array.from({ length: 8 }, async (_, which) => {
      for (let i = 0; i < 250; i++) {
        const event = events[(i * 7 + which * 13) % events.length]!
        if (i % 10 === 9) await erase(engine, event)
        else if (i % 10 === 8) events.push(await say(engine, `text ${which} ${i}`))
        else if (i % 10 === 7) await edit(engine, event, ({ deleted }) => deleted === undefined ? undefined : { message: 'restored', deleted: null })
        else await rewrite(engine, event, `edited ${which} ${i}`)
        done++
      }
    }))
    const queries = ['room=lobby', 'room=a&room=lobby', 'room=lobby']
    for (let i = 0; i < 20; i++) {
      await eventually(() => done >= i * 90, 'it has gone on')
      const reader = await read(t, url, queries[i % 3]!, { 'last-event-id': 'lobby:0-0', ...(i % 3 === 2 && { accept: 'application/x-ndjson' }) })
      readers.push(reader)
      if (i % 4 === 3) reader.pause()
    }
    await storm
    const { entries, head } = await engine.read('lobby', { after: '0-0', limit: 100_000 })
    const log = entries.map(({ event }) => event)
    const truth = shown(log)
    t.ok([...truth.values()].includes(null) && [...truth.values()].includes('restored'))
    for (const reader of readers) {
      reader.resume()
      await reader.until(({ events }) => events.at(-1)?.id === head)
      t.equal(chainFlaw(reader.events, '0-0'), undefined)
      t.strictSame(shown(reader.events), truth)
    }
    const late = await read(t, url, 'room=lobby', { 'last-event-id': 'lobby:0-0' })
    await late.until(({ events }) => events.at(-1)?.id === head)
    t.strictSame(late.events, log, 'and who comes last gets what is so from the first')
    t.comment(`${readers.length} readers, ${log.length} events`)
  }
})
