import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { call, eventually, missing } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { scaled } from './scale.js'
import { Scenario } from './scenario.js'

t.test('Redis frozen: posts are refused, streams stay open and quiet, and all heals by itself', { timeout: 180_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const scenario = await Scenario.start(t, { environment: { REDIS_URL: redis.url } })
  const ready = (): Promise<number[]> => Promise.all(scenario.nodes.map(async ({ url }) => (await call(`${url}/readyz`)).status))
  await scenario.progress()
  t.strictSame(await ready(), [200, 200, 200])

  redis.freeze()
  const frozen = delay(scaled(3_000, 60_000))
  await eventually(async () => (await ready()).every((status) => status === 503), 'no node is ready')
  await eventually(() => scenario.refusals.length > scenario.publishers.length, 'posts are refused')
  await frozen
  const { deliveries } = scenario.recording
  await Promise.all(scenario.clients.map((client) => client.hears()))
  t.equal(scenario.recording.deliveries, deliveries, 'every client hears heartbeats, and nothing else')
  redis.thaw()

  await eventually(async () => (await ready()).every((status) => status === 200), 'every node is ready')
  await scenario.progress()
  await scenario.prove()
  t.equal(scenario.openings, scenario.clients.length, 'no stream was cut')
})
