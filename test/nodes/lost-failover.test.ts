import t, { type Test } from 'tap'
import { eventually, missing, post, type Environment } from '../harness.js'
import { Address } from '../redis/address.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { COMPILER, COMPILER_REMEDY, WallClock } from '../redis/wall-clock.js'
import { Node } from './node.js'
import { open } from './presence.js'
import { scaled } from './scale.js'
import { Scenario } from './scenario.js'

/** Events that the promoted replica never got. */
const BEHIND = 100

/** A primary, and a replica whose clock is an hour behind, at an address that leads to the one until `failOver`. */
async function replicated (t: Test): Promise<{ environment: Environment, replica: RedisServer, address: Address, fallBehind: () => Promise<void>, failOver: () => Promise<void> }> {
  const clock = new WallClock(t)
  clock.move(-3_600_000)
  const primary = await RedisServer.start(t)
  const replica = await RedisServer.start(t, { replicaOf: primary, clock })
  const address = await Address.open(t, primary)
  return {
    environment: { REDIS_URL: address.url },
    replica,
    address,
    // From here on it hears nothing of its primary; as yet nobody knows that it is another one.
    fallBehind: () => replica.promote(),
    failOver: async () => {
      await primary.kill()
      address.lead(replica)
    }
  }
}

/** Nodes at work on a primary whose replica has fallen behind. */
async function behind (t: Test): Promise<{ scenario: Scenario, failOver: () => Promise<void> }> {
  const { environment, fallBehind, failOver } = await replicated(t)
  const scenario = await Scenario.start(t, { clients: scaled(60, 300), publishers: 10, pause: 20, environment })
  await scenario.progress(200)
  await fallBehind()
  // Those that were under way just then may be in the replica.
  await scenario.progress(BEHIND + scenario.publishers.length)
  return { scenario, failOver }
}

t.test('a replica that is behind is promoted', { timeout: 280_000 }, async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY) || missing(t, COMPILER, COMPILER_REMEDY)) return

  t.test('readers who were there are told what was lost, and go on from the last event that both had', async (t) => {
    const { scenario, failOver } = await behind(t)
    await failOver()
    await scenario.progress(200)
    await scenario.prove({ lossy: true, resets: ['lost'] })

    const logs = await scenario.logs()
    const lost = scenario.lost(logs)
    t.ok(lost.length >= BEHIND, `${lost.length} acknowledged events are lost`)
    t.equal(scenario.openings, scenario.clients.length, 'no stream was cut')
    for (const room of scenario.rooms) {
      const ids = new Set(logs.get(room)!.map(({ id }) => id))
      // The first event that was lost comes after the last one that both had.
      const first = [...scenario.recording.events.get(room)!.values()].find(({ id, prev }) => !ids.has(id) && ids.has(prev))
      if (first === undefined) continue
      const resets = scenario.recording.tracks.filter(({ positions }) => positions.has(room)).map((track) => track.of('reset').filter((reset) => reset.room === room))
      t.ok(resets.every(({ length }) => length === 1), `each reader of ${room} was told once`)
      t.strictSame([...new Set(resets.flat().map(({ from }) => from))], [first.prev], 'and from where it goes on')
    }
  })

  t.test('readers who come back only after new posts are told, and get all that is new', async (t) => {
    const { scenario, failOver } = await behind(t)
    // The rooms have no reader left, and no node knows where they stood.
    await Promise.all(scenario.clients.map((client) => client.leave()))
    await failOver()
    await scenario.progress(200)
    for (const client of scenario.clients) client.come()
    await scenario.everybodyBack()
    await scenario.progress(100)
    await scenario.prove({ lossy: true, resets: ['lost', 'unknown', 'future'] })

    const logs = await scenario.logs()
    t.ok(scenario.lost(logs).length >= BEHIND, 'acknowledged events are lost')
    const gone = scenario.recording.tracks.filter((track) => track.of('event').some(({ event: { room, id } }) => !logs.get(room)!.some((each) => each.id === id)))
    t.ok(gone.length > 0 && gone.every((track) => track.of('reset').length > 0), `all ${gone.length} who had an event that is lost are told`)
  })

  t.test('readers who were there get what came before their node was led to the replica', async (t) => {
    const { environment, replica, fallBehind, failOver, address } = await replicated(t)
    const nodes = await Promise.all([0, 1].map(() => Node.start(t, environment)))
    const say = async (node: Node, message: string): Promise<string> => (await post(node.url, { message })).body.event.id
    const readers = await Promise.all(nodes.map((node) => open(t, node, undefined, '?lurk=1')))
    const common = await say(nodes[0]!, 'both have it')
    await eventually(async () => await replica.command<number>('XLEN', 'hubbub:{lobby}') === 1, 'replicated')
    await fallBehind()
    for (let i = 0; i < 10; i++) await say(nodes[i % 2]!, `lost ${i}`)
    await Promise.all(readers.map((reader) => reader.until(({ messages }) => messages.includes('lost 9'))))
    address.lead(undefined)
    // A node that knows nothing of what was lost; the replica's clock is behind all that.
    const fresh = await Node.start(t, { REDIS_URL: replica.url })
    const kept = ['new 0', 'new 1', 'new 2']
    for (const message of kept) await say(fresh, message)
    await failOver()
    kept.push('new 3')
    await eventually(async () => (await post(nodes[0]!.url, { message: 'new 3', key: 'new 3' })).status < 300, 'it is back')
    for (const reader of readers) {
      await reader.until(({ messages }) => messages.includes('new 3'))
      t.match(reader.notices('reset'), [{ reason: 'lost', from: common }], 'told once, from where both agree')
      t.strictSame(reader.messages.filter((message) => message.startsWith('new')), kept, 'and then given all that is new')
    }
  })
})
