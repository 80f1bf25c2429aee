import { join } from 'node:path'
import { Failure } from './failure.js'

const IN_FLIGHT = 4_000
const USER = { id: 'benchmark-filler', name: 'amber-fox', tag: 'h4x2mq' }

/**
 * Fills rooms with events, as the server itself would store them. Each has a marker as the load generator counts them.
 * @param directory where a server with that `directory` has its data afterwards
 * @param rooms `[{ room, events, behind, more }]`: `more` characters to each message, none where not given
 * @returns for each room the cursor of a reader that has not had the newest `behind` events
 */
export async function fill (directory, rooms) {
  const { EmbeddedEngine } = await import('../dist/engines/embedded.js').catch(() => { throw new Failure('dist/ is missing: npm run build') })
  const engine = await EmbeddedEngine.open({ directory: join(directory, 'data'), history: Infinity })
  const cursors = []
  for (const { room, events, behind, more = 0 } of rooms) {
    for (let done = 0; done < events;) {
      const count = Math.min(IN_FLIGHT, events - done)
      await Promise.all(Array.from({ length: count }, (_, index) => engine.append({
        room, draft: { type: 'message', user: USER, message: `@@${done + index + 1}@@${'x'.repeat(more)}` }
      })))
      done += count
    }
    cursors.push(`${room}:${await engine.seek(room, { newest: behind })}`)
  }
  await engine.close()
  return cursors
}
