import type { FastifyInstance } from 'fastify'

const SOMEBODY = { id: 'somebody', name: 'somebody', tag: 'aaaaaa' }
/** What is on its way to the disk at once. */
const AT_ONCE = 250

/** Many messages in a room, `number 0` and so on, faster than by requests. @returns their ids */
export async function fill (app: FastifyInstance, room: string, count: number, from = 0): Promise<string[]> {
  const ids: string[] = []
  for (let done = 0; done < count; done += AT_ONCE) {
    const stored = await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, index) =>
      app.engine.append({ room, draft: { type: 'message', user: SOMEBODY, message: `number ${from + done + index}` } })))
    for (const appended of stored) if (appended.status === 'stored') ids.push(appended.entry.event.id)
  }
  return ids
}

/** So many messages that the room's oldest are trimmed, which is done in steps. @returns how many */
export async function fillUntilTrimmed (app: FastifyInstance, room: string): Promise<number> {
  for (let count = 0; count < 10_000; count += AT_ONCE) {
    if ((await app.engine.read(room, { limit: 1 })).floor !== '0-0') return count
    await fill(app, room, AT_ONCE, count)
  }
  throw new Error('nothing was trimmed')
}
