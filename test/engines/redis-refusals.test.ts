import { createServer } from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { RedisEngine } from '../../src/engines/redis.js'
import { parseStoreUrl } from '../../src/engines/redis/url.js'
import { eventually, missing } from '../harness.js'
import { Address } from '../redis/address.js'
import { startCluster } from '../redis/cluster.js'
import { connect } from '../redis/command.js'
import { OPENSSL, OPENSSL_REMEDY, REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'

const draft = { type: 'message', user: { id: 'u1', name: 'amber-fox', tag: '0a1b2c' }, message: 'x' }

/** Opens an engine, and keeps what its operator is told meanwhile. */
function opening (t: Test, url: string): { engine: Promise<RedisEngine>, told: string[] } {
  const told: string[] = []
  const tell = (message: string): void => { told.push(message) }
  const engine = RedisEngine.open({ address: parseStoreUrl(url)!, prefix: 'hubbub', history: 1_000, log: { info: tell, warn: tell, error: tell } })
  t.teardown(async () => (await engine.catch(() => undefined))?.close())
  return { engine, told }
}

async function refusal (t: Test, url: string): Promise<string> {
  try {
    await opening(t, url).engine
  } catch (error) {
    t.equal((error as Error).name, 'Unsuitable')
    return (error as Error).message
  }
  return ''
}

const isLine = (t: Test, line: string, ...parts: RegExp[]): void => {
  t.notMatch(line, /\n/, 'one line')
  for (const part of parts) t.match(line, part)
}

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('a wrong password, and a missing one', async (t) => {
    const redis = await RedisServer.start(t, { password: 'right' })
    const { host, port } = redis
    isLine(t, await refusal(t, `redis://:wrong@${host}:${port}`), /WRONGPASS/, /REDIS_URL/)
    isLine(t, await refusal(t, `redis://somebody:right@${host}:${port}`), /WRONGPASS/)
    isLine(t, await refusal(t, `redis://${host}:${port}`), /NOAUTH/, /redis:\/\/:password@host/)
    await opening(t, redis.url).engine
  })

  t.test('a database that the server does not have', async (t) => {
    const redis = await RedisServer.start(t)
    isLine(t, await refusal(t, `${redis.url}/99`), /REDIS_URL/, /database/)
    const engine = await opening(t, `${redis.url}/3`).engine
    await engine.append({ room: 'lobby', draft })
    t.equal(await redis.command('DBSIZE'), 0, 'nothing is in the first one')
  })

  t.test('a user who may not do what is needed', async (t) => {
    const redis = await RedisServer.start(t)
    await redis.command('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '&*', '+@read', '+@connection')
    isLine(t, await refusal(t, `redis://reader:pw@${redis.host}:${redis.port}`), /NOPERM/)
  })

  t.test('TLS where there is none, none where there is, a certificate that nobody knows', async (t) => {
    if (missing(t, OPENSSL, OPENSSL_REMEDY)) return
    const plain = await RedisServer.start(t)
    const secure = await RedisServer.start(t, { tls: true })
    isLine(t, await refusal(t, secure.url), /TLS/, /NODE_EXTRA_CA_CERTS/)
    const address = await Address.open(t, secure)
    const { engine, told } = opening(t, address.url)
    await eventually(() => told.some((line) => /rediss:\/\//.test(line)), 'told')
    address.lead(plain)
    await engine
    const silent = await Address.open(t, plain)
    const { told: toldOfSilence } = opening(t, silent.url.replace('redis:', 'rediss:'))
    await eventually(() => toldOfSilence.some((line) => /does not speak TLS/.test(line)), 'told')
    silent.lead(secure) // Whose certificate ends it.
  })

  t.test('a cluster\'s node taken for a server, and a server for a cluster', async (t) => {
    const { servers: [node] } = await startCluster(t)
    isLine(t, await refusal(t, node!.url), /redis\+cluster:/)
    const { url } = await RedisServer.start(t)
    isLine(t, await refusal(t, url.replace('redis:', 'redis+cluster:')), /no node/, /redis:\/\//)
  })

  t.test('one that is still loading its data is waited for, and a version that is too old is refused', async (t) => {
    let info = 'redis_version:7.0.15\r\nrole:master\r\nloading:1\r\n'
    // It speaks as one does that can be found in either state.
    const server = createServer((socket) => socket.on('error', () => {}).on('data', (data) => {
      for (const [, command] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        socket.write(command!.toUpperCase() === 'INFO' ? `$${info.length}\r\n${info}\r\n` : command!.toUpperCase() === 'HELLO' ? '%0\r\n' : '+OK\r\n')
      }
    }))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.teardown(() => server.close())
    const { engine, told } = opening(t, `redis://127.0.0.1:${(server.address() as { port: number }).port}`)
    await eventually(() => told.length > 0, 'told')
    isLine(t, told[0]!, /LOADING/)
    info = 'redis_version:6.2.14\r\nrole:master\r\n'
    await t.rejects(engine, { name: 'Unsuitable', message: /^[^\n]*6\.2\.14[^\n]*7\.0[^\n]*$/ })
    t.equal(told.filter((line) => /LOADING/.test(line)).length, 1)
  })

  t.test('a store that is not there yet is waited for; that is said once', async (t) => {
    const redis = await RedisServer.start(t)
    await redis.kill()
    const { engine, told } = opening(t, redis.url)
    await eventually(() => told.length > 0, 'told')
    isLine(t, told[0]!, /ECONNREFUSED/)
    await redis.restart()
    await engine
    t.equal(told.filter((line) => /ECONNREFUSED/.test(line)).length, 1)
    isLine(t, told.at(-1)!, /on disk \(fsync\)/)
  })

  t.test('a replica is waited for until it is the primary', async (t) => {
    const redis = await RedisServer.start(t)
    const replica = await RedisServer.start(t, { replicaOf: redis })
    const { engine, told } = opening(t, replica.url)
    await eventually(() => told.some((line) => /READONLY/.test(line)), 'told')
    await replica.promote()
    await (await engine).append({ room: 'lobby', draft })
  })

  t.test('a primary that becomes a replica, and is let go', async (t) => {
    const redis = await RedisServer.start(t)
    const other = await RedisServer.start(t)
    const { engine: opened, told } = opening(t, redis.url)
    const engine = await opened
    await engine.append({ room: 'lobby', draft })
    await redis.command('REPLICAOF', other.host, other.port)
    await eventually(() => engine.append({ room: 'lobby', draft }).then(() => false, () => true), 'refused')
    await eventually(() => told.some((line) => /READONLY/.test(line)), 'told')
    await t.rejects(engine.check(), { name: 'EngineUnavailable' })
    await redis.promote()
    await eventually(() => engine.append({ room: 'lobby', draft }).then(() => true, () => false), 'back')
  })

  t.test('a full memory refuses what is written, stores no half of it, and lets read', async (t) => {
    const redis = await RedisServer.start(t)
    const { engine: opened, told } = opening(t, redis.url)
    const engine = await opened
    await engine.append({ room: 'lobby', draft })
    await redis.command('CONFIG', 'SET', 'maxmemory', 1)
    await t.rejects(engine.append({ room: 'lobby', draft }), { name: 'EngineUnavailable', outcomeUnknown: false })
    await t.rejects(engine.check())
    t.equal(told.filter((line) => /OOM/.test(line)).length, 1)
    isLine(t, told.find((line) => /OOM/.test(line))!, /maxmemory/, /ROOM_HISTORY/)
    t.equal((await engine.read('lobby', { limit: 5 })).entries.length, 1)
    await redis.command('CONFIG', 'SET', 'maxmemory', 0)
    await engine.append({ room: 'lobby', draft })
    t.equal((await engine.read('lobby', { limit: 5 })).entries.length, 2)
  })

  t.test('a store that may throw events away is warned of', async (t) => {
    const redis = await RedisServer.start(t, { settings: { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' } })
    const { engine, told } = opening(t, redis.url)
    await engine
    isLine(t, told.find((line) => /allkeys-lru/.test(line)) ?? '', /noeviction/)
  })

  t.test('what an acknowledgement means is what the settings say', async (t) => {
    for (const [settings, durability] of [
      [{}, 'fsync'], [{ appendfsync: 'everysec' }, 'everysec'], [{ appendfsync: 'no' }, 'memory'], [{ appendonly: 'no' }, 'memory']
    ] as const) {
      const redis = await RedisServer.start(t, { settings })
      t.equal((await opening(t, redis.url).engine).durability, durability, JSON.stringify(settings))
    }
    const changing = await RedisServer.start(t)
    const { engine, told } = opening(t, changing.url)
    await engine
    await changing.command('CONFIG', 'SET', 'appendfsync', 'everysec')
    await eventually(async () => (await engine).durability === 'everysec', 'a change is noticed')
    isLine(t, told.at(-1)!, /everysec/)
    const hidden = await RedisServer.start(t)
    await hidden.command('ACL', 'SETUSER', 'hubbub', 'on', '>pw', '~*', '&*', '+@all', '-config')
    t.equal((await opening(t, `redis://hubbub:pw@${hidden.host}:${hidden.port}`).engine).durability, 'everysec', 'where one may not ask')
  })

  t.test('keys of ours that hold something else harm their room alone', async (t) => {
    const redis = await RedisServer.start(t)
    const { engine: opened, told } = opening(t, redis.url)
    const engine = await opened
    await redis.command('SET', 'hubbub:{a}', 'a string')
    await redis.command('SET', 'hubbub:{b}:events', 'a string')
    for (const room of ['a', 'b']) {
      await t.rejects(engine.append({ room, draft }), { name: 'EngineUnavailable', outcomeUnknown: false })
      await t.rejects(engine.append({ room, draft }), { name: 'EngineUnavailable' }, 'and again')
    }
    for (const room of ['a', 'b']) isLine(t, told.find((line) => line.includes(`hubbub:{${room}}`)) ?? '', /WRONGTYPE/, /REDIS_PREFIX/)
    t.equal(await redis.command('EXISTS', 'hubbub:{b}'), 0, 'no half of an event')
    t.equal((await engine.append({ room: 'c', draft })).status, 'stored')
    await redis.command('DEL', 'hubbub:{a}', 'hubbub:{b}:events')
    t.equal((await engine.append({ room: 'a', draft })).status, 'stored')
    t.equal((await engine.append({ room: 'b', draft })).status, 'stored')
    t.strictSame((await engine.rooms({ limit: 9 })).map(({ room }) => room), ['a', 'b', 'c'])
  })

  t.test('a user who may not publish any more: what is stored is acknowledged, and the operator told', async (t) => {
    const redis = await RedisServer.start(t)
    await redis.command('ACL', 'SETUSER', 'hubbub', 'on', '>pw', '~*', '&*', '+@all')
    const { engine: opened, told } = opening(t, `redis://hubbub:pw@${redis.host}:${redis.port}`)
    const engine = await opened
    const heard: string[] = []
    await engine.tail('lobby', { hear: (items) => heard.push(...items.map(({ entry }) => entry.id)), broken: () => {} })
    // It cuts those who listen.
    await redis.command('ACL', 'SETUSER', 'hubbub', 'resetchannels')
    const appended = await engine.append({ room: 'lobby', draft })
    t.equal(appended.status, 'stored')
    t.equal(await redis.command('XLEN', 'hubbub:{lobby}'), 1)
    await eventually(() => told.some((line) => line.includes('NOPERM')), 'told')
    isLine(t, told.find((line) => line.includes('NOPERM'))!, /channels/, /REDIS_PREFIX/)
    await eventually(() => heard.length === 1, 'read, though not heard')
    await t.rejects(engine.tail('other', { hear: () => {}, broken: () => {} }), { name: 'EngineUnavailable', message: /NOPERM/ })
    await redis.command('ACL', 'SETUSER', 'hubbub', 'allchannels')
    await engine.tail('other', { hear: () => {}, broken: () => {} })
    await eventually(async () => (await redis.command('PUBSUB', 'CHANNELS', 'hubbub:0:*')).length === 2, 'what it heard before is heard again')
  })

  t.test('a server that lets nobody listen: the operator is told, and readers have it late', async (t) => {
    const redis = await RedisServer.start(t)
    const { engine: opened, told } = opening(t, redis.url)
    const engine = await opened
    const heard: string[] = []
    await engine.tail('lobby', { hear: (items) => heard.push(...items.map(({ entry }) => entry.id)), broken: () => {} })
    const admin = connect(redis)
    t.teardown(() => admin.disconnect())
    await admin.config('SET', 'maxclients', 2)
    await admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await eventually(() => told.some((line) => line.includes('no connection')), 'told')
    isLine(t, told.find((line) => line.includes('no connection'))!, /maxclients/)
    await engine.append({ room: 'lobby', draft })
    await eventually(() => heard.length === 1, 'read')
    await admin.config('SET', 'maxclients', 100)
    await eventually(async () => (await redis.command('PUBSUB', 'CHANNELS', 'hubbub:0:*')).length === 1, 'it listens again')
  })

  t.test('what somebody else publishes is no message of ours', async (t) => {
    const redis = await RedisServer.start(t)
    const engine = await opening(t, redis.url).engine
    const heard: string[] = []
    await engine.tail('lobby', { hear: (items) => heard.push(...items.map(({ entry }) => entry.id)), broken: (after) => heard.push(after) })
    for (const text of ['', 'hello', 'hello to you', 'a-b 0-0\n{}', '1-1 a-b\n{}', '1-1 0-0',
      '1-1 0-0 a\n{}\n{}', '1-1 0-0 2-2\n{}\n{}', '1-1 0-0 2-2 b\n{}\n{}', '1-1 0-0 2-2 1-1\n{}', '1-1 0-0 2-2 1-1\nx\nx']) await redis.command('PUBLISH', 'hubbub:0:{lobby}', text)
    const appended = await engine.append({ room: 'lobby', draft })
    await eventually(() => heard.length > 0, 'heard')
    t.match(appended, { status: 'stored', entry: { id: heard[0] } })
    t.equal(heard.length, 1)
  })

  t.test('entries that are not ours are passed over, those of a newer version stand in their place', async (t) => {
    const redis = await RedisServer.start(t)
    const { engine: opened, told } = opening(t, redis.url)
    const engine = await opened
    const say = async (message: string): Promise<{ id: string, prev: string }> => {
      const appended = await engine.append({ room: 'lobby', draft: { ...draft, message } })
      if (appended.status !== 'stored') throw new Error(appended.status)
      return appended.entry.event
    }
    const first = await say('first')
    await redis.command('XADD', 'hubbub:{lobby}', '*', 'temperature', '21')
    const second = await say('second')
    t.equal(second.prev, first.id, 'the chain leads past a stranger')
    const newer = await redis.command<string>('XADD', 'hubbub:{lobby}', '*', '2', second.id)
    await redis.command('HSET', 'hubbub:{lobby}:events', newer, 'of a form unknown here')
    const third = await say('third')
    t.equal(third.prev, newer, 'and over what is newer')
    const { entries } = await engine.read('lobby', { after: '0-0', limit: 10 })
    t.strictSame(entries.map(({ event }) => event.message ?? event.type), ['first', 'second', 'unreadable', 'third'])
    t.match(entries[2]!.event, { id: newer, prev: second.id, room: 'lobby' })
    t.strictSame((await engine.read('lobby', { limit: 2 })).entries.map(({ event }) => event.type), ['unreadable', 'message'])
    isLine(t, told.find((line) => line.includes(newer)) ?? '', /newer version/)
    await redis.command('XADD', 'hubbub:{lobby}', '18446744073709551615-18446744073709551615', 'the', 'end')
    await t.rejects(say('fourth'), { name: 'EngineUnavailable', message: /hubbub:\{lobby\}/ })
    t.equal((await engine.read('lobby', { limit: 10 })).entries.length, 4)
  })
}
