import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { call, eventually, missing } from '../harness.js'
import { Address } from '../redis/address.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { scaled } from './scale.js'
import { Scenario } from './scenario.js'

t.test('one node of three falls behind, and comes back', { timeout: 180_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const addresses = await Promise.all([0, 1, 2].map(() => Address.open(t, redis)))
  const scenario = await Scenario.start(t, { clients: scaled(60, 300), publishers: scaled(10, 50), pause: scaled(20, 100), environment: (node) => ({ REDIS_URL: addresses[node]!.url }) })
  const [lone] = scenario.nodes
  const [address] = addresses

  t.comment('the network between it and Redis is silent')
  await scenario.progress(scaled(30, 100))
  address!.hold()
  await eventually(async () => (await call(`${lone!.url}/readyz`)).status === 503, 'it is not ready')
  const silent = delay(scaled(0, 20_000))
  await scenario.progress(scaled(30, 500))
  await silent
  address!.release()
  await eventually(async () => (await call(`${lone!.url}/readyz`)).status === 200, 'it is ready')

  t.comment('it stands still')
  await scenario.progress(scaled(30, 100))
  process.kill(lone!.pid, 'SIGSTOP')
  await delay(scaled(2_000, 10_000))
  process.kill(lone!.pid, 'SIGCONT')
  await scenario.progress(scaled(30, 100))
  await scenario.prove()
  t.equal(scenario.openings, scenario.clients.length, 'no stream was cut')
})
