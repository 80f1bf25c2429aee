import type { Test } from 'tap'
import type { Change, ChatEvent, Draft } from '../../src/chat/event.js'
import { ORIGIN, compareIds } from '../../src/chat/id.js'
import type { Engine, TailItem, TailListener } from '../../src/engines/engine.js'
import { eventually } from '../harness.js'

const user = { id: 'u1', name: 'amber-fox', tag: '0a1b' }
const said = (message: string): Draft => ({ type: 'message', user, message })

/** What a suite needs of an engine: one over the same store each time, with the settings given. */
export interface Store {
  open (settings: { history: number, historyAge?: number, keeps?: ReadonlyMap<string, number> }): Promise<Engine>
  /** Stops the store's clock at a Unix time in ms. */
  setClock (time: number): Promise<void>
}

const NOON = 1_800_000_000_000

/** A tail's listener for which the log never breaks. */
function listener (hear: (items: TailItem[]) => unknown): TailListener {
  return { hear, broken: (after) => { throw new Error(`broken at ${after}`) } }
}

/** What every engine promises. `store` gives a fresh store for each test. */
export function conformance (t: Test, store: (t: Test) => Promise<Store>): void {
  const opened = async (t: Test, settings: Parameters<Store['open']>[0] = { history: 10_000 }) => {
    const engine = await (await store(t)).open(settings)
    t.teardown(() => engine.close())
    return engine
  }
  const append = async (engine: Engine, room: string, message: string): Promise<ChatEvent> => {
    const appended = await engine.append({ room, draft: said(message) })
    if (appended.status !== 'stored') throw new Error(appended.status)
    return appended.entry.event
  }
  const texts = (entries: Array<{ event: ChatEvent }>): unknown[] => entries.map(({ event }) => event.message)

  t.test('what is appended is read back as it was answered, chained from the origin', async (t) => {
    const engine = await opened(t)
    const first = await append(engine, 'lobby', 'one')
    const second = await append(engine, 'lobby', 'two')
    t.equal(first.prev, ORIGIN)
    t.equal(second.prev, first.id)
    t.equal(new Date(Number(first.id.split('-')[0])).toISOString(), first.at, 'the time is the id\'s')
    const page = await engine.read('lobby', { after: ORIGIN, limit: 10 })
    t.strictSame(page.entries.map(({ json }) => JSON.parse(json)), [first, second])
    t.match(page, { floor: ORIGIN, head: second.id, anchored: true })
  })

  t.test('many at once are one chain, each once', async (t) => {
    const engine = await opened(t)
    const events = await Promise.all(Array.from({ length: 2_000 }, (_, i) => append(engine, 'lobby', String(i))))
    const { entries } = await engine.read('lobby', { after: ORIGIN, limit: 5_000 })
    t.strictSame(texts(entries), events.map(({ message }) => message), 'in the order in which they were asked for')
    let last = ORIGIN
    for (const { event } of entries) {
      if (event.prev !== last || compareIds(event.id, last) <= 0) t.fail(`${event.id} after ${last}`)
      last = event.id
    }
  })

  t.test('ids increase while the clock stands still or steps back, and across a restart', async (t) => {
    const room = await store(t)
    await room.setClock(NOON)
    const engine = await room.open({ history: 100 })
    const a = await append(engine, 'lobby', 'a')
    const b = await append(engine, 'lobby', 'b')
    await room.setClock(NOON - 3_600_000)
    const c = await append(engine, 'lobby', 'c')
    t.ok(a.id.startsWith(String(NOON).slice(0, -3)), `${a.id}: the store's clock tells the time`)
    await engine.close()
    const again = await room.open({ history: 100 })
    t.teardown(() => again.close())
    const d = await append(again, 'lobby', 'd')
    for (const [earlier, later] of [[a, b], [b, c], [c, d]] as const) {
      t.equal(later.prev, earlier.id)
      t.ok(compareIds(later.id, earlier.id) > 0, `${later.id} after ${earlier.id}`)
    }
  })

  t.test('an id is above the highest that the caller knows', async (t) => {
    const engine = await opened(t)
    const appended = await engine.append({ room: 'lobby', draft: said('x'), after: '9000000000000-7' })
    t.equal(appended.status === 'stored' && appended.entry.id, '9000000000000-8')
  })

  t.test('ranges: after, before, newest, between, limits in entries and bytes', async (t) => {
    const engine = await opened(t)
    const ids: string[] = []
    for (let i = 0; i < 10; i++) ids.push((await append(engine, 'lobby', String(i))).id)
    await append(engine, 'lobby.2', 'neighbour')
    await append(engine, 'lobb', 'neighbour')
    const read = async (range: Parameters<Engine['read']>[1]) => texts((await engine.read('lobby', range)).entries).join('')
    t.equal(await read({ limit: 3 }), '789', 'the newest, oldest first')
    t.equal(await read({ limit: 100 }), '0123456789')
    t.equal(await read({ after: ids[4]!, limit: 3 }), '567')
    t.equal(await read({ after: ids[4]!, limit: 100 }), '56789')
    t.equal(await read({ before: ids[4]!, limit: 3 }), '123')
    t.equal(await read({ before: ids[0]!, limit: 3 }), '')
    t.equal(await read({ after: ids[2]!, before: ids[6]!, limit: 100 }), '345')
    t.equal(await read({ after: ids[9]!, limit: 3 }), '')
    t.equal(await read({ after: ORIGIN, limit: 2 }), '01')
    t.equal(await read({ after: ORIGIN, limit: 100, bytes: 1 }), '0', 'one at least')
    t.equal(await read({ after: `${ids[4]!.split('-')[0]}-999999`, limit: 100 }).then((text) => text.endsWith('9')), true, 'from where no event is')
    t.equal(texts((await engine.read('nobody', { limit: 10 })).entries).length, 0)
    t.match(await engine.read('nobody', { after: ORIGIN, limit: 10 }), { floor: ORIGIN, head: ORIGIN, anchored: true })
  })

  t.test('a place is anchored if its id is in the log or is the floor', async (t) => {
    const engine = await opened(t, { history: 5 })
    const ids: string[] = []
    for (let i = 0; i < 12; i++) ids.push((await append(engine, 'lobby', String(i))).id)
    await eventually(async () => (await engine.read('lobby', { after: ids[6]!, limit: 1 })).floor === ids[6], 'trimmed to the newest five')
    const anchored = async (after: string) => (await engine.read('lobby', { after, limit: 1 })).anchored
    t.equal(await anchored(ids[6]!), true, 'the floor')
    for (const id of ids.slice(7)) t.equal(await anchored(id), true, 'kept')
    t.equal(await anchored(ids[5]!), false, 'trimmed')
    t.equal(await anchored(ORIGIN), false, 'the origin, once trimmed')
    t.equal(await anchored('9999999999999-0'), false, 'the future')
    t.equal(await anchored(`${ids[8]!.split('-')[0]}-77777`), false, 'never was')
    const { entries } = await engine.read('lobby', { limit: 100 })
    t.equal(texts(entries).join(' '), '7 8 9 10 11')
    t.equal(entries[0]!.event.prev, ids[6], 'the chain goes on from the floor')
    t.match(await engine.rooms({ limit: 10 }), [{ room: 'lobby', events: 5, floor: ids[6], head: ids[11] }])
  })

  t.test('trimming by age, down to an empty room that goes on from its floor', async (t) => {
    const room = await store(t)
    await room.setClock(NOON)
    const settings = { history: 100, historyAge: 60_000 }
    const engine = await room.open(settings)
    const a = await append(engine, 'lobby', 'a')
    await engine.close()
    await room.setClock(NOON + 120_000)
    const again = await room.open(settings)
    t.teardown(() => again.close())
    await eventually(async () => (await again.read('lobby', { limit: 1 })).floor === a.id, 'the old event trimmed')
    t.match(await again.read('lobby', { after: a.id, limit: 1 }), { entries: [], floor: a.id, head: a.id, anchored: true })
    const b = await append(again, 'lobby', 'b')
    t.equal(b.prev, a.id)
  })

  t.test('a room of ours keeps as much as it is told to, whatever its age, and is listed nowhere', async (t) => {
    const room = await store(t)
    await room.setClock(NOON)
    const settings = { history: 5, historyAge: 60_000, keeps: new Map([['~ours', 200]]) }
    const engine = await room.open(settings)
    await Promise.all(Array.from({ length: 150 }, (_, i) => append(engine, '~ours', String(i))))
    await append(engine, 'constructor', 'x')
    await append(engine, 'zz', 'x')
    t.strictSame((await engine.rooms({ limit: 10 })).map(({ room }) => room), ['constructor', 'zz'])
    t.strictSame(await engine.rooms({ limit: 10, after: 'zz' }), [])
    await engine.close()
    await room.setClock(NOON + 120_000)
    const again = await room.open(settings)
    t.teardown(() => again.close())
    await eventually(async () => (await again.read('zz', { limit: 1 })).entries.length === 0, 'others are trimmed by their age')
    t.equal((await again.read('~ours', { limit: 500 })).entries.length, 150)
    await Promise.all(Array.from({ length: 150 }, (_, i) => append(again, '~ours', String(150 + i))))
    await eventually(async () => (await again.read('~ours', { limit: 500 })).entries.length === 200, 'and it by its own number')
    t.equal(texts((await again.read('~ours', { limit: 500 })).entries)[0], '100')
  })

  t.test('a burst into a room trims it to its limit by itself, as many rooms at once do', async (t) => {
    const engine = await opened(t, { history: 10 })
    await Promise.all(Array.from({ length: 1_500 }, (_, i) => append(engine, 'one', String(i))))
    await Promise.all(Array.from({ length: 3_000 }, (_, i) => append(engine, `room-${i % 100}`, String(i))))
    await eventually(async () => (await engine.rooms({ limit: 200 })).every(({ events }) => events === 10), 'ten in each')
    t.equal(texts((await engine.read('one', { limit: 100 })).entries).join(' '), Array.from({ length: 10 }, (_, i) => 1_490 + i).join(' '))
  })

  t.test('seeking finds where the newest begin, by number and by time', async (t) => {
    const room = await store(t)
    const engine = await room.open({ history: 5 })
    t.teardown(() => engine.close())
    const ids: string[] = []
    for (let i = 0; i < 8; i++) {
      await room.setClock(NOON + Math.floor(i / 2) * 1_000)
      ids.push((await append(engine, 'lobby', String(i))).id)
    }
    await eventually(async () => (await engine.rooms({ limit: 1 }))[0]?.events === 5, 'trimmed')
    t.equal(await engine.seek('lobby', { newest: 0 }), ids[7])
    t.equal(await engine.seek('lobby', { newest: 2 }), ids[5])
    t.equal(await engine.seek('lobby', { newest: 4 }), ids[3])
    t.equal(await engine.seek('lobby', { newest: 5 }), ids[2], 'all that are kept: the floor')
    t.equal(await engine.seek('lobby', { newest: 500 }), ids[2])
    t.equal(await engine.seek('lobby', { since: 1_800_000_003_000 }), ids[5], 'all of that very millisecond')
    t.equal(await engine.seek('lobby', { since: 1_800_000_002_001 }), ids[5])
    t.equal(await engine.seek('lobby', { since: 0 }), ids[2])
    t.equal(await engine.seek('lobby', { since: 1_900_000_000_000 }), ids[7])
    t.equal(await engine.seek('nobody', { newest: 3 }), ORIGIN)
  })

  t.test('a limit that was lowered is kept to after a start', async (t) => {
    const room = await store(t)
    const engine = await room.open({ history: 10_000 })
    await Promise.all(Array.from({ length: 3_000 }, (_, i) => append(engine, 'lobby', String(i))))
    await engine.close()
    const again = await room.open({ history: 10 })
    t.teardown(() => again.close())
    await eventually(async () => (await again.rooms({ limit: 1 }))[0]?.events === 10, 'trimmed to ten')
    const { entries, floor } = await again.read('lobby', { limit: 100 })
    t.equal(texts(entries).join(' '), '2990 2991 2992 2993 2994 2995 2996 2997 2998 2999')
    t.equal(entries[0]!.event.prev, floor)
  })

  t.test('a tail hears every entry once, in order, from its head on, only of its room, and when it can be read', async (t) => {
    const engine = await opened(t)
    const before = await append(engine, 'lobby', 'before')
    const heard: TailItem[] = []
    let unreadable = 0
    const tail = await engine.tail('lobby', listener((items) => {
      heard.push(...items)
      const last = items.at(-1)!.entry.id
      void engine.read('lobby', { after: last, limit: 1 }).then(({ anchored }) => { if (!anchored) unreadable++ })
    }))
    t.equal(tail.head, before.id)
    const events = await Promise.all(Array.from({ length: 500 }, (_, i) => append(engine, i % 2 === 0 ? 'lobby' : 'other', String(i))))
    const expected = events.filter(({ room }) => room === 'lobby').map(({ id }) => id)
    await eventually(() => heard.length === expected.length, 'all heard')
    t.strictSame(heard.map(({ entry }) => entry.id), expected)
    t.equal(heard[0]!.entry.event.prev, before.id)
    t.equal(unreadable, 0)
    tail.close()
    await append(engine, 'lobby', 'after')
    t.equal(heard.length, expected.length)
  })

  t.test('a tail that begins under full load hears first what comes after its head', async (t) => {
    const engine = await opened(t)
    let appending = true
    const appenders = Array.from({ length: 16 }, async () => { while (appending) await append(engine, 'lobby', 'x') })
    for (let i = 0; i < 200; i++) {
      const heard: TailItem[] = []
      // At whatever moment of a transaction's life.
      await new Promise((resolve) => i % 2 === 0 ? setTimeout(resolve, 1) : setImmediate(resolve))
      const tail = await engine.tail('lobby', listener((items) => heard.push(...items)))
      await eventually(() => heard.length > 0, 'something heard')
      tail.close()
      if (heard[0]!.entry.event.prev !== tail.head) t.fail(`first heard ${heard[0]!.entry.id} after ${heard[0]!.entry.event.prev}, not after ${tail.head}`)
    }
    appending = false
    await Promise.all(appenders)
  })

  t.test('a key is stored once: later, at the same instant, after a restart; others\' keys are others', async (t) => {
    const room = await store(t)
    const engine = await room.open({ history: 100 })
    const keyed = (engine: Engine, scope: string, key: string, message: string, inRoom = 'lobby') =>
      engine.append({ room: inRoom, draft: said(message), idempotency: { scope, key, fingerprint: `f-${message}` } })
    const [one, two] = await Promise.all([keyed(engine, 'u1', 'k', 'first'), keyed(engine, 'u1', 'k', 'second')])
    t.equal(one.status, 'stored')
    t.match(two, { status: 'known', fingerprint: 'f-first', entry: { id: one.status === 'stored' && one.entry.id } })
    t.equal((await keyed(engine, 'u2', 'k', 'another user')).status, 'stored')
    t.equal((await keyed(engine, 'u1', 'k', 'another room', 'other')).status, 'stored')
    t.equal((await keyed(engine, 'u1', 'k2', 'another key')).status, 'stored')
    await engine.close()
    const again = await room.open({ history: 2 })
    t.teardown(() => again.close())
    t.equal((await keyed(again, 'u1', 'k', 'first')).status, 'known')
    await eventually(async () => (await again.rooms({ limit: 1 }))[0]?.events === 2, 'the original trimmed')
    const gone = await keyed(again, 'u1', 'k', 'first')
    t.equal(gone.status, 'known')
    t.equal('entry' in gone, false, 'known still, when its event is gone')
  })

  t.test('a key is forgotten after a day', async (t) => {
    const room = await store(t)
    await room.setClock(NOON)
    const engine = await room.open({ history: 100 })
    t.teardown(() => engine.close())
    const keyed = () => engine.append({ room: 'lobby', draft: said('x'), idempotency: { scope: 'u', key: 'k', fingerprint: 'f' } })
    t.equal((await keyed()).status, 'stored')
    await room.setClock(NOON + 24 * 3_600_000 - 1)
    t.equal((await keyed()).status, 'known')
    await room.setClock(NOON + 24 * 3_600_000 + 1)
    t.equal((await keyed()).status, 'stored')
  })

  t.test('a reply is stored where its original is in the room, and a known key is known before that is asked', async (t) => {
    const engine = await opened(t, { history: 2 })
    const original = await append(engine, 'lobby', 'original')
    const reply = (room: string, replyTo: string) =>
      engine.append({ room, draft: { ...said('reply'), replyTo }, idempotency: { scope: 'u', key: replyTo, fingerprint: 'f' } })
    t.equal((await reply('other', original.id)).status, 'no-original')
    t.equal((await reply('lobby', '5-5')).status, 'no-original')
    t.equal((await reply('lobby', ORIGIN)).status, 'no-original')
    t.equal((await reply('lobby', original.id)).status, 'stored')
    await append(engine, 'lobby', 'x')
    await append(engine, 'lobby', 'y')
    t.equal((await reply('lobby', original.id)).status, 'known')
    t.strictSame((await engine.rooms({ limit: 5 })).map(({ room }) => room), ['lobby'], 'what was refused left nothing')
  })

  const edit = (id: string): Draft => ({ type: 'edit', user, data: { id } })
  const erase = (id: string): Draft => ({ type: 'delete', user, data: { id } })
  const EDITED = { edited: '2026-01-01T00:00:00.000Z' }
  const DELETED = { message: null, data: null, deleted: '2026-01-01T00:00:01.000Z' }
  const amend = async (engine: Engine, id: string, change: Change, announcement = edit(id)): Promise<{ event: ChatEvent, announcement: ChatEvent }> => {
    const amended = await engine.amend({ room: 'lobby', id, change: () => change, announcement })
    if (amended.status !== 'amended') throw new Error(amended.status)
    return { event: amended.entry.event, announcement: amended.announcement.event }
  }
  const all = async (engine: Engine, room = 'lobby'): Promise<ChatEvent[]> => (await engine.read(room, { after: ORIGIN, limit: 5_000 })).entries.map(({ json }) => JSON.parse(json))

  t.test('an amendment changes content alone, with its announcement, and tails hear both', async (t) => {
    const engine = await opened(t)
    const a = await append(engine, 'lobby', 'tpyo')
    const b = await append(engine, 'lobby', 'next')
    const heard: TailItem[] = []
    await engine.tail('lobby', listener((items) => heard.push(...items)))
    const asked: ChatEvent[] = []
    const change = (event: ChatEvent) => {
      asked.push(event)
      return { message: 'typo', data: { n: 1 }, ...EDITED }
    }
    const amended = await engine.amend({ room: 'lobby', id: a.id, change, announcement: edit(a.id) })
    t.strictSame(asked, [a], 'it is decided by the event as it is')
    if (amended.status !== 'amended') throw new Error(amended.status)
    const { entry, announcement } = amended
    const now = { ...a, message: 'typo', data: { n: 1 }, ...EDITED }
    t.strictSame(JSON.parse(entry.json), now)
    const { id, at } = announcement.event
    t.ok(compareIds(id, b.id) > 0)
    const announced = { id, prev: b.id, room: 'lobby', type: 'edit', user, at, message: 'typo', data: { id: a.id, data: { n: 1 } }, ...EDITED }
    t.strictSame(JSON.parse(announcement.json), announced)
    t.strictSame(await all(engine), [now, b, announced])
    await eventually(() => heard.length === 1, 'heard')
    t.strictSame([heard[0]!.entry.json, heard[0]!.amended!.json].map((json) => JSON.parse(json)), [announced, now])
    t.match(await append(engine, 'lobby', 'after'), { prev: id }, 'the chain goes on')
  })

  t.test('null removes a field, and of the author the name alone can change', async (t) => {
    const engine = await opened(t)
    const a = await append(engine, 'lobby', 'one')
    await amend(engine, a.id, { data: { n: 1 }, ...EDITED })
    t.strictSame((await amend(engine, a.id, { data: null, edited: null })).event, a)
    const { event } = await amend(engine, a.id, { user: { ...user, id: 'u2', name: 'gone' } as { name: string } })
    t.strictSame(event, { ...a, user: { ...user, name: 'gone' } })
    t.strictSame((await all(engine))[0], event)
  })

  t.test('nothing is stored where the event is not in the log, where it is declined, and where deciding fails', async (t) => {
    const engine = await opened(t)
    const a = await append(engine, 'lobby', 'one')
    const heard: TailItem[] = []
    await engine.tail('lobby', listener((items) => heard.push(...items)))
    const asked: string[] = []
    const amending = (id: string, change: () => Change | undefined, room = 'lobby') => engine.amend({
      room,
      id,
      change: () => {
        asked.push(id)
        return change()
      },
      announcement: edit(id)
    })
    const refuse = (): never => { throw new TypeError('not yours') }
    const outcomes = await Promise.allSettled([
      amending('5-5', () => ({ message: 'x' })), amending(a.id, () => ({ message: 'x' }), 'other'), amending(ORIGIN, () => ({ message: 'x' })),
      amending('999999999999999-999999999999999', () => ({ message: 'x' })), amending(a.id, refuse), amending(a.id, () => undefined), append(engine, 'lobby', 'two')
    ])
    t.strictSame(outcomes.slice(0, 4).map((outcome) => outcome.status === 'fulfilled' && outcome.value), Array(4).fill({ status: 'unknown' }))
    t.match(outcomes[4], { status: 'rejected', reason: { name: 'TypeError', message: 'not yours' } })
    t.match(outcomes[5], { status: 'fulfilled', value: { status: 'declined', entry: { id: a.id, event: a } } })
    t.equal(outcomes[6]!.status, 'fulfilled', 'the others are none the worse')
    t.strictSame(asked, [a.id, a.id], 'what is not there is not asked about')
    t.strictSame(texts((await engine.read('lobby', { limit: 10 })).entries), ['one', 'two'])
    t.strictSame((await engine.rooms({ limit: 10 })).map(({ room }) => room), ['lobby'])
    await eventually(() => heard.length === 1, 'the append is heard, and nothing else')
  })

  t.test('every edit says what its target has now: amended again, deleted, restored', async (t) => {
    const engine = await opened(t)
    const a = await append(engine, 'lobby', 'one')
    const said = async () => (await all(engine)).map(({ type, message, data, edited, deleted }) => [type, message, data?.['data'], edited ?? deleted])
    await amend(engine, a.id, { message: 'two', ...EDITED })
    await amend(engine, a.id, { message: 'three', data: { n: 1 } })
    const { edited } = EDITED
    t.strictSame(await said(), [['message', 'three', undefined, edited], ['edit', 'three', { n: 1 }, edited], ['edit', 'three', { n: 1 }, edited]])
    const { event } = await amend(engine, a.id, DELETED, erase(a.id))
    t.notOk('message' in event || 'data' in event)
    const nothing = ['edit', undefined, undefined, undefined]
    t.strictSame(await said(), [['message', undefined, undefined, edited], nothing, nothing, ['delete', undefined, undefined, undefined]])
    t.strictSame((await all(engine))[1]!.data, { id: a.id }, 'but which it is')
    const restored = await amend(engine, a.id, { message: 'three', deleted: null, edited: null })
    t.match(restored.announcement, { type: 'edit', message: 'three', data: { id: a.id } })
    const three = ['edit', 'three', undefined, undefined]
    t.strictSame(await said(), [['message', 'three', undefined, undefined], three, three, ['delete', undefined, undefined, undefined], three])
    const newest = (await engine.read('lobby', { limit: 3 })).entries.map(({ event }) => event.message)
    t.strictSame(newest, ['three', undefined, 'three'], 'however it is read')
  })

  t.test('an edit whose target has been trimmed says nothing of it', async (t) => {
    const engine = await opened(t, { history: 3 })
    const a = await append(engine, 'lobby', 'one')
    await amend(engine, a.id, { message: 'two' })
    for (const text of ['x', 'y']) await append(engine, 'lobby', text)
    await eventually(async () => (await engine.rooms({ limit: 1 }))[0]?.events === 3, 'trimmed')
    const [first] = await all(engine)
    t.match(first, { type: 'edit', prev: a.id, data: { id: a.id } })
    t.notOk('message' in first!)
    t.strictSame(await engine.amend({ room: 'lobby', id: a.id, change: () => ({ message: 'x' }), announcement: edit(a.id) }), { status: 'unknown' })
  })

  t.test('an edit can be amended itself, and still says what its target has', async (t) => {
    const engine = await opened(t)
    const a = await append(engine, 'lobby', 'one')
    const first = await amend(engine, a.id, { message: 'two' })
    const heard: TailItem[] = []
    await engine.tail('lobby', listener((items) => heard.push(...items)))
    const { event, announcement } = await amend(engine, first.announcement.id, { user: { name: 'gone' } })
    t.strictSame(event, { ...first.announcement, user: { ...user, name: 'gone' } })
    t.notOk('message' in announcement, 'what it says is its target\'s')
    t.strictSame(announcement.data, { id: event.id })
    await eventually(() => heard.length === 1, 'heard')
    t.strictSame(JSON.parse(heard[0]!.amended!.json), event)
    const declined = await engine.amend({ room: 'lobby', id: event.id, change: () => undefined, announcement: edit(event.id) })
    t.strictSame(declined.status === 'declined' && declined.entry.event, event)
    await amend(engine, a.id, { message: 'three' })
    t.match(await all(engine), [{ message: 'three' }, { type: 'edit', message: 'three', user: { name: 'gone' } }, { type: 'edit' }, { type: 'edit', message: 'three' }])
    await amend(engine, a.id, DELETED, erase(a.id))
    t.notOk(JSON.stringify(await all(engine)).includes('three'))
  })

  t.test('many amendments of one event at once all count, each once', async (t) => {
    const engine = await opened(t)
    const a = await append(engine, 'lobby', '')
    const heard: TailItem[] = []
    await engine.tail('lobby', listener((items) => heard.push(...items)))
    const COUNT = 60
    await Promise.all(Array.from({ length: COUNT }, () => engine.amend({
      room: 'lobby', id: a.id, change: ({ message }) => ({ message: `${message}x` }), announcement: edit(a.id)
    })))
    const events = await all(engine)
    t.equal(events.length, COUNT + 1)
    t.ok(events.every(({ message }) => message === 'x'.repeat(COUNT)), 'all say the last text')
    let last = ORIGIN
    for (const { id, prev } of events) {
      if (prev !== last) t.fail(`${id} after ${last}`)
      last = id
    }
    await eventually(() => heard.length === COUNT, 'all heard')
    t.strictSame(heard.map(({ entry }) => entry.id), events.slice(1).map(({ id }) => id))
    t.match(heard.at(-1), { amended: { event: { message: 'x'.repeat(COUNT) } } })
    for (const { entry, amended } of heard) if (entry.event.message !== amended!.event.message) t.fail('an edit that says something else')
  })

  t.test('an edit cannot resurrect what is deleted meanwhile', async (t) => {
    const engine = await opened(t)
    for (let round = 0; round < 20; round++) {
      const a = await append(engine, 'lobby', 'secret')
      const edits = (count: number) => Array.from({ length: count }, () => engine.amend({
        room: 'lobby', id: a.id, change: ({ deleted }) => deleted === undefined ? { message: 'secret again' } : undefined, announcement: edit(a.id)
      }))
      await Promise.all([...edits(round % 4), amend(engine, a.id, DELETED, erase(a.id)), ...edits(4)])
    }
    const events = await all(engine)
    t.notOk(JSON.stringify(events).includes('secret'))
    for (const { id, type, data } of events) {
      if (type === 'delete' && events.some((event) => event.type === 'edit' && event.data!['id'] === data!['id'] && compareIds(event.id, id) > 0)) t.fail('edited after it was deleted')
    }
  })

  t.test('a known key is answered with the event as it is now', async (t) => {
    const engine = await opened(t)
    const keyed = () => engine.append({ room: 'lobby', draft: said('one'), idempotency: { scope: 'u', key: 'k', fingerprint: 'f' } })
    const stored = await keyed()
    if (stored.status !== 'stored') throw new Error(stored.status)
    await amend(engine, stored.entry.id, { message: 'two', ...EDITED })
    t.match(await keyed(), { status: 'known', entry: { event: { message: 'two', ...EDITED } } })
    await amend(engine, stored.entry.id, DELETED, erase(stored.entry.id))
    const known = await keyed()
    t.match(known, { status: 'known', entry: { event: { deleted: DELETED.deleted } } })
    t.notOk(JSON.stringify(known).includes('one') || JSON.stringify(known).includes('two'))
  })

  t.test('closing stores the amendments that were accepted', async (t) => {
    const room = await store(t)
    const engine = await room.open({ history: 10_000 })
    const a = await append(engine, 'lobby', '')
    const amending = () => engine.amend({ room: 'lobby', id: a.id, change: ({ message }) => ({ message: `${message}x` }), announcement: edit(a.id) })
    const accepted = Array.from({ length: 20 }, amending)
    const closing = engine.close()
    await t.rejects(amending(), { name: 'EngineUnavailable' })
    t.ok((await Promise.all(accepted)).every(({ status }) => status === 'amended'))
    await closing
    const again = await room.open({ history: 10_000 })
    t.teardown(() => again.close())
    t.equal((await all(again))[0]!.message, 'x'.repeat(20))
  })

  t.test('rooms are listed in order, page by page, once they hold an event', async (t) => {
    const engine = await opened(t)
    for (const room of ['b', 'a', 'c-2', 'c']) await append(engine, room, 'x')
    t.strictSame((await engine.rooms({ limit: 2 })).map(({ room }) => room), ['a', 'b'])
    t.strictSame((await engine.rooms({ after: 'b', limit: 10 })).map(({ room }) => room), ['c', 'c-2'])
  })

  t.test('a key too long for the store is refused alone', async (t) => {
    const engine = await opened(t)
    const outcomes = await Promise.allSettled([
      append(engine, 'lobby', 'before'),
      engine.append({ room: 'lobby', draft: said('x'), idempotency: { scope: 'u'.repeat(3_000), key: 'k', fingerprint: 'f' } }),
      append(engine, 'lobby', 'after')
    ])
    t.strictSame(outcomes.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
    t.equal(texts((await engine.read('lobby', { limit: 5 })).entries).join(' '), 'before after')
  })

  t.test('documents: put, get, delete, list, expiry, the first of two', async (t) => {
    const room = await store(t)
    await room.setClock(NOON)
    const engine = await room.open({ history: 10 })
    t.teardown(() => engine.close())
    const { documents } = engine
    t.equal(await documents.get('name', 'u1'), undefined)
    await documents.put('name', 'u1', { name: 'Kim' })
    t.strictSame(await documents.get('name', 'u1'), { name: 'Kim' })
    t.equal(await documents.get('names', 'u1'), undefined, 'kinds are apart')
    const [one, two] = await Promise.all([documents.put('s', 'x', 1, { ifAbsent: true }), documents.put('s', 'x', 2, { ifAbsent: true })])
    t.strictSame([one, two], [1, 1], 'one wins, and both learn which')
    await documents.put('lease', 'a', 'soon gone', { ttl: 1_000 })
    await documents.put('lease', 'b', 'stays')
    await documents.put('lease', 'c', 'renewed', { ttl: 1_000 })
    await documents.put('lease', 'c', 'renewed', { ttl: 10_000 })
    t.strictSame(await documents.list('lease', { limit: 2 }), [{ id: 'a', value: 'soon gone' }, { id: 'b', value: 'stays' }])
    t.equal(await documents.replace('lease', 'd', 'never was'), false)
    t.equal(await documents.get('lease', 'd'), undefined)
    await documents.put('lease', 'd', 'first', { ttl: 1_000 })
    t.equal(await documents.replace('lease', 'd', 'second', { ttl: 10_000 }), true)
    t.strictSame((await Promise.all([documents.delete('lease', 'd'), documents.replace('lease', 'd', 'third')]))[1], false, 'what is deleted stays so')
    await documents.put('lease', 'e', 'first', { ttl: 1_000 })
    t.equal(await documents.replace('lease', 'e', 'second', { ttl: 10_000 }), true)
    await room.setClock(NOON + 1_001)
    t.equal(await documents.get('lease', 'e'), 'second')
    await documents.delete('lease', 'e')
    t.equal(await documents.get('lease', 'a'), undefined)
    t.equal(await documents.replace('lease', 'a', 'too late'), false)
    t.strictSame((await documents.list('lease', { limit: 10 })).map(({ id }) => id), ['b', 'c'])
    t.strictSame((await documents.list('lease', { after: 'b', limit: 10 })).map(({ id }) => id), ['c'])
    await documents.delete('lease', 'b')
    t.equal(await documents.get('lease', 'b'), undefined)
  })

  t.test('no room is in the way of what an engine keeps for itself', async (t) => {
    const engine = await opened(t)
    const rooms = ['check', 'meta', 'nodes', 'rooms', 'settings', 'sweep']
    for (const room of rooms) await append(engine, room, 'one')
    await engine.check()
    for (const room of rooms) t.strictSame(texts((await engine.read(room, { limit: 10 })).entries), ['one'], room)
    t.strictSame((await engine.rooms({ limit: 10 })).map(({ room }) => room), rooms)
  })

  t.test('closing stores what was accepted, and refuses what comes later', async (t) => {
    const room = await store(t)
    const engine = await room.open({ history: 10_000 })
    const accepted = Array.from({ length: 300 }, (_, i) => append(engine, 'lobby', String(i)))
    const closing = engine.close()
    await t.rejects(append(engine, 'lobby', 'late'), { name: 'EngineUnavailable' })
    await Promise.all(accepted)
    await closing
    await t.rejects(engine.read('lobby', { limit: 1 }), { name: 'EngineUnavailable' })
    const again = await room.open({ history: 10_000 })
    t.teardown(() => again.close())
    t.equal((await again.read('lobby', { limit: 500 })).entries.length, 300)
  })
}
