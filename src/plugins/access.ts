import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { allows, allowsEverywhere, includes, type Grants, type Right } from '../chat/rights.js'
import { errors } from '../errors.js'
import type { Restriction } from './restrictions.js'
import type { Session } from './sessions.js'

/** What somebody may not do, in the words of a refusal. */
const DEEDS: Record<Right, string> = { read: 'read', write: 'write', moderate: 'moderate' }

export interface Access {
  /** Whether somebody, who may have no session, has a right in a room. Nothing is said of bans. */
  may (session: Session | undefined, right: Right, room: string): boolean
  /** Why somebody cannot do something in a room, undefined where they can. @param address as its hash */
  refusal (session: Session | undefined, right: Right, room: string, address: string): Error | undefined
  /** @throws from the catalogue what `refusal` says */
  check (session: Session | undefined, right: Right, room: string, request: FastifyRequest): void
  /** Whether somebody may write in a room by a right that is for it by name, and not because everybody may. */
  isMember (session: Session, room: string): boolean
  /** Whether somebody moderates every room there is or will be, and so this place. */
  moderatesAll (session: Session | undefined): boolean
  /** Whether somebody moderates all rooms of these, and so can give others rights there. */
  moderates (session: Session, grants: Grants): boolean
  /** @throws {errors.Banned} where nobody new comes in from this address */
  checkNewcomer (request: FastifyRequest): void
}

declare module 'fastify' {
  interface FastifyInstance {
    access: Access
  }
}

/** Who may do what. */
export default fp(async (fastify) => {
  const { config: { ACCESS }, hashOfAddress, members, restrictions, rooms } = fastify

  /** What somebody may by name, be it a room's or several's. */
  function * named (session: Session): Generator<Grants, void, void> {
    if (session.grants !== undefined) yield session.grants
    yield * members.grantsOf(session.user.id)
  }

  /** Whether it is enough that a room is not private. */
  const isPublic = (session: Session | undefined): boolean =>
    session?.grants === undefined && (ACCESS === 'open' || (session !== undefined && session.kind !== 'guest'))

  const has = (session: Session, right: Right, room: string): boolean => {
    if (session.kind === 'operator') return true
    for (const grants of named(session)) if (allows(grants, right, room)) return true
    return false
  }

  const may: Access['may'] = (session, right, room) => {
    if (session !== undefined && has(session, right, room)) return true
    return right !== 'moderate' && isPublic(session) && !rooms.isPrivate(room)
  }

  const knows = (session: Session | undefined, room: string): boolean => may(session, 'read', room) || may(session, 'write', room)

  const refusal: Access['refusal'] = (session, right, room, address) => {
    if (!rooms.exists(room) || !knows(session, room)) {
      const stranger = session === undefined || (session.kind === 'guest' && members.grantsOf(session.user.id)[Symbol.iterator]().next().done === true)
      return ACCESS === 'token' && stranger ? new errors.TokenRequired() : new errors.RoomUnknown(room)
    }
    if (!may(session, right, room)) return new errors.Forbidden(`${DEEDS[right]} in the room "${room}"`)
    if (session?.kind === 'operator') return undefined
    const asking = { ...(session !== undefined && { user: idOf(session) }), address }
    const ban = restrictions.find('ban', asking, room)
    if (ban !== undefined) return new errors.Banned(...words(ban))
    const mute = right === 'read' ? undefined : restrictions.find('mute', asking, room)
    if (mute !== undefined) return new errors.Muted(...words(mute))
    return undefined
  }

  fastify.decorate('access', {
    may,
    refusal,
    isMember: (session, room) => has(session, 'write', room),
    check: (session, right, room, request) => {
      const refused = refusal(session, right, room, hashOfAddress(request.ip))
      if (refused !== undefined) throw refused
    },
    moderatesAll: (session) => session?.kind === 'operator' || (session !== undefined && [...named(session)].some((grants) => allowsEverywhere(grants, 'moderate'))),
    moderates: (session, grants) => {
      const moderate = [...named(session)].flatMap((some) => some.moderate ?? [])
      return session.kind === 'operator' || includes({ moderate }, grants)
    },
    checkNewcomer: (request) => {
      const ban = restrictions.find('ban', { address: hashOfAddress(request.ip) }, '*')
      if (ban !== undefined) throw new errors.Banned(...words(ban))
    }
  })
}, { name: 'access', dependencies: ['addresses', 'config', 'members', 'restrictions', 'rooms'] })

function idOf ({ user: { id }, guestSince }: Session): { id: string, guestSince?: number } {
  return { id, ...(guestSince !== undefined && { guestSince }) }
}

/** Where, until when and why, in words. */
function words ({ room, until, reason }: Restriction): [where: string, until: string, reason: string] {
  return [room === '*' ? 'here' : `in the room "${room}"`, until ?? 'somebody lifts it', reason === '' ? 'no reason was given' : reason]
}
