import t from 'tap'
import { missing } from '../harness.js'
import { startSentinel } from '../redis/sentinel.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { Scenario } from './scenario.js'

t.test('a Sentinel promotes the replica of a primary that was killed: everything goes on', { timeout: 120_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const primary = await RedisServer.start(t)
  const replica = await RedisServer.start(t, { replicaOf: primary })
  const { url } = await startSentinel(t, primary)
  const scenario = await Scenario.start(t, { clients: 60, publishers: 10, environment: { REDIS_URL: url } })
  await scenario.progress()
  await primary.kill()
  await scenario.progress()
  // The last posts before the kill may not have reached the replica.
  await scenario.prove({ lossy: true, resets: ['lost'] })
  t.comment(`${scenario.lost(await scenario.logs()).length} acknowledged posts lost`)
  t.equal(scenario.openings, scenario.clients.length, 'no stream was cut')
  t.match(await replica.command('ROLE'), ['master'])
})
