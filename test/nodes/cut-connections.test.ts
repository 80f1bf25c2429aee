import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { missing } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { scaled } from './scale.js'
import { Scenario } from './scenario.js'

for (const [type, what] of [['pubsub', 'subscriptions'], ['normal', 'connections for commands']] as const) {
  t.test(`${what} cut again and again while everybody posts`, { timeout: 180_000 }, async (t) => {
    if (missing(t, REDIS, REDIS_REMEDY)) return
    const redis = await RedisServer.start(t)
    const scenario = await Scenario.start(t, { environment: { REDIS_URL: redis.url } })
    let cut = 0
    for (let time = 0; time < scaled(6, 30); time++) {
      const next = delay(scaled(400, 1_000))
      await scenario.progress(20)
      cut += await redis.command<number>('CLIENT', 'KILL', 'TYPE', type)
      await next
    }
    t.ok(cut >= scenario.nodes.length, `${cut} connections cut`)
    await scenario.prove()
    t.equal(scenario.openings, scenario.clients.length, 'no stream was cut')
    t.strictSame([...scenario.answers().keys()], ['201'], 'every post was taken')
  })
}
