import t from 'tap'
import { call, eventually, guest, missing, post, startServer } from '../harness.js'
import { command } from '../redis/command.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { rename, startNode } from './presence.js'

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('a token of one node is good on every other', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const user = await guest(a.url)
    const { status, body } = await post(b.url, { message: 'hi' }, { authorization: user.authorization })
    t.equal(status, 201)
    t.match(body.event.user, { id: user.id, name: user.name })
    t.notOk('token' in body)
    t.equal((await rename(b, user, 'Renamed There')).status, 200)
    await eventually(async () => (await post(a.url, { message: 'hi' }, { authorization: user.authorization })).body.event.user.name === 'Renamed There', 'known here')
    t.match((await post((await startNode(t, redis)).url, { message: 'hi' }, { authorization: user.authorization })).body, { event: { user: { name: 'Renamed There' } } }, 'and by a node that starts later')
  })

  t.test('the same key on two nodes is one event', async (t) => {
    const redis = await RedisServer.start(t)
    const nodes = [await startNode(t, redis), await startNode(t, redis)]
    const { authorization } = await guest(nodes[0]!.url)
    const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => post(nodes[index % 2]!.url, { message: 'once', key: 'k' }, { authorization })))
    t.strictSame(answers.map(({ status }) => status).sort(), [...Array.from({ length: 9 }, () => 200), 201])
    t.equal(new Set(answers.map(({ body }) => body.event.id)).size, 1)
    t.equal((await post(nodes[1]!.url, { message: 'other', key: 'k' }, { authorization })).status, 409)
  })

  t.test('a node with another secret is refused in one line, which says how to change it', async (t) => {
    const redis = await RedisServer.start(t)
    await startNode(t, redis, { TOKEN_SECRET: 'a'.repeat(32) })
    await startNode(t, redis, { TOKEN_SECRET: 'a'.repeat(32) })
    const start = (environment: Record<string, string>): Promise<string> =>
      startServer(t, { REDIS_URL: redis.url, ...environment }).then(() => 'it started', (error: Error) => error.message)
    for (const environment of [{ TOKEN_SECRET: 'b'.repeat(32) }, {}] as Array<Record<string, string>>) {
      const message = await start(environment)
      t.match(message, /^the server ended \(1\): (?:.*\n)*Hubbub cannot start: .*REDIS_PREFIX "hubbub".*TOKEN_SECRET.*\n$/)
      t.notMatch(message, /bbbb/)
    }
    t.equal(await start({ TOKEN_SECRET: 'b'.repeat(32), REDIS_PREFIX: 'another' }), 'it started')
    const key = /delete the key (\S+),/.exec(await start({ TOKEN_SECRET: 'b'.repeat(32) }))![1]!
    t.equal(await command(redis, 'DEL', key), 1)
    t.equal(await start({ TOKEN_SECRET: 'b'.repeat(32) }), 'it started')
  })

  t.test('a store that comes back empty gets the secret again, so that a later node makes no other', async (t) => {
    const redis = await RedisServer.start(t, { settings: { appendonly: 'no' } })
    const a = await startNode(t, redis)
    const user = await guest(a.url)
    await redis.restart()
    await eventually(async () => (await call(`${a.url}/readyz`)).status === 200, 'it is back')
    await eventually(async () => await redis.command('EXISTS', 'hubbub:{doc:settings}:token-secret', 'hubbub:{doc:settings}:token-secret-fingerprint') === 2, 'stored again')
    const b = await startNode(t, redis)
    t.match((await call(`${b.url}/users/me`, { headers: { authorization: user.authorization } })).body, { user: { id: user.id } })
  })
}
