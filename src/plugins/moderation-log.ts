import fp from 'fastify-plugin'
import type { ChatEvent, User } from '../chat/event.js'
import { splitId, type EventId } from '../chat/id.js'
import type { Page, Range } from '../engines/engine.js'

/** The log of what moderators and admins have done. No room of users begins so. */
export const MODERATION_ROOM = '~moderation'

export interface ModerationLog {
  /**
   * Writes down what is about to be done: it is told of even if it then fails half-way.
   * @param type what is done, such as `ban`
   * @param data to whom, where, why: whatever undoing it needs
   * @returns the entry's id, which is the action's
   * @throws {EngineUnavailable} by rejection
   */
  record (type: string, by: User, data: Record<string, unknown>): Promise<EventId>
  /** @throws {EngineUnavailable} by rejection */
  get (id: EventId): Promise<ChatEvent | undefined>
  /** @throws {EngineUnavailable} by rejection */
  read (range: Range): Promise<Page>
}

declare module 'fastify' {
  interface FastifyInstance {
    moderationLog: ModerationLog
  }
}

/** Who has done what, to whom, and why: nothing in it is ever changed or taken out. */
export default fp(async (fastify) => {
  const { engine } = fastify
  fastify.decorate('moderationLog', {
    record: async (type, by, data) => {
      const appended = await engine.append({ room: MODERATION_ROOM, draft: { type, user: by, data } })
      if (appended.status !== 'stored') throw new Error('an entry of the moderation log has no key, and replies to nothing')
      return appended.entry.id
    },
    get: async (id) => {
      const { ms, seq } = splitId(id)
      const { entries } = await engine.read(MODERATION_ROOM, { before: `${ms}-${seq + 1}`, limit: 1 })
      return entries[0]?.id === id ? entries[0].event : undefined
    },
    read: (range) => engine.read(MODERATION_ROOM, range)
  })
}, { name: 'moderation-log', dependencies: ['engine'] })
