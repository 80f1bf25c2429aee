import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { missing } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { scaled } from './scale.js'
import { Scenario } from './scenario.js'

t.test('one node after the other killed, and started again', { timeout: 180_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const scenario = await Scenario.start(t, { environment: { REDIS_URL: redis.url } })
  for (let kill = 0; kill < scaled(3, 12); kill++) {
    const node = scenario.nodes[kill % scenario.nodes.length]!
    const next = delay(scaled(0, 5_000))
    await scenario.progress()
    t.equal(await node.stop('SIGKILL'), 'SIGKILL')
    await scenario.progress()
    await node.start()
    await next
  }
  await scenario.prove()
  t.ok(scenario.openings > scenario.clients.length, 'clients came back')
})
