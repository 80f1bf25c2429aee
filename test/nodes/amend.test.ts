import t, { type Test } from 'tap'
import type { ChatEvent } from '../../src/chat/event.js'
import { Reader, call, chainFlaw, eventually, guest, missing, post, type Answer } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { startNode } from './presence.js'

async function read (t: Test, node: { url: string }, cursor?: string): Promise<Reader> {
  const reader = await Reader.open(`${node.url}/events?lurk=1`, { headers: cursor === undefined ? {} : { 'last-event-id': cursor } })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}

const amend = (node: { url: string }, method: 'PATCH' | 'DELETE', id: string, headers: Record<string, string>, message?: string): Promise<Answer> =>
  call(`${node.url}/rooms/lobby/events/${id}`, { method, headers, ...(message !== undefined && { body: { message } }) })

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('what is said through one node is edited and deleted through another, and readers of both see it', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const { authorization } = await guest(a.url)
    const readers = [await read(t, a), await read(t, b)]
    const { body: { event } } = await post(a.url, { message: 'secret', key: 'k' }, { authorization })
    t.match(await amend(b, 'PATCH', event.id, { authorization: (await guest(b.url)).authorization }, 'x'), { status: 403, body: { code: 'HUB_NOT_YOURS' } })
    const edited = await amend(b, 'PATCH', event.id, { authorization }, 'secret, edited')
    t.match(edited, { status: 200, body: { event: { id: event.id, message: 'secret, edited' }, durability: 'fsync' } })
    const erased = await amend(a, 'DELETE', event.id, { authorization })
    t.equal(erased.status, 200)
    for (const reader of readers) {
      await reader.until(({ events }) => events.length === 3)
      t.match(reader.events.slice(1), [
        { id: edited.body.announcement, type: 'edit', message: 'secret, edited', data: { id: event.id } },
        { id: erased.body.announcement, type: 'delete', data: { id: event.id } }
      ])
    }
    for (const node of [a, b]) {
      const late = await read(t, node, 'lobby:0-0')
      await late.until(({ events }) => events.length === 3)
      t.notMatch(late.text, /secret/)
      t.notMatch(JSON.stringify((await call(`${node.url}/rooms/lobby/events`)).body), /secret/)
      t.match(await post(node.url, { message: 'secret', key: 'k' }, { authorization }), { status: 200, body: { event: { id: event.id, gone: true } } })
      t.match(await amend(node, 'PATCH', event.id, { authorization }, 'x'), { status: 409, body: { code: 'HUB_EVENT_DELETED' } })
      t.match((await amend(node, 'DELETE', event.id, { authorization })).body, { event: erased.body.event })
    }
  })

  t.test('a node whose subscriptions break holds nothing that was deleted meanwhile', async (t) => {
    const redis = await RedisServer.start(t)
    const [a, b] = [await startNode(t, redis), await startNode(t, redis)]
    const { authorization } = await guest(a.url)
    const live = await read(t, b, 'lobby:0-0')
    const said: ChatEvent[] = []
    for (let i = 0; i < 30; i++) {
      said.push((await post(a.url, { message: `secret ${i}` }, { authorization })).body.event)
      if (i % 3 === 0) await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      t.equal((await amend(a, 'PATCH', said[i]!.id, { authorization }, `secret ${i}, edited`)).status, 200)
      if (i > 2) t.equal((await amend(a, 'DELETE', said[i - 3]!.id, { authorization })).status, 200)
    }
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    for (const { id } of said.slice(-3)) t.equal((await amend(a, 'DELETE', id, { authorization })).status, 200)
    await live.until(({ events }) => events.length === 90)
    t.equal(chainFlaw(live.events, '0-0'), undefined)
    const { body: { events } } = await call(`${a.url}/rooms/lobby/events?after=0-0&limit=500`)
    // Out of the ring of each.
    for (const node of [a, b]) {
      const late = await read(t, node, 'lobby:0-0')
      await late.until(({ events }) => events.length === 90)
      t.strictSame(late.events, events)
      t.notMatch(late.text, /secret/)
    }
  })

  t.test('edits through two nodes and a deletion at once end in what is deleted', async (t) => {
    const redis = await RedisServer.start(t)
    const nodes = [await startNode(t, redis), await startNode(t, redis)]
    const { authorization } = await guest(nodes[0]!.url)
    const readers = await Promise.all(nodes.map((node) => read(t, node)))
    const { body: { event } } = await post(nodes[0]!.url, { message: 'secret' }, { authorization })
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) =>
      i === 25 ? amend(nodes[1]!, 'DELETE', event.id, { authorization }) : amend(nodes[i % 2]!, 'PATCH', event.id, { authorization }, `secret ${i}`)))
    t.strictSame([...new Set(answers.map(({ status }) => status))].sort(), [200, 409])
    const announcements = answers.flatMap(({ body }) => body.announcement ?? [])
    for (const reader of readers) {
      await reader.until(({ events }) => events.length === 1 + announcements.length)
      t.strictSame(new Set(reader.events.slice(1).map(({ id }) => id)), new Set(announcements))
      t.equal(reader.events.at(-1)!.type, 'delete')
    }
    await eventually(async () => !JSON.stringify((await call(`${nodes[1]!.url}/rooms/lobby/events`)).body).includes('secret'), 'it is gone')
  })
}
