import t from 'tap'
import { call, chainFlaw, eventually, guest, missing, post } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { COMPILER, COMPILER_REMEDY, WallClock } from '../redis/wall-clock.js'
import { Node } from './node.js'
import { open } from './presence.js'

const HOUR_MS = 3_600_000

for (const [hours, words] of [[2, 'ahead'], [-2, 'behind']] as const) {
  t.test(`a node whose clock is two hours ${words} works with the others`, { timeout: 60_000 }, async (t) => {
    if (missing(t, REDIS, REDIS_REMEDY) || missing(t, COMPILER, COMPILER_REMEDY)) return
    const clock = new WallClock(t)
    clock.move(hours * HOUR_MS)
    const { url: REDIS_URL } = await RedisServer.start(t)
    const right = await Node.start(t, { REDIS_URL })
    const off = await Node.start(t, { REDIS_URL, ...clock.environment })
    const nodes = [right, off]
    t.ok(Math.abs(Date.parse((await call(`${off.url}/healthz`)).headers.get('date')!) - Date.now() - hours * HOUR_MS) < 60_000, 'it is off')

    const people = await Promise.all(nodes.map(({ url }) => guest(url)))
    const readers = await Promise.all(nodes.map((node, index) => open(t, node, people[1 - index]!)))
    t.pass('each takes the other\'s token')

    for (let i = 0; i < 10; i++) {
      for (const [index, { url }] of nodes.entries()) {
        const { status, body } = await post(url, { message: `${i} by ${index}`, key: `key ${i}` }, { authorization: people[index]!.authorization })
        t.equal(status, 201)
        t.equal((await post(nodes[1 - index]!.url, { message: `${i} by ${index}`, key: `key ${i}` }, { authorization: people[index]!.authorization })).body.event.id, body.event.id)
      }
    }
    for (const reader of readers) {
      await reader.until(({ messages }) => messages.length === 20)
      t.equal(chainFlaw(reader.events, '0-0'), undefined, 'one order')
    }
    for (const { id, at } of readers[0]!.events) {
      for (const time of [Number(id.split('-')[0]), Date.parse(at)]) t.ok(Math.abs(time - Date.now()) < HOUR_MS, 'at the time that it is, in Redis')
    }
    for (const { url } of nodes) {
      await eventually(async () => (await call(`${url}/users`)).body.count === 2, 'both are online, on both nodes')
    }
  })
}
