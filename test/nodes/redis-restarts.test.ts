import t from 'tap'
import { eventually, missing } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { scaled } from './scale.js'
import { Scenario } from './scenario.js'

t.test('Redis killed and started again, with every write on disk: streams stay open, and go on', { timeout: 280_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const scenario = await Scenario.start(t, { environment: { REDIS_URL: redis.url } })
  for (let kill = 0; kill < scaled(2, 10); kill++) {
    await scenario.progress(scaled(100, 1_000))
    const before = scenario.refusals.length
    await redis.kill('SIGKILL')
    await eventually(() => scenario.refusals.length > before, 'posts are refused')
    await redis.restart()
  }
  await scenario.progress()
  await scenario.prove()
  t.equal(scenario.openings, scenario.clients.length, 'no stream was cut')
})
