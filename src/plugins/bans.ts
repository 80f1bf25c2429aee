import fp from 'fastify-plugin'
import type { User } from '../chat/event.js'
import type { Action, Recorded } from './moderation-log.js'
import type { Restriction } from './restrictions.js'
import type { Session } from './sessions.js'

type Kind = Restriction['kind']

/** What a ban or a mute is to be. */
export interface Wish {
  /** `*` for every room. */
  room: string
  user: User
  reason?: string
  /** ms; until somebody lifts it where not given. */
  ms?: number
  /** Guests who come from the user's addresses are restricted, too: for so many ms, and which these are, as hashes. */
  address?: { ms: number, hashes: readonly string[] }
  /** Makes a retry safe. */
  once?: { key: string, wish: unknown }
}

export interface Bans {
  /** Bans or mutes somebody. All that it is made of is one action. @throws {EngineUnavailable} by rejection */
  impose (kind: Kind, session: Session, wish: Wish): Promise<Recorded>
}

declare module 'fastify' {
  interface FastifyInstance {
    bans: Bans
  }
}

/** What is in the log of a ban or a mute: nothing of the addresses but until when. */
interface Imposed {
  room: string
  reach: string | undefined
  user: User
  reason?: string
  until?: string
  address?: { until: string }
}

/** The restriction of the addresses that goes with that of a user, whose id is the action's. */
export function ofAddress (id: string): string {
  return `${id}.address`
}

/** Bans and mutes, and lifting them. */
export default fp(async (fastify) => {
  const { access, moderationLog, restrictions, roomNews, undoing } = fastify

  const until = (ms: number): string => new Date(Date.now() + ms).toISOString()

  const put = async (id: string, restriction: Restriction): Promise<void> => {
    const ttl = restriction.until === undefined ? undefined : Date.parse(restriction.until) - Date.now()
    if (ttl === undefined || ttl > 0) await restrictions.put(id, restriction, ttl)
  }

  const apply = async ({ id, user: by, data }: Action, kind: Kind, addresses: readonly string[]): Promise<void> => {
    const { room, reach, user, reason, until, address } = data as unknown as Imposed
    const common = { kind, room, reason: reason ?? '', by, at: new Date().toISOString(), ...(reach !== undefined && { reach }) }
    // First the addresses: whoever is sent off and comes back as somebody new at once finds the door closed.
    if (address !== undefined && addresses.length > 0) await put(ofAddress(id), { ...common, addresses, until: address.until })
    await put(id, { ...common, user, ...(until !== undefined && { until }) })
    if (room === '*') return // Told where the user is.
    const said = { user, ...(until !== undefined && { until }), ...(reason !== undefined && { reason }), action: id }
    await roomNews.tell(room, id, { type: kind, user: by, data: said })
  }

  for (const kind of ['ban', 'mute'] as const) {
    undoing.on(kind, async ({ id, data }) => {
      const { room, user } = data as unknown as Imposed
      const ids = [id, ofAddress(id)]
      const held = await Promise.all(ids.map((id) => restrictions.stored(id)))
      if (held.every((restriction) => restriction === undefined)) return 'it has been lifted, or its time is over'
      return async ({ user: by }) => {
        for (const id of ids) await restrictions.lift(id, by)
        if (room !== '*') await roomNews.tell(room, id, { type: `un${kind}`, user: by, data: { user, action: id } })
        return undefined
      }
    })
  }

  fastify.decorate('bans', {
    impose: async (kind, session, { room, user, reason, ms, address, once }) => {
      const imposed: Imposed = {
        room,
        reach: access.reach(session, room),
        user,
        ...(reason !== undefined && { reason }),
        ...(ms !== undefined && { until: until(ms) }),
        ...(address !== undefined && { address: { until: until(address.ms) } })
      }
      const recorded = await moderationLog.record(kind, session.user, { ...imposed }, once)
      // What somebody has lifted since is not done again by a retry.
      if (!recorded.repeated || !(await moderationLog.wasUndone(recorded.action.id))) {
        // A retry closes what was closed: the user may come from elsewhere by now.
        const closed = recorded.repeated ? (await restrictions.stored(ofAddress(recorded.action.id)))?.addresses : undefined
        await apply(recorded.action, kind, closed ?? address?.hashes ?? [])
      }
      return recorded
    }
  })
}, { name: 'bans', dependencies: ['access', 'moderation-log', 'restrictions', 'room-news', 'undoing'] })
