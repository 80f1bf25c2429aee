import t from 'tap'
import { Reader, call, missing, post, startServer } from '../harness.js'
import { OPENSSL, OPENSSL_REMEDY, REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'

t.test('nodes share a Redis that speaks TLS only and wants a password', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY) || missing(t, OPENSSL, OPENSSL_REMEDY)) return
  const redis = await RedisServer.start(t, { tls: true, password: 'p@ss:word' })
  const environment = { REDIS_URL: redis.url, NODE_EXTRA_CA_CERTS: redis.certificate! }
  const [one, two] = await Promise.all([startServer(t, environment), startServer(t, environment)])
  const reader = await Reader.open(`${two.url}/events`)
  t.teardown(() => reader.close())
  await reader.until(({ received }) => received.length > 0)
  t.match(await post(one.url, { message: 'over TLS' }), { status: 201, body: { durability: 'fsync' } })
  await reader.until(({ messages }) => messages.includes('over TLS'))
  t.equal((await call(`${one.url}/readyz`)).status, 200)
  t.notMatch(one.output() + two.output(), /p(@|%40)ss/, 'the password is not in the log')
})
