import t from 'tap'
import { call, eventually, missing } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { scaled } from './scale.js'
import { Scenario } from './scenario.js'

/** The most within any second. @param times in ms, sorted */
function largestRate (times: number[]): number {
  let first = 0
  return times.reduce((most, time, index) => {
    while (times[first]! < time - 1_000) first++
    return Math.max(most, index - first + 1)
  }, 0)
}

t.test('a rolling restart of all nodes moves every stream, and nobody misses a thing', { timeout: 280_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const scenario = await Scenario.start(t, {
    clients: scaled(300, 5_000), publishers: 10, pause: 1_000, balanced: true,
    environment: { REDIS_URL: redis.url, DRAIN_DELAY: '1s', DRAIN_TIME: `${scaled(1, 10)}s` }
  })
  const { recording, nodes } = scenario
  await scenario.progress(10)
  const began = performance.now()
  const tries = recording.attempts.length
  for (const node of nodes) {
    const told = performance.now()
    t.equal(await node.stop('SIGTERM'), 0, 'it ends well')
    await scenario.everybodyBack()
    t.comment(`a node went down: everybody was back after ${((performance.now() - told) / 1_000).toFixed(1)} s`)
    await node.start()
    await eventually(async () => (await call(`${node.url}/readyz`)).status === 200, 'ready')
  }
  const took = performance.now() - began
  await scenario.progress(10)
  await scenario.prove()

  const ends = recording.tracks.flatMap((track) => track.of('bye'))
  t.strictSame([...new Set(ends.map(({ reason }) => reason))], ['shutdown'], 'whoever was sent off was told why')
  t.equal(recording.tracks.flatMap((track) => track.of('cut')).length, 0, 'and nobody was cut')
  t.ok(ends.length >= scenario.clients.length, `${ends.length} streams moved`)
  const attempts = recording.attempts.slice(tries)
  t.comment(`${scenario.clients.length} streams, ${nodes.length} nodes restarted in ${(took / 1_000).toFixed(1)} s`)
  t.comment(`${attempts.length} reconnects, ${attempts.length - ends.length} of them in vain; largest rate ${largestRate(attempts)} within a second`)
})
