import t, { type Test } from 'tap'
import type { Draft } from '../../src/chat/event.js'
import { ORIGIN, compareIds } from '../../src/chat/id.js'
import type { TailItem } from '../../src/engines/engine.js'
import { RedisEngine } from '../../src/engines/redis.js'
import { parseStoreUrl } from '../../src/engines/redis/url.js'
import { eventually, missing } from '../harness.js'
import { Address } from '../redis/address.js'
import { startCluster } from '../redis/cluster.js'
import { startSentinel } from '../redis/sentinel.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { COMPILER, COMPILER_REMEDY, WallClock } from '../redis/wall-clock.js'

const user = { id: 'u1', name: 'amber-fox', tag: '0a1b2c' }
const said = (message: string): Draft => ({ type: 'message', user, message })

/** An engine, and what its operator was told. */
async function open (t: Test, url: string, options: { history?: number } = {}): Promise<{ engine: RedisEngine, told: string[] }> {
  const told: string[] = []
  const tell = (message: string): void => { told.push(message) }
  const engine = await RedisEngine.open({ address: parseStoreUrl(url)!, prefix: 'hubbub', history: 1_000, log: { info: tell, warn: tell, error: tell }, ...options })
  t.teardown(() => engine.close())
  return { engine, told }
}

async function append (engine: RedisEngine, message: string, key?: string): Promise<string> {
  const idempotency = key === undefined ? {} : { idempotency: { scope: 'u1', key, fingerprint: message } }
  const appended = await engine.append({ room: 'lobby', draft: said(message), ...idempotency })
  if (appended.status === 'no-original') throw new Error(appended.status)
  return appended.status === 'stored' ? appended.entry.id : appended.id
}

async function texts (engine: RedisEngine, room = 'lobby'): Promise<unknown[]> {
  return (await engine.read(room, { after: ORIGIN, limit: 5_000 })).entries.map(({ event }) => event.message ?? event.type)
}

/** What a tail of the lobby hears: its messages, and where it broke. */
async function hear (engine: RedisEngine): Promise<{ items: TailItem[], breaks: string[], messages: () => unknown[] }> {
  const items: TailItem[] = []
  const breaks: string[] = []
  await engine.tail('lobby', { hear: (heard) => items.push(...heard), broken: (after) => breaks.push(after) })
  return { items, breaks, messages: () => items.map(({ entry }) => entry.event.message) }
}

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('an append whose answer is lost is stored once, and answered', async (t) => {
    const redis = await RedisServer.start(t)
    const address = await Address.open(t, redis)
    const { engine } = await open(t, address.url)
    const appends: Array<Promise<string>> = []
    for (let i = 0; i < 300; i++) {
      appends.push(append(engine, String(i), i % 2 === 0 ? `key-${i}` : undefined))
      // Some have been done by then, and some not.
      if (i % 50 === 25) {
        await Promise.race([appends.at(-20), appends.at(-1)])
        address.lead(redis)
      }
    }
    const ids = await Promise.all(appends)
    const { entries } = await engine.read('lobby', { after: ORIGIN, limit: 5_000 })
    t.equal(entries.length, 300)
    t.strictSame(new Set(entries.map(({ id }) => id)), new Set(ids), 'what was answered is what is stored')
    t.equal(new Set(entries.map(({ event }) => event.message)).size, 300)
  })

  t.test('frozen: refused in time, with an unknown outcome, then at once; nothing is stored late', async (t) => {
    const redis = await RedisServer.start(t)
    const { engine, told } = await open(t, redis.url)
    await append(engine, 'before')
    redis.freeze()
    await t.rejects(append(engine, 'frozen', 'k'), { name: 'EngineUnavailable', outcomeUnknown: true })
    await t.rejects(append(engine, 'not sent'), { name: 'EngineUnavailable', outcomeUnknown: false })
    await t.rejects(engine.check(), { name: 'EngineUnavailable' })
    await t.rejects(engine.read('lobby', { limit: 1 }), { name: 'EngineUnavailable' })
    redis.thaw()
    await eventually(() => engine.check().then(() => true, () => false), 'it answers again')
    t.strictSame(await texts(engine), ['before'], 'past its deadline it was not stored')
    await append(engine, 'frozen', 'k')
    await append(engine, 'frozen', 'k')
    t.strictSame(await texts(engine), ['before', 'frozen'])
    t.equal(told.filter((line) => line.endsWith('does not answer')).length, 1, told.join('\n'))
  })

  t.test('away: short absences are waited out, long ones refused at once; tails go on without gap or duplicate', async (t) => {
    const redis = await RedisServer.start(t)
    const { engine } = await open(t, redis.url)
    const { engine: other } = await open(t, redis.url)
    const heard = await hear(engine)
    await append(other, '0')
    await redis.kill()
    const waiting = append(engine, '1')
    await redis.restart()
    await waiting
    await eventually(() => heard.items.length === 2, 'both heard')
    await redis.kill()
    await eventually(() => append(engine, 'x').then(() => false, ({ message, outcomeUnknown }) => {
      t.equal(outcomeUnknown, false)
      return /cannot be used: /.test(message)
    }), 'refused')
    await redis.restart()
    await eventually(() => append(other, '2').then(() => true, () => false), 'back')
    await eventually(() => heard.items.length === 3, 'heard again')
    t.strictSame(heard.messages(), ['0', '1', '2'])
    t.strictSame(heard.breaks, [])
    await eventually(() => engine.check().then(() => true, () => false), 'this one can ask again, too')
    t.strictSame(await texts(engine), ['0', '1', '2'])
  })

  t.test('far away: it comes back also where its answers take long', async (t) => {
    const redis = await RedisServer.start(t)
    const address = await Address.open(t, redis)
    const { engine, told } = await open(t, address.url)
    const heard = await hear(engine)
    address.lag = 150
    address.lead(redis)
    await eventually(() => append(engine, 'slow').then(() => true, () => false), 'back')
    await eventually(() => heard.messages().includes('slow'), 'heard')
    t.equal(told.filter((message) => message.includes('cannot be used')).length, 1)
  })

  t.test('a broken subscription misses nothing: what was published meanwhile is read', async (t) => {
    const redis = await RedisServer.start(t)
    const { engine } = await open(t, redis.url)
    const { engine: other } = await open(t, redis.url)
    const heard = await hear(engine)
    const amended = await append(other, 'tpyo')
    await eventually(() => heard.items.length === 1, 'heard')
    const COUNT = 400
    for (let i = 0; i < COUNT; i++) {
      if (i % 40 === 0) await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await append(other, String(i))
    }
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await other.amend({ room: 'lobby', id: amended, change: () => ({ message: 'typo' }), announcement: { type: 'edit', user, data: { id: amended } } })
    await eventually(() => heard.items.length === COUNT + 2, 'all heard')
    t.strictSame(heard.messages(), ['tpyo', ...Array.from({ length: COUNT }, (_, i) => String(i)), 'typo'])
    t.match(heard.items.at(-1), { amended: { id: amended } })
    t.equal(heard.items.at(-1)!.amended!.event.message, 'typo', 'an amendment that was missed, too')
    t.strictSame(heard.breaks, [])
  })

  t.test('a message that is lost without a word is found missing', async (t) => {
    const redis = await RedisServer.start(t)
    const { engine } = await open(t, redis.url)
    const heard = await hear(engine)
    await append(engine, '0')
    await eventually(() => heard.items.length === 1, 'heard')
    // Stored by somebody who does not publish.
    const { head: id } = await engine.read('lobby', { limit: 1 })
    const silent = `${Number(id.split('-')[0]) + 1}-0`
    await redis.command('XADD', 'hubbub:{lobby}', silent, '1', id)
    await redis.command('HSET', 'hubbub:{lobby}:events', silent, JSON.stringify({ type: 'message', user, message: '1' }))
    await eventually(() => heard.items.length === 2, 'found by looking')
    await append(engine, '2')
    await eventually(() => heard.items.length === 3, 'heard')
    t.strictSame(heard.messages(), ['0', '1', '2'])
  })

  t.test('trimmed beyond what a tail has heard while it was away: it breaks at the floor', async (t) => {
    const redis = await RedisServer.start(t)
    const address = await Address.open(t, redis)
    const { engine } = await open(t, address.url)
    const { engine: other } = await open(t, redis.url, { history: 5 })
    const heard = await hear(engine)
    await append(other, 'before')
    await eventually(() => heard.items.length === 1, 'heard')
    address.lead(undefined)
    for (let i = 0; i < 20; i++) await append(other, String(i))
    address.lead(redis)
    await eventually(() => heard.items.length === 6, 'the rest heard')
    const { floor } = await other.read('lobby', { limit: 1 })
    t.strictSame(heard.breaks, [floor])
    t.strictSame(heard.messages(), ['before', '15', '16', '17', '18', '19'])
  })

  t.test('a store that has lost everything: tails break at the origin, and ids go on above what was', async (t) => {
    const redis = await RedisServer.start(t, { settings: { appendonly: 'no' } })
    const { engine } = await open(t, redis.url)
    t.equal(engine.durability, 'memory')
    const heard = await hear(engine)
    const lost = await append(engine, 'lost')
    await eventually(() => heard.items.length === 1, 'heard')
    await redis.restart()
    await eventually(() => heard.breaks.length === 1, 'broken')
    t.strictSame(heard.breaks, [ORIGIN])
    const id = await append(engine, 'after')
    t.ok(compareIds(id, lost) > 0)
    await eventually(() => heard.items.length === 2, 'heard')
    t.strictSame((await engine.rooms({ limit: 5 })).map(({ room }) => room), ['lobby'], 'listed again')
  })

  if (!missing(t, COMPILER, COMPILER_REMEDY)) {
    t.test('a replica takes over that is behind, in events and by an hour: ids still go up, also of who never knew the lost ones', async (t) => {
      const redis = await RedisServer.start(t)
      const clock = new WallClock(t)
      const replica = await RedisServer.start(t, { replicaOf: redis, clock })
      const address = await Address.open(t, redis)
      const { engine } = await open(t, address.url)
      const { engine: other } = await open(t, address.url)
      const heard = await hear(engine)
      const kept = await append(engine, 'kept')
      await eventually(async () => await replica.command('XLEN', 'hubbub:{lobby}') === 1, 'replicated')
      await replica.command('REPLICAOF', 'NO', 'ONE')
      const lost: string[] = []
      for (let i = 0; i < 100; i++) lost.push(await append(engine, `lost ${i}`))
      await eventually(() => heard.items.length === 101, 'heard')
      clock.move(-3_600_000)
      address.lead(replica)
      // This one has read nothing of the room.
      const next = await append(other, 'next')
      t.ok(compareIds(next, lost.at(-1)!) > 0, `${next} after ${lost.at(-1)}`)
      await eventually(() => heard.messages().includes('next'), 'heard')
      t.strictSame(heard.breaks, [kept])
      t.equal(heard.items.at(-1)!.entry.event.prev, kept)
      t.strictSame(await texts(engine), ['kept', 'next'])
    })
  }

  t.test('a sentinel\'s failover is followed', async (t) => {
    const redis = await RedisServer.start(t)
    await RedisServer.start(t, { replicaOf: redis })
    const { url } = await startSentinel(t, redis)
    const { engine } = await open(t, url)
    const heard = await hear(engine)
    await append(engine, 'before')
    await redis.kill()
    await eventually(() => append(engine, 'after', 'k').then(() => true, () => false), 'taken over', 30_000)
    await eventually(() => heard.items.length === 2, 'heard')
    t.strictSame(heard.messages(), ['before', 'after'])
  })

  t.test('a server of a cluster that is away takes its own rooms with it, and they come back with it', async (t) => {
    const { servers, url } = await startCluster(t, { settings: { 'cluster-require-full-coverage': 'no' } })
    const { engine } = await open(t, url)
    const rooms = Array.from({ length: 12 }, (_, i) => `room-${i}`)
    const heard = new Map<string, string[]>(rooms.map((room) => [room, []]))
    for (const room of rooms) await engine.tail(room, { hear: (items) => heard.get(room)!.push(...items.map(({ entry }) => entry.id)), broken: () => t.fail('broken') })
    const say = (room: string) => engine.append({ room, draft: said('x') }).then(() => true, () => false)
    t.ok((await Promise.all(rooms.map(say))).every(Boolean))
    await servers[1]!.kill()
    let said1: boolean[] = []
    await eventually(async () => {
      said1 = await Promise.all(rooms.map(say))
      return said1.some(Boolean) && !said1.every(Boolean)
    }, 'some can be written to, and some not')
    await servers[1]!.restart()
    await eventually(async () => (await Promise.all(rooms.map(say))).every(Boolean), 'all of them again', 40_000)
    await eventually(async () => {
      const stored = await Promise.all(rooms.map((room) => engine.read(room, { after: ORIGIN, limit: 500 })))
      return stored.every(({ entries }, i) => JSON.stringify(entries.map(({ id }) => id)) === JSON.stringify(heard.get(rooms[i]!)))
    }, 'all that is stored was heard, once and in order', 40_000)
  })

  t.test('a server of a cluster that stands still takes only its own rooms with it', async (t) => {
    const { servers, url } = await startCluster(t, { settings: { 'cluster-require-full-coverage': 'no', 'cluster-node-timeout': '60000' } })
    const { engine, told } = await open(t, url)
    const rooms = Array.from({ length: 12 }, (_, i) => `room-${i}`)
    for (const room of rooms) await engine.append({ room, draft: said('before') })
    // Which of them are on which server.
    const held = new Set((await servers[1]!.command<string[]>('KEYS', 'hubbub:{room-*}')).map((key) => /\{(.+)\}/.exec(key)![1]!))
    t.ok(held.size > 0 && held.size < rooms.length, `${held.size} of ${rooms.length}`)
    const others = rooms.filter((room) => !held.has(room))
    servers[1]!.freeze()
    // Answers run out of time again and again, and none of it is the others' concern.
    const refused: Array<Promise<boolean>> = []
    let waiting = 0
    while (refused.length < 400 || waiting > 0) {
      if (refused.length < 400) {
        waiting++
        const room = [...held][refused.length % held.size]!
        refused.push(engine.append({ room, draft: said('frozen') }).then(() => false, () => true).finally(() => { waiting-- }))
      }
      for (const room of others) await engine.append({ room, draft: said('meanwhile') })
    }
    t.notOk((await Promise.all(refused)).includes(false), 'all that it should have stored is refused')
    t.equal(told.filter((line) => line.includes('does not answer')).length, 1, 'told once')
    servers[1]!.thaw()
    await eventually(async () => (await Promise.all(rooms.map((room) => engine.append({ room, draft: said('after') }).then(() => true, () => false)))).every(Boolean), 'all of them again', 40_000)
    const stored = await Promise.all([...held].map((room) => texts(engine, room)))
    t.notOk(stored.flat().includes('frozen'), 'what was refused came too late to be stored')
  })
}
