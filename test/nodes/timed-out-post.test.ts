import { randomUUID } from 'node:crypto'
import t from 'tap'
import { eventually, guest, missing, post } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { Node } from './node.js'
import { open } from './presence.js'

const POSTS = 20

t.test('a post that timed out while Redis was frozen, retried with its key, is one event', { timeout: 120_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const nodes = await Promise.all([0, 1].map(() => Node.start(t, { REDIS_URL: redis.url })))
  const [one, two] = nodes as [Node, Node]
  const { authorization } = await guest(one.url)
  const reader = await open(t, two, undefined, '?lurk=1')
  const key = randomUUID()
  const send = (node: Node, message: string) => post(node.url, { message, key: `${key} ${message}` }, { authorization })
  t.equal((await send(one, 'before')).status, 201)

  redis.freeze()
  const retried = Array.from({ length: POSTS }, (_, index) => `retried ${index}`)
  const given = Array.from({ length: POSTS }, (_, index) => `given up ${index}`)
  const answers = await Promise.all([...retried, ...given].map((message) => send(one, message)))
  t.ok(answers.every(({ status, headers }) => status === 503 && headers.has('retry-after')), 'every post is refused')
  t.ok(answers.some(({ body }) => body.code === 'HUB_OUTCOME_UNKNOWN'), 'of what was sent nobody knows whether it is stored')
  t.match((await send(two, retried[0]!)).status, 503, 'so is a retry, on another node')
  redis.thaw()

  const ids = new Map<string, string>()
  for (const message of retried) {
    // On both nodes at the same time, as an impatient client might.
    await eventually(async () => {
      const both = await Promise.all(nodes.map((node) => send(node, message)))
      for (const { status, body } of both) if (status < 300) ids.set(body.event.id, message)
      return both.every(({ status }) => status < 300)
    }, `${message} is acknowledged`)
  }
  t.equal(ids.size, POSTS, 'each has one id')
  t.equal((await send(two, 'after')).status, 201)
  await reader.until(({ messages }) => messages.includes('after'))
  t.strictSame(reader.messages.slice(1, -1).filter((message) => message.startsWith('retried')).sort(), retried.sort(), 'each came once')
  t.strictSame(reader.messages.filter((message) => message.startsWith('given up')), [], 'and what nobody asked for again came too late to be stored')
})
