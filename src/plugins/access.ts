import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { allows, allowsEverywhere, answerable, includes, isWithin, overlap, reachIn, type Grants, type Right } from '../chat/rights.js'
import { errors } from '../errors.js'
import type { Asking, Restriction } from './restrictions.js'
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
  /** Whether there is, or could be, a room in which somebody has a right. Nothing is said of bans. */
  anywhere (session: Session | undefined, right: Right): boolean
  /** Whether somebody may write in a room by a right that is for it by name, and not because everybody may. */
  isMember (session: Session, room: string): boolean
  /** Whether somebody moderates every room there is or will be, and so this place, and is not restricted here. */
  moderatesAll (session: Session | undefined): boolean
  /** Whether somebody moderates all rooms of these, and so can give others rights there, and is restricted in none. */
  moderates (session: Session, grants: Grants): boolean
  /** @throws from the catalogue where somebody may not moderate in a room or, as `*`, in all */
  checkModerator (session: Session, room: string, request: FastifyRequest): void
  /** As far as somebody's restrictions reach who moderates a room: undefined for the operator's, which reach everybody. */
  reach (session: Session, room: string): string | undefined
  /** Whether somebody moderates a room as far as whoever's reach this is. */
  reaches (session: Session, reach: string, room: string): boolean
  /** Whether somebody moderates more than whoever has these rights, as far as a room is concerned. */
  outranks (session: Session, grants: Iterable<Grants>, room: string): boolean
  /** @throws {errors.Banned} where somebody, who may have no session yet, is banned in one of these rooms, and so is not invited to it */
  checkInvited (session: Session | undefined, rooms: string, request: FastifyRequest): void
  /** Whether one of those who have given a right, in one of these rooms, is banned there: then it is not to be had. */
  isFromBanned (makers: readonly string[], rooms: string): boolean
  /** @throws {errors.Banned} {errors.Muted} where somebody is restricted everywhere, and so may not take another name to speak by */
  checkName (session: Session, request: FastifyRequest): void
  /** Who asks, for restrictions. */
  asking (session: Session, request: FastifyRequest): Asking
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
    return restrictionOf(session, right, room, address)
  }

  const reaches: Access['reaches'] = (session, reach, room) => {
    const mine = reachIn(named(session), room)
    return session.kind === 'operator' || (mine !== undefined && isWithin(reach, mine))
  }

  /** Nobody is restricted by who moderates no more than they do: it may not have been known what they moderate. */
  const binds = (session: Session, room: string, { reach }: Restriction): boolean => reach === undefined || !reaches(session, reach, room)

  // A program is bound by the restrictions of its makers, too, or it would be a way around them.
  const restrictionOf = (session: Session | undefined, right: Right, room: string, address: string): Error | undefined => {
    if (session?.kind === 'operator') return undefined
    for (const id of session === undefined ? [undefined] : answerable(session)) {
      const asking: Asking = { ...(session !== undefined && { user: { ...idOf(session), id: id! }, binds: (restriction) => binds(session, room, restriction) }), address }
      const ban = restrictions.find('ban', asking, room)
      if (ban !== undefined) return new errors.Banned(...words(ban))
      const mute = right === 'read' ? undefined : restrictions.find('mute', asking, room)
      if (mute !== undefined) return new errors.Muted(...words(mute))
    }
    return undefined
  }

  const restrictionsOf = (session: Session): Restriction[] => answerable(session).flatMap((id) => [...restrictions.of(id)])

  /** Whether a user is restricted, as such and whatever the address, in a room of these. */
  const isRestricted = (session: Session, rooms: readonly string[]): boolean =>
    rooms.some((glob) => restrictionsOf(session).some((restriction) => overlap(restriction.room, glob) && binds(session, glob, restriction)))

  const moderatesAll: Access['moderatesAll'] = (session) => {
    if (session === undefined || session.kind === 'operator') return session !== undefined
    return [...named(session)].some((grants) => allowsEverywhere(grants, 'moderate')) &&
      !restrictionsOf(session).some((restriction) => restriction.room === '*' && binds(session, '*', restriction))
  }

  fastify.decorate('access', {
    may,
    refusal,
    anywhere: (session, right) => session?.kind === 'operator' || (right !== 'moderate' && isPublic(session)) ||
      (session !== undefined && [...named(session)].some((grants) => [grants[right], grants.moderate].some((rooms = []) => rooms.length > 0))),
    isMember: (session, room) => has(session, 'write', room),
    check: (session, right, room, request) => {
      const refused = refusal(session, right, room, hashOfAddress(request.ip))
      if (refused !== undefined) throw refused
    },
    moderatesAll,
    moderates: (session, grants) => {
      if (session.kind === 'operator') return true
      const moderate = [...named(session)].flatMap((some) => some.moderate ?? [])
      return includes({ moderate }, grants) && !isRestricted(session, Object.values(grants).flat())
    },
    checkModerator: (session, room, request) => {
      const address = hashOfAddress(request.ip)
      const refused = room !== '*'
        ? refusal(session, 'moderate', room, address)
        : restrictionOf(session, 'moderate', room, address) ?? (moderatesAll(session) ? undefined : new errors.Forbidden('do this in every room; name one that you moderate'))
      if (refused !== undefined) throw refused
    },
    reach: (session, room) => session.kind === 'operator' ? undefined : reachIn(named(session), room),
    reaches,
    outranks: (session, grants, room) => {
      if (session.kind === 'operator') return true
      const [mine, theirs] = [reachIn(named(session), room), reachIn(grants, room)]
      return mine !== undefined && (theirs === undefined || (isWithin(theirs, mine) && mine !== theirs))
    },
    checkInvited: (session, rooms, request) => {
      if (session?.kind === 'operator') return
      const held = session === undefined ? [] : restrictionsOf(session)
      const ban = held.find((restriction) => restriction.kind === 'ban' && overlap(restriction.room, rooms) && binds(session!, rooms, restriction)) ??
        restrictions.find('ban', { address: hashOfAddress(request.ip), ...(session !== undefined && { user: idOf(session), binds: (restriction: Restriction) => binds(session, rooms, restriction) }) }, rooms)
      if (ban !== undefined) throw new errors.Banned(...words(ban))
    },
    isFromBanned: (makers, rooms) =>
      makers.some((id) => [...restrictions.of(id)].some(({ kind, room }) => kind === 'ban' && overlap(room, rooms))),
    checkName: (session, request) => {
      const refused = restrictionOf(session, 'write', '*', hashOfAddress(request.ip))
      if (refused !== undefined) throw refused
    },
    asking: (session, request) => ({ user: idOf(session), address: hashOfAddress(request.ip) }),
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
