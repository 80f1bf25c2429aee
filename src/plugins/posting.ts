import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import { ORIGIN } from '../chat/id.js'
import { hasLink } from '../chat/links.js'
import { inWords } from '../duration.js'
import { errors } from '../errors.js'
import type { Session } from './sessions.js'

/** Rooms that are known to hold an event, and need not be looked at again. */
const ROOMS_KNOWN = 50_000

/** What somebody wants to say. */
export interface Saying {
  room: string
  message?: string | undefined
  data?: Record<string, unknown> | undefined
  replyTo?: string | undefined
  /** Under which a retry is the same post. */
  key?: string | undefined
}

export interface Posting {
  /**
   * Lets somebody speak: who that is, where nothing speaks against it. A guest is made only then, and nothing is stored before.
   * @throws from the catalogue, by rejection
   */
  admit (request: FastifyRequest, reply: FastifyReply, saying: Saying): Promise<Session>
  /** The same for what is already said and shall be changed: nothing of its pace. @throws from the catalogue */
  checkContent (session: Session | undefined, saying: Saying): void
  /** That somebody is among those who post in the room. @throws {errors.ReadOnly} */
  checkRoom (session: Session | undefined, room: string): void
  /** That there is no link in it, for whom that is too early. @throws {errors.LinkTooEarly} */
  checkLinks (session: Session | undefined, said: Pick<Saying, 'message' | 'data'>): void
  /** s that somebody waits between two messages in a room; 0 where it has no slow mode, or none for this one. */
  slowMode (session: Session | undefined, room: string): number
}

declare module 'fastify' {
  interface FastifyInstance {
    posting: Posting
  }
}

/** Who may say what, where, how often. */
export default fp(async (fastify) => {
  const { access, blockedWords, broadcaster, config: { LINK_AFTER }, engine, limits, registry, rooms, sessions } = fastify
  const known = new Lru<true>(ROOMS_KNOWN)

  const moderates = (session: Session | undefined, room: string): boolean => access.may(session, 'moderate', room)

  /** Whether nobody has posted there yet. @throws {EngineUnavailable} by rejection */
  const isNew = async (room: string): Promise<boolean> => {
    if (known.get(room) !== undefined) return false
    const head = broadcaster.head(room) ?? (await engine.read(room, { limit: 1 })).head
    if (head !== ORIGIN) known.set(room, true)
    return head === ORIGIN
  }

  const checkLinks: Posting['checkLinks'] = (session, { message, data }) => {
    if (LINK_AFTER === 0 || (session !== undefined && session.kind !== 'guest')) return
    const left = LINK_AFTER - (session === undefined ? 0 : Date.now() - session.guestSince!)
    if (left > 0 && (hasLink(message ?? '') || (data !== undefined && hasLink(JSON.stringify(data))))) {
      throw new errors.LinkTooEarly(inWords(LINK_AFTER), Math.ceil(left / 1_000))
    }
  }

  const checkRoom: Posting['checkRoom'] = (session, room) => {
    const { posting = 'everybody' } = rooms.settings(room)
    if (posting === 'everybody' || moderates(session, room)) return
    if (posting === 'moderators') throw new errors.ReadOnly(room, 'moderators')
    if (session === undefined || !access.isMember(session, room)) throw new errors.ReadOnly(room, 'members')
  }

  const checkContent: Posting['checkContent'] = (session, { room, message, data }) => {
    checkRoom(session, room)
    if (moderates(session, room)) return
    const word = message === undefined ? undefined : blockedWords.find(message)
    if (word !== undefined) throw new errors.WordBlocked(word)
    checkLinks(session, { message, data })
  }

  const slowModeFor: Posting['slowMode'] = (session, room) => {
    const { slowMode = 0 } = rooms.settings(room)
    return slowMode > 0 && moderates(session, room) ? 0 : slowMode
  }

  fastify.decorate('posting', {
    checkContent,
    checkRoom,
    checkLinks,
    slowMode: slowModeFor,
    admit: async (request, reply, saying) => {
      const { room, message, key } = saying
      const before = await sessions.find(request, reply)
      access.check(before, 'write', room, request)
      // Whether there is such an event, is for readers to know.
      if (saying.replyTo !== undefined) access.check(before, 'read', room, request)
      checkContent(before, saying)
      const moderator = moderates(before, room)
      const making = !moderator && await isNew(room)
      if (making) checkRoomName(room)
      const slowMode = slowModeFor(before, room)
      const newcomer = before === undefined || (before.kind === 'guest' && Date.now() - before.guestSince! < slowMode * 1_000)
      await limits.post(request, { userId: before?.user.id, kind: before?.kind, room, message, key, slowMode, newcomer })
      const session = before ?? await sessions.findOrMake(request, reply)
      if (before === undefined && slowMode > 0) await limits.slowMode(request, room, session.user.id, slowMode)
      if (making) {
        await limits.newRoom(request, session.user.id, room)
        // It is made as soon as this is stored: what follows needs no look at the store.
        known.set(room, true)
      }
      return session
    }
  })

  /** A room is named as users are: not as if it were the host's own. */
  function checkRoomName (room: string): void {
    const word = blockedWords.find(room)
    if (word !== undefined) throw new errors.WordBlocked(word)
    if (registry.names.rules.isReserved(room, 'thing')) throw new errors.NameReserved(room)
  }
}, { name: 'posting', dependencies: ['access', 'blocked-words', 'broadcaster', 'config', 'engine', 'limits', 'registry', 'rooms', 'sessions'] })
