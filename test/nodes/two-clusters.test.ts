import t from 'tap'
import { Reader, call, eventually, guest, missing, post } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { Node } from './node.js'

t.test('two clusters share a Redis under names of their own, and see nothing of each other', { timeout: 60_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const { url: REDIS_URL } = await RedisServer.start(t)
  const clusters = await Promise.all(['first', 'second'].map(async (name) => {
    const environment = { REDIS_URL, REDIS_PREFIX: name, TOKEN_SECRET: `${name} `.repeat(10) }
    const [one, two] = await Promise.all([Node.start(t, environment), Node.start(t, environment)])
    const user = await guest(one.url)
    const reader = await Reader.open(`${one.url}/events`, { headers: { authorization: user.authorization } })
    t.teardown(() => reader.close())
    await reader.until(({ received }) => received.length > 0)
    return { name, two, user, reader }
  }))
  for (const { name, two, user: { authorization } } of clusters) {
    t.equal((await post(two.url, { message: `of the ${name}`, key: 'the same' }, { authorization })).status, 201)
  }
  for (const { name, two, user, reader } of clusters) {
    await eventually(async () => (await call(`${two.url}/users`)).body.count === 1, 'one user is online')
    t.match((await call(`${two.url}/users`)).body.users, [{ id: user.id }])
    t.equal((await post(two.url, { message: 'the last' }, { authorization: user.authorization })).status, 201)
    await reader.until(({ messages }) => messages.includes('the last'))
    t.strictSame(reader.messages, [`of the ${name}`, 'the last'])
    t.match((await call(`${two.url}/rooms`)).body.rooms, [{ room: 'lobby', events: 2 }])
  }
  const [{ user: { authorization } }, { two }] = clusters as [typeof clusters[0], typeof clusters[0]]
  t.equal((await call(`${two.url}/users/me`, { headers: { authorization } })).status, 401, 'nor are tokens good in the other')
})
