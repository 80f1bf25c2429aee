import t, { type Test } from 'tap'
import { ORIGIN } from '../../src/chat/id.js'
import { RedisEngine } from '../../src/engines/redis.js'
import { parseStoreUrl } from '../../src/engines/redis/url.js'
import { eventually, missing } from '../harness.js'
import { startCluster } from '../redis/cluster.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { COMPILER, COMPILER_REMEDY, WallClock } from '../redis/wall-clock.js'
import { conformance, type Store } from './conformance.js'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** One server for all the tests of a suite; each has a prefix of its own, and finds the clock as it is. */
async function stores (t: Test, start: (clock: WallClock) => Promise<string>): Promise<(t: Test) => Promise<Store>> {
  const clock = new WallClock(t)
  const address = parseStoreUrl(await start(clock))!
  let tests = 0
  return async (t) => {
    const prefix = `test-${++tests}`
    t.teardown(() => clock.move(0))
    return {
      open: (settings) => RedisEngine.open({ address, prefix, log: quiet, ...settings }),
      setClock: async (ms) => clock.stop(ms)
    }
  }
}

t.test('on one server', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY) || missing(t, COMPILER, COMPILER_REMEDY)) return
  conformance(t, await stores(t, async (clock) => (await RedisServer.start(t, { clock })).url))
})

t.test('on a cluster of three', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY) || missing(t, COMPILER, COMPILER_REMEDY)) return
  conformance(t, await stores(t, async (clock) => (await startCluster(t, { clock })).url))
})

t.test('a room of ours that has an age keeps nothing that is older, and goes on from there', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const address = parseStoreUrl((await RedisServer.start(t)).url)!
  const open = (age: number): Promise<RedisEngine> =>
    RedisEngine.open({ address, prefix: 'test', log: quiet, history: 10, keeps: new Map([['~log', 10]]), ages: new Map([['~ours', age]]) })
  const before = await open(60_000)
  let last = ORIGIN
  for (const room of ['~log', 'lobby', '~ours']) {
    const appended = await before.append({ room, draft: { type: 'x', user: { id: 'u', name: 'Ada', tag: 'tag' } } })
    if (appended.status === 'stored') last = appended.entry.id
  }
  await before.close()
  const now = await open(1)
  t.teardown(() => now.close())
  await eventually(async () => (await now.read('~ours', { limit: 10 })).entries.length === 0, 'it is gone')
  t.match(await now.read('~ours', { after: last, limit: 10 }), { floor: last, head: last, anchored: true })
  for (const room of ['~log', 'lobby']) t.equal((await now.read(room, { limit: 10 })).entries.length, 1, room)
})

t.test('the places of documents that have gone do not pile up, though nobody lists them', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const engine = await RedisEngine.open({ address: parseStoreUrl(redis.url)!, prefix: 'test', log: quiet, history: 10 })
  t.teardown(() => engine.close())
  await engine.documents.put('spoken', 'stays', true)
  for (let count = 0; count < 1_000; count++) await engine.documents.put('spoken', `gone ${count}`, true, { ttl: 1 })
  const places = Number(await redis.command('ZCARD', 'test:{doc:spoken}'))
  t.ok(places < 200, `${places} places`)
  t.strictSame((await engine.documents.list<boolean>('spoken', { limit: 10 })).filter(({ id }) => id === 'stays'), [{ id: 'stays', value: true }])
})
