import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import fp from 'fastify-plugin'
import { DELETE, EDIT, type Change, type ChatEvent, type Entry, type User } from '../chat/event.js'
import { ORIGIN } from '../chat/id.js'
import { nameKeys } from '../chat/look-alikes.js'
import { SPOKEN } from '../chat/spoken-names.js'
import { allDocuments, type Stray } from '../engines/engine.js'
import { ROOM_MADE } from './limits.js'
import { MODERATION_ROOM } from './moderation-log.js'
import { OPERATOR } from './sessions.js'

/** The name of who wants to be forgotten. Id and tag stay: order and authorship are the log's. */
const ERASED = 'erased'
/** Rooms and events read at once. */
const ROOMS = 100
const EVENTS = 500
const PAGE_BYTES = 1_000_000
/** ms after which nothing is under way any more that began when the user's tokens were still good: a store answers sooner, or never. */
const SETTLE_MS = 2_000
/** Amendments under way at once: posts come between them. */
const AT_ONCE = 32

export interface Erased {
  /** Events whose content is gone, or whose author's name. */
  events: number
  /** Rooms that they were in. */
  rooms: number
  /** Rooms that cannot be read, and may hold something of the user. */
  unreadable: string[]
}

export interface PersonalData {
  /**
   * All that is kept of a user: `{ record, … }`, one after the other, with the rooms that cannot be read. The last one is
   * `{ record: 'end', complete }`: without it, it has ended in the middle.
   * @throws {EngineUnavailable} by rejection
   */
  export (userId: string): AsyncGenerator<object, void, void>
  /**
   * Removes it, but for what the moderation log says. The user's tokens are good no more, nor what the user has given to others, and
   * open pages drop what was said. What is erased already is passed over, so it can be done again where it was interrupted.
   * @throws {EngineUnavailable} by rejection
   */
  erase (userId: string): Promise<Erased>
}

declare module 'fastify' {
  interface FastifyInstance {
    personalData: PersonalData
  }
}

/** What is kept of a person: what was said, under which names, from where. It goes through all rooms, and lets others have their turn. */
export default fp(async (fastify) => {
  const { broadcaster, engine, givenRights, members, moderationLog, reports, restrictions, revocations, sessions, whereabouts, withdrawals } = fastify
  const { documents } = engine

  const spoilt = async (): Promise<string[]> => await engine.strays?.rooms() ?? []

  async function * rooms (unreadable: readonly string[]): AsyncGenerator<string, void, void> {
    for (let after: string | undefined; ;) {
      const some = await engine.rooms({ limit: ROOMS, ...(after !== undefined && { after }) })
      for (const { room } of some) if (!unreadable.includes(room)) yield room
      if (some.length < ROOMS) return
      after = some.at(-1)!.room
    }
  }

  /** Pages of a room's events, the oldest first. */
  async function * pages (room: string): AsyncGenerator<Entry[], void, void> {
    for (let after = ORIGIN; ;) {
      const { entries, head } = await engine.read(room, { after, limit: EVENTS, bytes: PAGE_BYTES })
      if (entries.length === 0) return
      yield entries
      after = entries.at(-1)!.id
      if (after === head) return
      await turn()
    }
  }

  /** Rooms that a user has made. */
  async function * made (userId: string): AsyncGenerator<{ id: string, room: string }, void, void> {
    const prefix = `${userId} `
    for await (const { id } of allDocuments(documents, ROOM_MADE, prefix)) yield { id, room: id.slice(prefix.length) }
  }

  /** Also what others have said of the user, by name: moderators' events in rooms. */
  const concerns = ({ user, data }: ChatEvent, userId: string): boolean => user.id === userId || (data?.['user'] as User | undefined)?.id === userId

  async function erase (userId: string): Promise<Erased> {
    // First, so that nothing is said any more while it is erased; what has been asked for by then, comes to its end.
    await revocations.revoke({ userId }, OPERATOR)
    await delay(SETTLE_MS)
    await givenRights.takeBackOf(userId, OPERATOR)
    // What a moderator has deleted is not to be brought back.
    await withdrawals.forget(userId)
    const unreadable = await spoilt()
    const erased: Erased = { events: 0, rooms: 0, unreadable }
    const names = new Set<string>()
    for await (const room of rooms(unreadable)) {
      const before = erased.events
      for await (const entries of pages(room)) {
        const theirs = entries.map(({ event }) => event).filter((event) => event.user.id === userId)
        for (const event of theirs) for (const name of namesIn(event)) names.add(name)
        const due = theirs.filter((event) => event.user.name !== ERASED || event.message !== undefined || (isAnnouncement(event) ? event.data?.['reason'] : event.data) !== undefined)
        while (due.length > 0) {
          const amended = await Promise.all(due.splice(0, AT_ONCE).map((event) => eraseEvent(room, event)))
          erased.events += amended.filter((done) => done).length
          await broadcaster.keepPace(room)
        }
      }
      if (erased.events > before) erased.rooms++
    }
    for await (const { room, id, content } of strays(userId)) {
      for (const name of namesIn(content)) names.add(name)
      await engine.strays!.drop({ room, id })
      erased.events++
    }
    for (const name of names) {
      const keys = nameKeys(name)
      for (const key of keys) if (await documents.get(SPOKEN, key) === userId) await documents.delete(SPOKEN, key)
      await engine.nodes?.names.release(keys, userId)
    }
    // Nor what one has deleted meanwhile.
    await withdrawals.forget(userId)
    await reports.forget(userId)
    await documents.delete('name', userId)
    for await (const { id } of made(userId)) await documents.delete(ROOM_MADE, id)
    await whereabouts.forget(userId)
    await members.forget(userId, OPERATOR)
    sessions.forget()
    return erased
  }

  async function * strays (userId: string): AsyncGenerator<Stray, void, void> {
    if (engine.strays !== undefined) yield * engine.strays.of(userId)
  }

  async function eraseEvent (room: string, { id, type }: ChatEvent): Promise<boolean> {
    const after = broadcaster.head(room)
    const { status } = await engine.amend({
      room,
      id,
      change: (event) => ({
        user: { name: ERASED },
        ...(isAnnouncement(event) ? withoutReason(event) : { message: null, data: null, deleted: later(event.deleted) })
      }),
      announcement: { type: DELETE, user: OPERATOR, data: { id } },
      ...(after !== undefined && { after })
    })
    return status === 'amended' && type !== DELETE
  }

  fastify.decorate('personalData', {
    export: async function * (userId) {
      const name = await documents.get<string>('name', userId)
      if (name !== undefined) yield { record: 'name', name }
      for (const { hash, at, name } of await whereabouts.of(userId)) yield { record: 'address', keyedHash: hash, at, name }
      for await (const { room } of made(userId)) yield { record: 'room-made', room }
      for (const { makers: _, ...membership } of members.of(userId)) yield { record: 'membership', ...membership }
      for (const [id, { hash: _, makers: __, ...token }] of givenRights.tokensOf(userId)) yield { record: 'token', id, ...token }
      for (const [id, { makers: _, ...invite }] of givenRights.invitesOf(userId)) yield { record: 'invitation', id, ...invite }
      for await (const { invite } of members.placesOf(userId)) yield { record: 'invitation-used', invite }
      for (const [id, restriction] of restrictions.entries()) if (restriction.user?.id === userId) yield { record: 'restriction', id, ...restriction }
      for await (const { id, value } of withdrawals.of(userId)) yield { record: 'withdrawn', ...value, action: id.split(' ', 1)[0] }
      for await (const report of reports.by(userId)) yield { record: 'report', ...report }
      for await (const entries of pages(MODERATION_ROOM)) {
        for (const { event } of entries) if (concerns(event, userId)) yield { record: 'moderation', ...event }
      }
      const unreadable = await spoilt()
      for await (const room of rooms(unreadable)) {
        for await (const entries of pages(room)) for (const { event } of entries) if (concerns(event, userId)) yield { record: 'event', ...event }
      }
      for await (const { room, id, content } of strays(userId)) yield { record: 'stray', room, id, ...content }
      for (const room of unreadable) yield { record: 'unreadable', room }
      yield { record: 'end', complete: unreadable.length === 0 }
    },
    erase: async (userId) => {
      await moderationLog.record('erasure', OPERATOR, { user: { id: userId } })
      return erase(userId)
    }
  })
}, { name: 'personal-data', dependencies: ['broadcaster', 'engine', 'given-rights', 'members', 'moderation-log', 'reports', 'restrictions', 'revocations', 'sessions', 'whereabouts', 'withdrawals'] })

/** The names that an event tells of its author. */
function namesIn ({ user: { name }, data }: Pick<ChatEvent, 'user' | 'data'>): string[] {
  return [name, data?.['from'], data?.['to']].filter((one) => typeof one === 'string')
}

/** What announces an amendment says which event it is about, and of a moderator's deletion by which action and why: only that is the author's. */
function withoutReason ({ type, data: { reason: _, ...data } = {} }: ChatEvent): Change {
  return type === DELETE ? { data } : {}
}

function isAnnouncement ({ type }: ChatEvent): boolean {
  return type === DELETE || type === EDIT
}

/** Now, and in any case after what was before: an undoing that is under way brings back only what is deleted as it was. */
function later (before: string | undefined): string {
  return new Date(Math.max(Date.now(), before === undefined ? 0 : Date.parse(before) + 1)).toISOString()
}
