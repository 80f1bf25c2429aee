import t from 'tap'
import type { ChatEvent } from '../../src/chat/event.js'
import { call, chainFlaw, eventually, guest, post, startServer, temporaryDirectory } from '../harness.js'

const IN_FLIGHT = 64
const KILLS = 10

t.test('killed under load ten times, it keeps every message that it acknowledged, in order, once', { timeout: 180_000 }, async (t) => {
  const directory = temporaryDirectory(t)
  const acknowledged = new Map<string, string>()
  let asked = 0

  for (let kill = 1; kill <= KILLS; kill++) {
    const server = await startServer(t, { DATA_DIR: directory, ROOM_HISTORY: '1000000' })
    const { authorization } = await guest(server.url)
    const before = acknowledged.size
    let killed = false
    const publisher = async (): Promise<void> => {
      while (!killed) {
        const message = `message ${asked++}`
        const answer = await post(server.url, { message }, { authorization }).catch(() => undefined)
        if (answer?.status === 201) acknowledged.set(answer.body.event.id, message)
      }
    }
    const publishers = Array.from({ length: IN_FLIGHT }, publisher)
    await eventually(() => acknowledged.size >= before + 300 + 40 * kill, 'enough acknowledged')
    const ended = server.stop('SIGKILL')
    killed = true
    t.equal(await ended, 'SIGKILL')
    await Promise.all(publishers)
  }

  const server = await startServer(t, { DATA_DIR: directory, ROOM_HISTORY: '1000000' })
  const kept: ChatEvent[] = []
  for (let after = '0-0'; ;) {
    const { body } = await call(`${server.url}/rooms/lobby/events?after=${after}&limit=500`)
    if (body.events.length === 0) break
    kept.push(...body.events)
    after = kept.at(-1)!.id
  }
  t.equal(chainFlaw(kept, '0-0'), undefined, 'one chain from the origin')
  const byId = new Map(kept.map(({ id, message }) => [id, message]))
  t.equal(byId.size, kept.length, 'each once')
  const lost = [...acknowledged].filter(([id, message]) => byId.get(id) !== message)
  t.strictSame(lost, [], `all of ${acknowledged.size} acknowledged are there (of ${asked} asked, ${kept.length} kept)`)
  t.equal(new Set(kept.map(({ message }) => message)).size, kept.length, 'no message is there twice')
  t.comment(`${acknowledged.size} acknowledged, ${kept.length} kept, ${KILLS} kills`)
})
