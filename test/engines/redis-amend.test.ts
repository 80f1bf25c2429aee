import t, { type Test } from 'tap'
import type { Change, ChatEvent, Draft } from '../../src/chat/event.js'
import { ORIGIN, compareIds } from '../../src/chat/id.js'
import type { Amended, TailItem } from '../../src/engines/engine.js'
import { RedisEngine } from '../../src/engines/redis.js'
import { parseStoreUrl } from '../../src/engines/redis/url.js'
import { chainFlaw, eventually, missing } from '../harness.js'
import { Address } from '../redis/address.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'

const user = { id: 'u1', name: 'amber-fox', tag: '0a1b2c' }
const quiet = { info: () => {}, warn: () => {}, error: () => {} }

async function open (t: Test, url: string): Promise<RedisEngine> {
  const engine = await RedisEngine.open({ address: parseStoreUrl(url)!, prefix: 'hubbub', history: 10_000, log: quiet })
  t.teardown(() => engine.close())
  return engine
}

async function say (engine: RedisEngine, message: string): Promise<ChatEvent> {
  const appended = await engine.append({ room: 'lobby', draft: { type: 'message', user, message } })
  if (appended.status !== 'stored') throw new Error(appended.status)
  return appended.entry.event
}

const announcing = (type: 'edit' | 'delete', id: string): Draft => ({ type, user, data: { id } })

function edit (engine: RedisEngine, id: string, change: (event: ChatEvent) => Change | undefined): Promise<Amended> {
  return engine.amend({ room: 'lobby', id, change, announcement: announcing('edit', id) })
}

function erase (engine: RedisEngine, id: string): Promise<Amended> {
  return engine.amend({ room: 'lobby', id, change: () => ({ message: null, data: null, deleted: new Date().toISOString() }), announcement: announcing('delete', id) })
}

async function all (engine: RedisEngine): Promise<ChatEvent[]> {
  return (await engine.read('lobby', { after: ORIGIN, limit: 10_000 })).entries.map(({ event }) => event)
}

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('what many nodes amend at once all counts, each once', async (t) => {
    const redis = await RedisServer.start(t)
    const engines = await Promise.all([1, 2, 3].map(() => open(t, redis.url)))
    const { id } = await say(engines[0]!, '')
    const EACH = 25
    await Promise.all(engines.flatMap((engine) => Array.from({ length: EACH }, () => edit(engine, id, ({ message }) => ({ message: `${message}x` })))))
    const events = await all(engines[1]!)
    t.equal(events.length, 1 + 3 * EACH)
    t.equal(events[0]!.message, 'x'.repeat(3 * EACH))
    t.equal(chainFlaw(events, ORIGIN), undefined)
  })

  t.test('of an edit and a deletion on two nodes at the same instant, the edit does not bring the text back', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await open(t, redis.url), await open(t, redis.url)]
    let both = 0
    for (let round = 0; round < 50; round++) {
      const { id } = await say(a, 'secret')
      const [edited] = await Promise.all([
        edit(a, id, ({ deleted }) => deleted === undefined ? { message: 'secret, edited' } : undefined),
        round % 2 === 0 ? erase(b, id) : edit(b, id, () => ({ data: { n: round } })).then(() => erase(b, id))
      ])
      if (edited.status === 'amended') both++
    }
    const events = await all(b)
    t.notOk(JSON.stringify(events).includes('secret'))
    t.notOk(JSON.stringify(await redis.command('HGETALL', 'hubbub:{lobby}:events')).includes('secret'), 'nowhere in the store')
    const deletions = new Map(events.filter(({ type }) => type === 'delete').map(({ id, data }) => [data!['id'], id]))
    for (const { id, type, data } of events) if (type === 'edit' && compareIds(id, deletions.get(data!['id'])!) > 0) t.fail('edited after it was deleted')
    t.comment(`${both} of 50 edits came first`)
  })

  t.test('an amendment whose answer is lost is stored once, and answered', async (t) => {
    const redis = await RedisServer.start(t)
    const address = await Address.open(t, redis)
    const engine = await open(t, address.url)
    const targets = await Promise.all(Array.from({ length: 20 }, () => say(engine, '')))
    const amendments: Array<Promise<Amended>> = []
    for (let i = 0; i < 200; i++) {
      amendments.push(edit(engine, targets[i % 20]!.id, ({ message }) => ({ message: `${message}x` })))
      if (i % 50 !== 25) continue
      await amendments.at(-20)
      address.lead(redis)
    }
    const amended = await Promise.all(amendments)
    t.ok(amended.every(({ status }) => status === 'amended'))
    const events = await all(engine)
    t.strictSame(events.slice(0, 20).map(({ message }) => message), Array(20).fill('x'.repeat(10)))
    t.strictSame(new Set(events.slice(20).map(({ id }) => id)), new Set(amended.map((one) => one.status === 'amended' && one.announcement.id)))
  })

  t.test('a tail that missed what was published reads each edit with what its target has now', async (t) => {
    const redis = await RedisServer.start(t)
    const [engine, other] = [await open(t, redis.url), await open(t, redis.url)]
    const { id } = await say(other, 'one')
    const { id: second } = await say(other, 'one')
    const heard: TailItem[] = []
    await engine.tail('lobby', { hear: (items) => heard.push(...items), broken: (after) => t.fail(`broken at ${after}`) })
    // Its subscription breaks each time, so that some of these are heard and some are read.
    for (let i = 0; i < 20; i++) {
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      for (const text of [`a${i}`, `b${i}`]) {
        await edit(other, id, () => ({ message: `${text}, kept` }))
        await edit(other, second, () => ({ message: `${text}, gone` }))
      }
    }
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await erase(other, second)
    await eventually(() => heard.length === 81, 'all heard')
    t.strictSame(heard.map(({ entry }) => entry.id), (await all(engine)).slice(2).map(({ id }) => id))
    for (const { entry, amended } of heard) {
      t.equal(amended!.id, entry.event.data!['id'])
      if (entry.event.message !== amended!.event.message) t.fail(`${entry.json} with ${amended!.json}`)
    }
    t.match(heard.at(-1), { entry: { event: { type: 'delete' } }, amended: { event: { deleted: /./ } } })
    t.match(heard.findLast(({ amended }) => amended!.id === id)!.entry.event, { message: 'b19, kept' })
  })

  t.test('a text lies in the store once', async (t) => {
    const redis = await RedisServer.start(t)
    const engine = await open(t, redis.url)
    const { id } = await say(engine, 'the text')
    await edit(engine, id, () => ({ message: 'the other text' }))
    await edit(engine, id, () => ({ message: 'the last text' }))
    const texts = async () => JSON.stringify(await redis.command('HGETALL', 'hubbub:{lobby}:events')).match(/the (\w+ )?text/g)
    t.strictSame(await texts(), ['the last text'])
    await erase(engine, id)
    t.strictSame(await texts(), null)
    t.notOk(JSON.stringify(await redis.command('XRANGE', 'hubbub:{lobby}', '-', '+')).includes('text'))
  })

  t.test('what a newer version has written is not amended, and an edit of it says nothing of it', async (t) => {
    const redis = await RedisServer.start(t)
    const engine = await open(t, redis.url)
    const heard: TailItem[] = []
    await engine.tail('lobby', { hear: (items) => heard.push(...items), broken: (after) => t.fail(`broken at ${after}`) })
    const first = await say(engine, 'first')
    const put = async (format: string, prev: string, content: string, of: string[] = []): Promise<string> => {
      const id = await redis.command<string>('XADD', 'hubbub:{lobby}', '*', format, prev, ...of)
      await redis.command('HSET', 'hubbub:{lobby}:events', id, content)
      return id
    }
    const newer = await put('2', first.id, 'of a form unknown here')
    t.strictSame(await edit(engine, newer, () => ({ message: 'x' })), { status: 'unknown' })
    const known = await put('1', newer, JSON.stringify({ type: 'edit', user, data: { id: newer } }), ['of', newer])
    const unknown = await put('2', known, 'of a form unknown here, too', ['of', first.id])
    const last = await say(engine, 'last')
    t.equal(last.prev, unknown)
    const events = await all(engine)
    t.equal(chainFlaw(events, ORIGIN), undefined)
    t.strictSame(events.map(({ type, message }) => message ?? type), ['first', 'unreadable', 'edit', 'unreadable', 'last'])
    t.strictSame(events[2]!.data, { id: newer })
    await eventually(() => heard.length === 5, 'heard')
    t.strictSame(heard.map(({ amended }) => amended?.event.type), [undefined, undefined, 'unreadable', 'message', undefined])
    t.strictSame(heard.map(({ entry }) => entry.json), events.map((event) => JSON.stringify(event)))
    t.match(await edit(engine, first.id, () => ({ message: 'first, edited' })), { status: 'amended' }, 'what is known can be')
  })

  t.test('an event without a place is none, whatever its content', async (t) => {
    const redis = await RedisServer.start(t)
    const engine = await open(t, redis.url)
    const { id } = await say(engine, 'one')
    await say(engine, 'two')
    await redis.command('XDEL', 'hubbub:{lobby}', id)
    t.strictSame(await edit(engine, id, () => ({ message: 'x' })), { status: 'unknown' })
    await edit(engine, (await say(engine, 'three')).id, () => ({ message: 'three, edited' }))
    t.equal((await all(engine)).at(-1)!.message, 'three, edited')
  })
}
