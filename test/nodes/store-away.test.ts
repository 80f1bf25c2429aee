import t from 'tap'
import { call, eventually, guest, missing, post } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { Node } from './node.js'

t.test('Redis gone: however many are refused, the log tells it once', { timeout: 60_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const node = await Node.start(t, { REDIS_URL: redis.url })
  const { authorization } = await guest(node.url)
  await redis.kill()
  const refused = await Promise.all(Array.from({ length: 50 }, () => post(node.url, { message: 'x' }, { authorization })))
  t.ok(refused.every(({ status }) => status === 503))
  t.match((await call(`${node.url}/users?room=other`)).body, { code: 'HUB_STORE_UNAVAILABLE' }, 'who only asks has stored nothing, for certain')
  t.equal(node.output().split('EngineUnavailable:').length - 1, 1)
  await redis.restart()
  await eventually(async () => (await post(node.url, { message: 'x' }, { authorization })).status === 201, 'back')
})
