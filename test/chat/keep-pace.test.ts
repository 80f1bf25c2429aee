import t from 'tap'
import { Entry } from '../../src/chat/event.js'
import { LiveRoom } from '../../src/chat/live-room.js'

const NEVER_MS = 60_000
const entry = (n: number): Entry => Entry.of({
  id: `${n}-0`, prev: `${n - 1}-0`, room: 'lobby', type: 'message', user: { id: 'u', name: 'amber-fox', tag: 'abcdef' }, at: new Date(n).toISOString(), message: 'x'.repeat(100)
})

function open (): { room: LiveRoom, hear: (events: number) => void } {
  const room = new LiveRoom('lobby', { head: '0-0', close () {} }, { used: 0, room: 100_000, node: 1_000_000 })
  let heard = 0
  return { room, hear: (events) => room.hear(Array.from({ length: events }, () => ({ entry: entry(++heard) }))) }
}

/** Whether it is done when all that was ready to run has run. */
async function isDone (promise: Promise<void>): Promise<boolean> {
  let done = false
  void promise.then(() => { done = true })
  await new Promise(setImmediate)
  return done
}

t.test('a post waits while a third of the ring has come since the last flush began, and goes on when the next one begins', async (t) => {
  const { room, hear } = open()
  t.ok(await isDone(room.keepPace(NEVER_MS)), 'nothing has come')
  hear(5)
  t.ok(await isDone(room.keepPace(NEVER_MS)), 'a little has come')
  hear(120)
  const waiting = room.keepPace(NEVER_MS)
  t.notOk(await isDone(waiting))
  t.equal(room.beginFlush(), 125)
  t.ok(await isDone(waiting))
  t.ok(await isDone(room.keepPace(NEVER_MS)), 'it is counted from that flush on')
})

t.test('it waits no longer than it is told, and not for a room that nobody reads any more', async (t) => {
  const { room, hear } = open()
  hear(125)
  const alive = setInterval(() => {}, NEVER_MS) // Its own timer keeps no process.
  t.teardown(() => clearInterval(alive))
  await room.keepPace(1)
  const waiting = room.keepPace(NEVER_MS)
  room.close()
  t.ok(await isDone(waiting))
})

t.test('what the ring is asked for stays what it was, whichever end frames come and go at', async (t) => {
  const { room, hear } = open()
  const { ring } = room
  hear(3)
  const place = ring.positionAfter('2-0')!
  t.equal(ring.at(place).id, '3-0')
  room.recall([])
  room.recall([entry(7)])
  t.equal(ring.start, '0-0', 'what does not reach the ring is not put before it')
  room.shrink(0)
  t.equal(ring.start, '3-0')
  room.recall([entry(2), entry(3), entry(4)])
  t.equal(ring.start, '1-0')
  t.equal(ring.head, '3-0', 'no further than where the ring began')
  t.equal(ring.at(place).id, '3-0')
  t.equal(ring.positionAfter('0-0'), undefined)
})
