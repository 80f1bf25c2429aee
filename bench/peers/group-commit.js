/**
 * LMDB's own group commit, in a bare loop: so many puts of an event's JSON in flight, each again as soon as it is on disk.
 * Takes a directory, seconds, and seconds before them that do not count; prints one JSON object.
 */
import { join } from 'node:path'
import { open } from 'lmdb'

const IN_FLIGHT = 512

const [directory, seconds, warmUp] = process.argv.slice(2)
const root = open({ path: join(directory, 'bare.mdb'), encoding: 'string', overlappingSync: false, maxDbs: 2 })
const events = root.openDB({ name: 'events', encoding: 'string' })
let acknowledged = 0
let sequence = 0
const began = performance.now() + Number(warmUp) * 1_000
const end = began + Number(seconds) * 1_000

async function putAgainAndAgain () {
  while (performance.now() < end) {
    const ms = Date.now()
    const id = `${ms}-${++sequence}`
    await events.put(['room-0', ms, sequence], JSON.stringify({
      id, prev: id, room: 'room-0', type: 'message', user: { id: 'oqj-LwD5kAbE278E', name: 'amber-fox', tag: 'h4x2mq' },
      at: new Date(ms).toISOString(), message: `@@${Math.round(performance.now() * 1_000)}@@`
    }))
    if (performance.now() >= began) acknowledged++
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, putAgainAndAgain))
const perSecond = acknowledged / (performance.now() - began) * 1_000
await root.close()
process.stdout.write(JSON.stringify({ acknowledged, perSecond }))
