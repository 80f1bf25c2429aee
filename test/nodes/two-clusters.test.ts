import t from 'tap'
import { call, missing, post, startServer } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'

t.test('two clusters share a Redis only under names of their own', { timeout: 60_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const { url: REDIS_URL } = await RedisServer.start(t)
  const [TOKEN_SECRET, other] = ['first ', 'second '].map((text) => text.repeat(10)) as [string, string]
  const first = await startServer(t, { REDIS_URL, TOKEN_SECRET })
  t.equal((await post(first.url, { message: 'of the first cluster' })).status, 201)

  const refusal = await startServer(t, { REDIS_URL, TOKEN_SECRET: other }).then(() => 'it started', (error: Error) => error.message)
  t.match(refusal, /^Hubbub cannot start: .*REDIS_PREFIX.*$/m, 'one line names the way out')
  t.notMatch(refusal, new RegExp(`${TOKEN_SECRET.trim()}|${other.trim()}`), 'and no secret')

  const second = await startServer(t, { REDIS_URL, TOKEN_SECRET: other, REDIS_PREFIX: 'second' })
  t.strictSame((await call(`${second.url}/rooms`)).body.rooms, [], 'under a prefix of its own it sees nothing of the first')
  const again = await startServer(t, { REDIS_URL, TOKEN_SECRET })
  t.equal((await call(`${again.url}/rooms/lobby/events`)).body.events.length, 1, 'and another node of the first is welcome')
})
