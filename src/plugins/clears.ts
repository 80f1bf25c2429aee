import { setImmediate as nextTurn } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { isSaid, type User } from '../chat/event.js'
import { ORIGIN, compareIds, splitId, type EventId } from '../chat/id.js'
import type { EventPlace } from '../engines/engine.js'
import type { Recorded } from './moderation-log.js'
import type { Session } from './sessions.js'

/** Events that one clear deletes at most. */
export const MAX_CLEARED = 500
/** Events read at once, and looked at in a room at most, where it is one, and where it is all rooms. */
const PAGE = 200
const LOOKED_AT_IN_ONE = 10_000
const LOOKED_AT_IN_EACH = 1_000
/** Rooms listed at once, and looked at at once. */
const ROOMS_LISTED = 500
const ROOMS_AT_ONCE = 8
/** ms for which it is looked for what is to be deleted. */
const SEARCH_MS = 10_000

export interface Clear {
  /** `*` for every room. */
  room: string
  user: User
  /** So many, the newest; or what was said since a Unix time in ms. */
  which: { last: number } | { since: number }
  reason?: string
  /** Makes a retry safe. */
  once?: { key: string, wish: unknown }
}

export interface Cleared extends Recorded {
  deleted: number
  /** There may be more: not everywhere was looked, or more was found than is deleted at once. */
  more: boolean
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Deletes what a user has said last, as one action. @throws {EngineUnavailable} by rejection */
    clear (session: Session, clear: Clear): Promise<Cleared>
  }
}

interface Found {
  places: EventPlace[]
  /** All was looked at. */
  complete: boolean
}

/** Clearing a user's last messages: what takes long is done bit by bit, and for each moderator one after the other. */
export default fp(async (fastify) => {
  const { access, config: { UNDO_TIME }, engine, moderationLog, withdrawals } = fastify

  /** The newest of a user's messages in a room, newest first. */
  const search = async (room: string, userId: string, { most, since }: { most: number, since: number }, lookAt: number, end: number): Promise<Found> => {
    const places: EventPlace[] = []
    const quoted = JSON.stringify(userId)
    let before: EventId | undefined
    for (let looked = 0; looked < lookAt && performance.now() < end; looked += PAGE) {
      const { entries } = await engine.read(room, { limit: PAGE, ...(before !== undefined && { before }) })
      for (const entry of entries.toReversed()) {
        const { id, json } = entry
        if (splitId(id).ms < since) return { places, complete: true }
        // Most are others': it costs less to see that than to parse them.
        if (!json.includes(quoted)) continue
        const { event } = entry
        if (event.user.id !== userId || event.deleted !== undefined || !isSaid(event)) continue
        places.push({ room, id })
        if (places.length === most) return { places, complete: true }
      }
      if (entries.length < PAGE) return { places, complete: true }
      before = entries[0]!.id
      await nextTurn()
    }
    return { places, complete: false }
  }

  /** Those in which something was said since, the latest first. */
  const roomsSince = async (since: number, end: number): Promise<{ rooms: string[], complete: boolean }> => {
    const found: Array<{ room: string, head: EventId }> = []
    let complete = false
    for (let after: string | undefined; !complete && performance.now() < end;) {
      const page = await engine.rooms({ limit: ROOMS_LISTED, ...(after !== undefined && { after }) })
      for (const { room, head } of page) if (head !== ORIGIN && splitId(head).ms >= since) found.push({ room, head })
      complete = page.length < ROOMS_LISTED
      after = page.at(-1)?.room
      await nextTurn()
    }
    return { rooms: found.sort((a, b) => compareIds(b.head, a.head)).map(({ room }) => room), complete }
  }

  const searchAll = async (userId: string, wish: { most: number, since: number }, end: number): Promise<Found> => {
    const { rooms, complete: allListed } = await roomsSince(wish.since, end)
    let complete = allListed
    let places: EventPlace[] = []
    for (let from = 0; from < rooms.length; from += ROOMS_AT_ONCE) {
      if (performance.now() > end) return { places, complete: false }
      const found = await Promise.all(rooms.slice(from, from + ROOMS_AT_ONCE).map((room) => search(room, userId, wish, LOOKED_AT_IN_EACH, end)))
      complete &&= found.every(({ complete }) => complete)
      places.push(...found.flatMap(({ places }) => places))
      places = places.sort((a, b) => compareIds(b.id, a.id)).slice(0, wish.most)
    }
    return { places, complete }
  }

  const clear = async (session: Session, { room, user, which, reason, once }: Clear): Promise<Cleared> => {
    const wish = 'last' in which ? { last: which.last } : { since: new Date(which.since).toISOString() }
    const recorded = await moderationLog.record('clear', session.user, { room, reach: access.reach(session, room), user, ...wish, ...(reason !== undefined && { reason }) }, once)
    const { action, repeated } = recorded
    if (repeated && await moderationLog.wasUndone(action.id)) return { ...recorded, deleted: 0, more: false }
    // What an earlier try has deleted counts: the next ones after that were not meant.
    const before = repeated ? await withdrawals.count(action.id) : 0
    const { last = MAX_CLEARED, since } = action.data as { last?: number, since?: string }
    const end = performance.now() + SEARCH_MS
    const asked = { most: last - before, since: since === undefined ? 0 : Date.parse(since) }
    const { places, complete } = asked.most <= 0
      ? { places: [], complete: true }
      : room === '*' ? await searchAll(user.id, asked, end) : await search(room, user.id, asked, LOOKED_AT_IN_ONE, end)
    const deleted = await withdrawals.withdrawAll(places, action, UNDO_TIME)
    return { ...recorded, deleted: before + deleted, more: !complete || (since !== undefined && places.length === asked.most) }
  }

  /** The last of each moderator's, by id. */
  const turns = new Map<string, Promise<unknown>>()
  fastify.decorate('clear', (session, wish) => {
    const { id } = session.user
    const clearing = (turns.get(id) ?? Promise.resolve()).then(() => clear(session, wish))
    const done = clearing.then(() => {}, () => {}).then(() => { if (turns.get(id) === done) turns.delete(id) })
    turns.set(id, done)
    return clearing
  })
}, { name: 'clears', dependencies: ['access', 'config', 'engine', 'moderation-log', 'withdrawals'] })
