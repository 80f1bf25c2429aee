import t, { type Test } from 'tap'
import { call, eventually, guest, missing, post, type Reader, type RunningApp } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer, type RedisOptions } from '../redis/server.js'
import { joined, left, online, open, passBy, startNode, type Guest } from './presence.js'

/** Most of these wait until a node is sure: they do so together. */
t.jobs = 4
const together = (): { buffered: boolean, timeout: number } => ({ buffered: true, timeout: 90_000 })

interface World {
  redis: RedisServer
  nodes: [RunningApp, RunningApp]
  /** On the one node and the other, and one who will leave. */
  users: Guest[]
  leaver: Reader
  leaverId: string
  /** A reader on each node, who has been told of all. */
  watching: Reader[]
}

async function start (t: Test, options: RedisOptions = {}): Promise<World> {
  const redis = await RedisServer.start(t, options)
  const nodes: World['nodes'] = [await startNode(t, redis), await startNode(t, redis)]
  const users = await Promise.all(Array.from({ length: 6 }, () => guest(nodes[0].url)))
  const leaving = await guest(nodes[0].url)
  const watching = await Promise.all(nodes.map((node) => open(t, node)))
  await Promise.all(users.map((user, index) => open(t, nodes[index % 2]!, user)))
  const leaver = await open(t, nodes[0], leaving)
  const told = (watching: Reader): boolean => [leaving, ...users].every(({ id }) => joined(watching).includes(id))
  for (const reader of watching) await reader.until(told)
  return { redis, nodes, users, leaver, leaverId: leaving.id, watching }
}

/** Everybody is known everywhere, and nobody has blinked but those who may. */
async function healed (t: Test, { nodes, users, watching }: World, gone: string[] = []): Promise<void> {
  for (const node of nodes) await eventually(async () => (await call(`${node.url}/readyz`)).status === 200, 'it is back')
  await passBy(t, nodes[1], ...watching)
  for (const reader of watching) {
    for (const { id } of users) t.equal(joined(reader).filter((one) => one === id).length, 1)
    const known = left(reader)
    t.strictSame(known.filter((id) => users.some((user) => user.id === id)), [])
    for (const id of gone) t.equal(known.filter((one) => one === id).length, 1)
  }
  for (const node of nodes) t.equal((await online(node)).length, users.length + watching.length)
}

if (!missing(t, REDIS, REDIS_REMEDY)) {
  t.test('a store that has lost everything', together(), async (t) => {
    const world = await start(t)
    const say = (): Promise<unknown> => post(world.nodes[0].url, { message: 'x' })
    const rooms = async (): Promise<string[]> => (await call(`${world.nodes[0].url}/rooms`)).body.rooms.map(({ room }: { room: string }) => room)
    await say()
    await world.redis.command('FLUSHALL')
    world.leaver.close()
    // Of this leave nothing is published, since the store does not know of the user: who is missing is gone when that is sure.
    await world.watching[1]!.until((reader) => left(reader).includes(world.leaverId), 60_000)
    await healed(t, world, [world.leaverId])
    await say()
    await eventually(async () => (await rooms()).includes('lobby'), 'the room is listed again')
  })

  t.test('a store that comes back without its data', together(), async (t) => {
    const world = await start(t, { settings: { appendonly: 'no' } })
    await world.redis.kill()
    world.leaver.close()
    await world.redis.restart()
    await world.watching[1]!.until((reader) => left(reader).includes(world.leaverId), 60_000)
    await healed(t, world, [world.leaverId])
  })

  t.test('a store that was away for longer than the leases', together(), async (t) => {
    const world = await start(t)
    await world.redis.kill()
    world.leaver.close()
    await eventually(async () => (await post(world.nodes[0].url, { message: 'now?' })).status === 503, 'it is away')
    await world.redis.restart()
    for (const node of await world.redis.command('ZRANGE', 'hubbub:{~nodes}:leases', 0, -1)) {
      await world.redis.command('ZADD', 'hubbub:{~nodes}:leases', 'XX', 1, node)
    }
    await world.watching[1]!.until((reader) => left(reader).includes(world.leaverId), 60_000)
    await healed(t, world, [world.leaverId])
  })

  t.test('a store that does not answer for a while', together(), async (t) => {
    const world = await start(t)
    world.redis.freeze()
    world.leaver.close()
    await eventually(async () => (await post(world.nodes[1].url, { message: 'now?' })).status === 503, 'it is away')
    t.equal((await call(`${world.nodes[1].url}/users?room=unread`)).status, 503)
    world.redis.thaw()
    await world.watching[1]!.until((reader) => left(reader).includes(world.leaverId), 60_000)
    await healed(t, world, [world.leaverId])
  })

  t.test('what was published while nobody could hear it', together(), async (t) => {
    const world = await start(t)
    const kill = setInterval(() => void world.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => {}), 300)
    t.teardown(() => clearInterval(kill))
    world.leaver.close()
    const passers: string[] = []
    for (let round = 0; round < 10; round++) {
      const passer = await guest(world.nodes[round % 2]!.url)
      const reader = await open(t, world.nodes[round % 2]!, passer)
      for (const witness of world.watching) await witness.until((witness) => joined(witness).includes(passer.id))
      reader.close()
      passers.push(passer.id)
    }
    clearInterval(kill)
    for (const witness of world.watching) await witness.until((witness) => [world.leaverId, ...passers].every((id) => left(witness).includes(id)), 60_000)
    await healed(t, world, [world.leaverId, ...passers])
  })
}
