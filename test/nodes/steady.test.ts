import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { missing } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { scaled } from './scale.js'
import { Scenario } from './scenario.js'

t.test('three nodes, 300 clients and 50 publishers on any of them: one order in each of 10 rooms', { timeout: 180_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const scenario = await Scenario.start(t, { environment: { REDIS_URL: redis.url } })
  await delay(scaled(3_000, 60_000))
  await scenario.prove()
  t.equal(scenario.openings, scenario.clients.length, 'nobody was cut')
  t.strictSame([...scenario.answers().keys()], ['201'], 'every post was taken at once')
})
