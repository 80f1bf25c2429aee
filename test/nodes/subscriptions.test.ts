import t from 'tap'
import { Reader, eventually, missing, post, startServer } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'

t.test('a node subscribes to the rooms that somebody on it reads, and to no others', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const [one, two] = await Promise.all([startServer(t, { REDIS_URL: redis.url }), startServer(t, { REDIS_URL: redis.url })])
  /** How many nodes hear a room's events, and who is in it. */
  const hearing = async (room: string): Promise<[events: number, online: number]> => {
    const [, events, , online] = await redis.command<[string, number, string, number]>('PUBSUB', 'NUMSUB', `hubbub:0:{${room}}`, `hubbub:0:{${room}}:online`)
    return [events, online]
  }
  const read = async (url: string, query: string): Promise<Reader> => (await Reader.open(`${url}/events?${query}`)).until(({ received }) => received.length > 0)
  const hear = (room: string, nodes: number): Promise<void> =>
    eventually(async () => (await hearing(room)).every((count) => count === nodes), `${nodes} hear ${room}`)

  for (const room of ['a', 'b', 'c']) await post(one.url, { room, message: 'who posts is no reader' })
  for (const room of ['a', 'b', 'c']) t.strictSame(await hearing(room), [0, 0], room)
  const first = await read(one.url, 'room=a&room=b')
  const second = await read(one.url, 'room=a')
  const third = await read(two.url, 'room=a&lurk=1')
  await hear('a', 2)
  await hear('b', 1)
  await hear('c', 0)
  first.close()
  await hear('b', 0)
  await hear('a', 2)
  second.close()
  await hear('a', 1)
  third.close()
  await hear('a', 0)
  const channels = await redis.command<string[]>('PUBSUB', 'CHANNELS', '*')
  t.strictSame(channels, ['hubbub:0:{~nodes}'], 'what remains is the log of the nodes themselves')
})
