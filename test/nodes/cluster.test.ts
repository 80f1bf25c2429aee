import t from 'tap'
import { eventually, missing } from '../harness.js'
import { startCluster } from '../redis/cluster.js'
import { REDIS, REDIS_REMEDY } from '../redis/server.js'
import { Scenario } from './scenario.js'

t.test('on a Redis Cluster: subscriptions cut, and a server killed and started again', { timeout: 120_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const { servers, url } = await startCluster(t)
  const scenario = await Scenario.start(t, { clients: 60, publishers: 10, environment: { REDIS_URL: url } })
  await scenario.progress()
  for (const server of servers) {
    await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await scenario.progress(50)
  }
  const before = scenario.refusals.length
  await servers[1]!.kill()
  await eventually(() => scenario.refusals.length > before, 'posts are refused')
  await servers[1]!.restart()
  await scenario.progress()
  await scenario.prove()
  t.equal(scenario.openings, scenario.clients.length, 'no stream was cut')
  for (const server of servers) t.ok(await server.command<number>('DBSIZE') > 0, 'each server has rooms')
})
