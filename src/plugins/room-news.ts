import fp from 'fastify-plugin'
import { ORIGIN } from '../chat/id.js'
import type { Draft } from '../chat/event.js'

/** Beside every user's: ids hold no space. */
const SCOPE = 'of moderators'

export interface RoomNews {
  /**
   * Tells a room what a moderator has done, by an event, once, whichever node does so and however often it is tried.
   * @param action the action's id in the moderation log
   * @throws {EngineUnavailable} by rejection
   */
  tell (room: string, action: string, draft: Draft): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    roomNews: RoomNews
  }
}

/** What moderators do, told where it concerns people: the rooms. */
export default fp(async (fastify) => {
  const { broadcaster, engine, log, registry, restrictions } = fastify

  const tell: RoomNews['tell'] = async (room, action, draft) => {
    const after = broadcaster.head(room)
    await engine.append({ room, draft, ...(after !== undefined && { after }), idempotency: { scope: SCOPE, key: `${draft.type} ${action}`, fingerprint: '' } })
  }

  // What holds in every room is told in those in which the user is, by the nodes through which that is so.
  restrictions.onChange(({ kind, room: where, user, reason, until, by: maker }, { id, turn, by = turn === 'came' ? maker : undefined }) => {
    if (where !== '*' || user === undefined || by === undefined || turn === 'kept') return
    const came = turn === 'came'
    const draft: Draft = { type: came ? kind : `un${kind}`, user: by, data: { user, ...(came && { reason, ...(until !== undefined && { until }) }), action: id } }
    for (const room of registry.roomsOf(user.id)) {
      tellIfItIs(room, id, draft).catch((error) => log.error({ err: error }, 'a room could not be told what a moderator has done'))
    }
  })
  /** A room that holds no event yet is not made for this. */
  const tellIfItIs = async (...[room, action, draft]: Parameters<RoomNews['tell']>): Promise<void> => {
    if ((await engine.read(room, { limit: 1 })).head !== ORIGIN) await tell(room, action, draft)
  }

  fastify.decorate('roomNews', { tell })
}, { name: 'room-news', dependencies: ['broadcaster', 'engine', 'registry', 'restrictions'] })
