import t from 'tap'
import { call, chainFlaw, eventually, missing, post, Reader } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { Node } from './node.js'

const open = async (node: Node, room: string, headers: Record<string, string> = {}): Promise<Reader> => {
  const reader = await Reader.open(`${node.url}/events?lurk=1&room=${room}`, { headers })
  await reader.until(({ received }) => received.length > 0)
  return reader
}

t.test('a key of ours that holds something else spoils its room alone', { timeout: 60_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const node = await Node.start(t, { REDIS_URL: redis.url, ROOM_HISTORY_AGE: '1h' })
  // The one that is well comes last in the list of rooms.
  const [order, contents, well] = ['order', 'contents', 'well'] as const
  for (const room of [order, contents, well]) t.equal((await post(node.url, { room, message: 'first' })).status, 201)
  const readers = await Promise.all([order, contents, well].map((room) => open(node, room)))
  t.teardown(() => readers.forEach((reader) => reader.close()))
  const spoil = async (key: string): Promise<void> => {
    await redis.command('DEL', key)
    await redis.command('SET', key, 'of another program')
  }
  const stream = `hubbub:{${order}}`
  const hash = `hubbub:{${contents}}:events`
  await spoil(stream)
  await spoil(hash)

  const works = async (message: string): Promise<void> => {
    for (const room of [order, contents]) {
      const { status, body, headers } = await post(node.url, { room, message })
      t.match({ status, body }, { status: 503, body: { code: 'HUB_STORE_UNAVAILABLE' } }, `${room}: a post is refused`)
      t.ok(headers.has('retry-after'))
      t.equal((await call(`${node.url}/rooms/${room}/events?after=0-0`)).status, 503, `${room}: so is its history`)
    }
    t.equal(await redis.command('XLEN', `hubbub:{${contents}}`), 1, 'and nothing of it is stored')
    t.equal((await post(node.url, { room: well, message })).status, 201, 'other rooms work')
    t.match((await call(`${node.url}/rooms`)).body.rooms.map(({ room }: { room: string }) => room).filter((room: string) => room === well), [well], 'and are listed')
    t.match(node.output(), /WRONGTYPE.*REDIS_PREFIX/, 'the operator is told')
    await eventually(async () => (await call(`${node.url}/readyz`)).status === 200, 'the node is ready all the same, once its start is behind it')
  }
  await works('second')
  await readers[2]!.until(({ messages }) => messages.includes('second'))
  t.ok(readers.every(({ ended }) => !ended), 'every stream stays open')

  // What nobody reads any more is removed from rooms that are well.
  await redis.command('XADD', 'hubbub:{zz}', '1-0', '1', '0-0')
  await redis.command('HSET', 'hubbub:{zz}:events', '1-0', '{"type":"message","message":"long ago"}')
  await redis.command('ZADD', 'hubbub:rooms', 0, 'zz')
  await node.stop('SIGTERM')
  await node.start()
  await works('third')
  await eventually(async () => await redis.command('XLEN', 'hubbub:{zz}') === 0, 'what is past its age goes, in a room behind them')

  await redis.command('DEL', stream, hash)
  for (const room of [order, contents]) {
    await eventually(async () => (await post(node.url, { room, message: 'healed' })).status === 201, `${room} works again`)
    const reader = await open(node, `${room}&history=1`)
    await reader.until(({ messages }) => messages.includes('healed'))
    reader.close()
  }
})

t.test('entries in a room that are not ours, or of a newer version, are no obstacle', { timeout: 60_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const node = await Node.start(t, { REDIS_URL: redis.url })
  const stream = 'hubbub:{lobby}'
  const say = async (message: string): Promise<string> => (await post(node.url, { message })).body.event.id
  const first = await say('first')
  const live = await open(node, 'lobby')
  t.teardown(() => live.close())
  await redis.command('XADD', stream, '*', 'temperature', 21)
  await say('after a stranger\'s')
  await redis.command('XADD', stream, '*', '2', '')
  await redis.command('XADD', stream, '*', '1', 'not an id')
  const last = await say('after what looks like ours')
  const newer = await redis.command<string>('XADD', stream, '*', '2', last)
  await redis.command('HSET', `${stream}:events`, newer, '\u0001 of a format to come')
  await say('after a newer version\'s')
  await live.until(({ messages }) => messages.includes('after a newer version\'s'))

  const back = await open(node, 'lobby', { 'last-event-id': `lobby:${first}` })
  t.teardown(() => back.close())
  await back.until(({ messages }) => messages.includes('after a newer version\'s'))
  for (const [reader, how] of [[live, 'live'], [back, 'resumed']] as const) {
    t.equal(chainFlaw(reader.events, first), undefined, `${how}: one chain`)
    t.strictSame(reader.messages, ['after a stranger\'s', 'after what looks like ours', 'after a newer version\'s'], `${how}: every message`)
    t.match(reader.events.filter(({ type }) => type !== 'message'), [{ id: newer, type: 'unreadable' }], `${how}: and in the place of what cannot be read, word of it`)
    t.strictSame(reader.notices('reset'), [])
  }
  t.match(node.output(), new RegExp(`${newer} of the room lobby cannot be read`), 'the operator is told')
  const { body } = await call(`${node.url}/rooms/lobby/events?after=0-0`)
  t.equal(chainFlaw(body.events, '0-0'), undefined, 'so does the history')
  t.equal(body.events.length, 5)

  await redis.command('XADD', stream, '99999999999999-0', 'from', 'the future')
  await say('later than that')
  await live.until(({ messages }) => messages.includes('later than that'))
  await redis.command('XADD', stream, '18446744073709551615-18446744073709551615', 'the', 'end')
  t.match(await post(node.url, { message: 'no id is left' }), { status: 503, body: { code: 'HUB_STORE_UNAVAILABLE' } })
  t.equal((await post(node.url, { room: 'other', message: 'elsewhere' })).status, 201, 'other rooms work')
  await redis.command('XDEL', stream, '18446744073709551615-18446744073709551615')
  t.match((await call(`${node.url}/rooms/lobby/events`)).body.events.at(-1), { message: 'later than that' }, 'what is there can be read')
})
