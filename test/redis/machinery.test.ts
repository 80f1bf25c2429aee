import { spawnSync } from 'node:child_process'
import { Cluster } from 'ioredis'
import t from 'tap'
import { eventually, missing } from '../harness.js'
import { Address } from './address.js'
import { startCluster } from './cluster.js'
import { command } from './command.js'
import { startSentinel } from './sentinel.js'
import { OPENSSL, OPENSSL_REMEDY, REDIS, REDIS_REMEDY, RedisServer } from './server.js'
import { COMPILER, COMPILER_REMEDY, WallClock } from './wall-clock.js'

const here = !missing(t, REDIS, REDIS_REMEDY)

if (here) {
  t.test('a server keeps its data over SIGKILL, and its place while it is frozen', async (t) => {
    const redis = await RedisServer.start(t, { password: 'a/b:c@d' })
    await redis.command('SET', 'a', 1)
    const { pid } = redis
    await redis.restart('SIGKILL')
    t.not(redis.pid, pid)
    t.equal(await redis.command('GET', 'a'), '1')
    redis.freeze()
    let answered = false
    const asked = redis.command('GET', 'a').finally(() => { answered = true })
    await new Promise((resolve) => setTimeout(resolve, 100))
    t.notOk(answered)
    redis.thaw()
    t.equal(await asked, '1')
  })

  t.test('TLS only', async (t) => {
    if (missing(t, OPENSSL, OPENSSL_REMEDY)) return
    const redis = await RedisServer.start(t, { tls: true, password: 'secret' })
    t.match(redis.url, /^rediss:/)
    t.equal(await redis.command('SET', 'a', 1), 'OK')
    await t.rejects(command({ port: redis.port, password: 'secret' }, 'PING'), 'who speaks plainly is not heard')
  })

  t.test('an address leads to a replica after its promotion', async (t) => {
    const primary = await RedisServer.start(t)
    const replica = await RedisServer.start(t, { replicaOf: primary })
    await primary.command('SET', 'a', 1)
    await eventually(async () => await replica.command('GET', 'a') === '1', 'replicated')
    const address = await Address.open(t, primary)
    t.match(await command(address, 'ROLE'), ['master'])
    t.match(await replica.command('ROLE'), ['slave'])
    address.lead(undefined)
    await t.rejects(command(address, 'ROLE'))
    await replica.promote()
    address.lead(replica)
    t.match(await command(address, 'ROLE'), ['master'])
    t.equal(await command(address, 'GET', 'a'), '1')
  })

  t.test('a cluster of three', async (t) => {
    const { servers, url } = await startCluster(t)
    t.match(url, /^redis\+cluster:\/\/127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/)
    const cluster = new Cluster(servers.map(({ host, port }) => ({ host, port })))
    t.teardown(() => cluster.disconnect())
    for (let i = 0; i < 30; i++) await cluster.set(`{room-${i}}`, i)
    const sizes = await Promise.all(servers.map((server) => server.command<number>('DBSIZE')))
    t.equal(sizes.reduce((sum, size) => sum + size, 0), 30)
    t.ok(sizes.every((size) => size > 0), `keys lie on all of them: ${sizes.join()}`)
  })

  t.test('a sentinel promotes the replica of a primary that is gone', async (t) => {
    const primary = await RedisServer.start(t)
    const replica = await RedisServer.start(t, { replicaOf: primary })
    const { sentinel } = await startSentinel(t, primary)
    await primary.kill()
    await eventually(async () => (await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'hubbub'))[1] === String(replica.port), 'promoted', 30_000)
    t.match(await replica.command('ROLE'), ['master'])
  })

  if (!missing(t, COMPILER, COMPILER_REMEDY)) {
    t.test('a wall clock of its own', async (t) => {
      const clock = new WallClock(t)
      const redis = await RedisServer.start(t, { clock })
      const seconds = async (): Promise<number> => Number((await redis.command('TIME'))[0])
      clock.stop(1_800_000_000_000)
      t.equal(await seconds(), 1_800_000_000)
      clock.move(-3_600_000)
      t.ok(Math.abs(await seconds() - Date.now() / 1_000 + 3_600) < 60, 'an hour behind')
      const node = spawnSync(process.execPath, ['-p', 'Date.now()'], { env: { ...process.env, NODE_OPTIONS: '', ...clock.environment } })
      t.ok(Math.abs(Number(node.stdout) - Date.now() + 3_600_000) < 60_000, 'of a node too')
    })
  }
}
