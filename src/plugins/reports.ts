import { setImmediate as turn } from 'node:timers/promises'
import fp from 'fastify-plugin'
import type { ChatEvent, User } from '../chat/event.js'
import { compareIds, type EventId } from '../chat/id.js'
import { allDocuments, type EventPlace } from '../engines/engine.js'
import { errors } from '../errors.js'
import type { Session } from './sessions.js'

/** ms for which a report is kept. */
const KEPT_MS = 30 * 24 * 60 * 60 * 1000
/** Open reports of a room at most: what is beyond is refused until its moderators have seen to some. */
export const MAX_OPEN = 500
/** Users who have reported an event of whom it is kept who they are and why, and who count. */
export const MAX_NAMED = 10
const MAX_COUNTED = 100
/** Documents read at once: most events have few reporters, and most rooms few reports. */
const AT_ONCE = 20
/** s after which to ask again where a room has as many open reports as it may. */
const FULL_RETRY_S = 3_600

/** Documents of events that are reported, by room and id: since when. */
const OPEN = 'report'
/** Documents of who has reported them, by room, event's id and user: each is one of its own, so that no node undoes what another one stores. */
const REPORTER = 'reporter'

/** What is kept of one user's report of an event. */
interface Kept {
  /** RFC 3339, UTC. */
  at: string
  /** Of the event. */
  author: string
  /** Missing for those who only count. */
  user?: User
  reason?: string
  /** A moderator has seen to it. It is kept so that the same user does not open it again. */
  settled?: true
}

/** An event that was reported, and waits for a moderator. */
export interface Report {
  id: EventId
  /** When it was reported first; RFC 3339, UTC. */
  at: string
  room: string
  /** As it is now. */
  event: ChatEvent
  /** Those who did first. */
  by: User[]
  /** How many did. */
  count: number
  reasons: string[]
}

/** What a user has reported. */
export interface Reported extends EventPlace {
  at: string
  reason?: string
}

export interface Reports {
  /**
   * Tells a room's moderators of an event. @returns whether that is new of this user
   * @throws {errors.TooManyRequests} by rejection, where as many wait for them as may
   * @throws {EngineUnavailable} by rejection
   */
  report (event: ChatEvent, user: User, reason: string | undefined): Promise<boolean>
  /** The open ones of a room, the oldest event first, those after `after`. @throws {EngineUnavailable} by rejection */
  open (room: string, after?: EventId): AsyncGenerator<Report, void, void>
  /** How many these are. @throws {EngineUnavailable} by rejection */
  count (room: string): Promise<number>
  /** A moderator has seen to it. @returns whether there was one @throws {EngineUnavailable} by rejection */
  settle (place: EventPlace, session: Session): Promise<boolean>
  /** What a user has reported, as far as it is kept. @throws {EngineUnavailable} by rejection */
  by (userId: string): AsyncGenerator<Reported, void, void>
  /** Removes what a user has reported, and what others have of the user. @throws {EngineUnavailable} by rejection */
  forget (userId: string): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    reports: Reports
  }
}

/** What people tell a room's moderators of. What has been deleted or trimmed since is settled by itself: it is let go when somebody looks. */
export default fp(async (fastify) => {
  const { access, engine: { documents }, moderationLog, rates, withdrawals } = fastify

  const reportersOf = async (place: EventPlace): Promise<Map<string, Kept>> => {
    const prefix = `${idOf(place)} `
    const found = new Map<string, Kept>()
    for await (const { id, value } of allDocuments<Kept>(documents, REPORTER, prefix, AT_ONCE)) found.set(id.slice(prefix.length), value)
    return found
  }

  const letGo = async (place: EventPlace): Promise<void> => {
    await documents.delete(OPEN, idOf(place))
    for (const userId of (await reportersOf(place)).keys()) await documents.delete(REPORTER, `${idOf(place)} ${userId}`)
  }

  /** Events of a room that are reported and still there. */
  async function * standing (room: string, after?: EventId): AsyncGenerator<{ at: string, event: ChatEvent }, void, void> {
    const prefix = `${room} `
    const found: Array<{ id: EventId, at: string }> = []
    for await (const { id, value: { at } } of allDocuments<{ at: string }>(documents, OPEN, prefix, AT_ONCE)) found.push({ id: id.slice(prefix.length), at })
    for (const { id, at } of found.sort((a, b) => compareIds(a.id, b.id))) {
      if (after !== undefined && compareIds(id, after) <= 0) continue
      const event = await withdrawals.find({ room, id })
      // Where that cannot be now, somebody looks again.
      if (event === undefined || event.deleted !== undefined) await letGo({ room, id }).catch(() => {})
      else yield { at, event }
      await turn()
    }
  }

  const count: Reports['count'] = async (room) => {
    let open = 0
    for await (const _ of standing(room)) open++
    return open
  }

  /** @throws {errors.TooManyRequests} by rejection, where as many are open as may */
  const checkRoom = async (room: string): Promise<void> => {
    const last = (await documents.list(OPEN, { after: `${room} `, limit: MAX_OPEN }))[MAX_OPEN - 1]
    if (last?.id.startsWith(`${room} `) !== true || await count(room) < MAX_OPEN) return
    await rates.refuse('open-reports-per-room', new errors.TooManyRequests('reports that this room\'s moderators have not seen to yet', FULL_RETRY_S), FULL_RETRY_S)
  }

  fastify.decorate('reports', {
    report: async (event, user, reason) => {
      const id = idOf(event)
      const reporters = await reportersOf(event)
      const before = reporters.get(user.id)
      if (before?.settled === true || (before === undefined && reporters.size >= MAX_COUNTED)) return false
      const isOpen = await documents.get(OPEN, id) !== undefined
      if (!isOpen) await checkRoom(event.room)
      const open = [...reporters.values()].filter(({ settled }) => settled !== true)
      const kept: Kept = { at: new Date().toISOString(), author: event.user.id, ...(open.length < MAX_NAMED && { user, ...(reason !== undefined && { reason }) }) }
      // Before it is opened: what is open has somebody who has reported it.
      const stored = before ?? await documents.put<Kept>(REPORTER, `${id} ${user.id}`, kept, { ttl: KEPT_MS, ifAbsent: true })
      if (!isOpen) await documents.put(OPEN, id, { at: stored.at }, { ttl: KEPT_MS, ifAbsent: true })
      return before === undefined && stored.at === kept.at
    },
    open: async function * (room, after) {
      for await (const { at, event } of standing(room, after)) {
        const reporters = [...(await reportersOf(event)).values()].filter(({ settled }) => settled !== true).sort((a, b) => a.at.localeCompare(b.at))
        const named = reporters.filter(({ user }) => user !== undefined).slice(0, MAX_NAMED)
        const reasons = [...new Set(named.flatMap(({ reason }) => reason ?? []))]
        if (reporters.length > 0) yield { id: event.id, at, room, event, by: named.map(({ user }) => user!), count: reporters.length, reasons }
      }
    },
    count,
    settle: async (place, session) => {
      const { room, id } = place
      if (await documents.get(OPEN, idOf(place)) === undefined) return false
      const event = await withdrawals.find(place)
      if (event === undefined || event.deleted !== undefined) {
        await letGo(place)
        return false
      }
      await moderationLog.record('settle', session.user, { room, reach: access.reach(session, room), event: id, user: event.user })
      const seen = await reportersOf(place)
      await documents.delete(OPEN, idOf(place))
      for (const [userId, kept] of seen) if (kept.settled !== true) await documents.replace<Kept>(REPORTER, `${idOf(place)} ${userId}`, { ...kept, settled: true }, { ttl: KEPT_MS })
      // Reported once more in between: nobody has seen to that.
      const others = [...(await reportersOf(place)).values()].filter(({ settled }) => settled !== true)
      if (others.length > 0) await documents.put(OPEN, idOf(place), { at: others[0]!.at }, { ttl: KEPT_MS, ifAbsent: true })
      return true
    },
    by: async function * (userId) {
      for await (const { id, value: { at, reason } } of allDocuments<Kept>(documents, REPORTER)) {
        const [room, event, reporter] = id.split(' ') as [string, EventId, string]
        if (reporter === userId) yield { room, id: event, at, ...(reason !== undefined && { reason }) }
      }
    },
    forget: async (userId) => {
      const touched = new Map<string, EventPlace>()
      for await (const { id: key, value: { author } } of allDocuments<Kept>(documents, REPORTER)) {
        const [room, id, reporter] = key.split(' ') as [string, EventId, string]
        if (reporter !== userId && author !== userId) continue
        await documents.delete(REPORTER, key)
        touched.set(idOf({ room, id }), { room, id })
      }
      for (const [id, place] of touched) {
        const left = [...(await reportersOf(place)).values()]
        if (left.every(({ settled }) => settled === true)) await documents.delete(OPEN, id)
      }
    }
  })
}, { name: 'reports', dependencies: ['access', 'engine', 'moderation-log', 'rates', 'withdrawals'] })

/** Those of a room, and of an event, are one after the other: neither a room nor an id holds a space, nor does a user's. */
function idOf ({ room, id }: EventPlace): string {
  return `${room} ${id}`
}
