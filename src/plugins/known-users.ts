import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { User } from '../chat/event.js'
import { tagOf } from '../chat/names.js'
import type { Grants } from '../chat/rights.js'
import { entryAt, type EventPlace } from '../engines/engine.js'
import { errors } from '../errors.js'
import { botOf } from './api-tokens.js'
import { OPERATOR, type Session } from './sessions.js'
import { current, type Whereabout } from './whereabouts.js'

/** Addresses of a user that matter at once, at most. */
const ADDRESSES = 20

/** Somebody who is, or lately was, here. */
export interface KnownUser {
  user: User
  guest: boolean
  /** From where the user may still come, as hashes: where there is a stream, and the latest, as far as that is kept. @throws {EngineUnavailable} by rejection */
  addresses (): Promise<string[]>
  /** What the user may by name, as far as it is known: of whose token another application signs, only while a stream is open here. */
  grants: Grants[]
}

/** How a moderator says whom an action is about: by id, or by something that the user has said. */
export interface Naming {
  user?: string
  event?: EventPlace
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Whom a moderator names.
     * @throws from the catalogue, by rejection
     */
    whom (naming: Naming, session: Session, request: FastifyRequest): Promise<KnownUser>
  }
}

/** There is no list of all users: one is known by being online, by what is kept of the last visit, or by what was said. */
export default fp(async (fastify) => {
  const { access, apiTokens, engine, members, openStreams, places, registry, sessions, whereabouts } = fastify

  /** @param seen the user as somebody has seen it */
  const find = async (userId: string, seen: User | undefined): Promise<KnownUser | undefined> => {
    const token = userId.startsWith('~') ? apiTokens.get(userId.slice(1)) : undefined
    if (token !== undefined) return { user: botOf(userId.slice(1), token), guest: false, addresses: async () => [], grants: [token.grants] }
    const online = registry.find(userId)
    const [seenAt, renamed] = await Promise.all([whereabouts.of(userId), sessions.nameOf(userId)])
    const [last] = seenAt
    const tag = tagOf(userId)
    const user = online ?? (last === undefined ? seen : { id: userId, name: renamed ?? last.name, tag })
    if (user === undefined) return undefined
    return {
      user,
      guest: last?.guest ?? (user.bot !== true),
      addresses: () => addressesOf(userId, seenAt),
      grants: [...members.grantsOf(userId), ...openStreams.grantsOf(userId)]
    }
  }

  const addressesOf = async (userId: string, seenAt: readonly Whereabout[]): Promise<string[]> => {
    const open = await Promise.all(seenAt.map(async (one) => (await places.behind(one.hash)).has(userId) ? [one] : []))
    return [...new Set([...open.flat(), ...current(seenAt)])].slice(0, ADDRESSES).map(({ hash }) => hash)
  }

  /** Who has said something. @throws from the catalogue, by rejection */
  const authorOf = async ({ room, id }: EventPlace, session: Session, request: FastifyRequest): Promise<User> => {
    access.check(session, 'read', room, request)
    const entry = await entryAt(engine, { room, id })
    if (entry === undefined || entry.event.user.id === '') throw new errors.EventUnknown(id, room)
    return entry.event.user
  }

  fastify.decorate('whom', async ({ user, event }, session, request) => {
    if ((user === undefined) === (event === undefined)) throw new errors.InvalidBody('it names "user" or "event", one of them')
    const seen = event && await authorOf(event, session, request)
    const userId = user ?? seen!.id
    if (userId === OPERATOR.id) throw new errors.Forbidden('restrict whoever runs this place')
    const known = await find(userId, seen)
    if (known === undefined) throw new errors.UserUnknown(userId)
    return known
  })
}, { name: 'known-users', dependencies: ['access', 'api-tokens', 'engine', 'members', 'open-streams', 'places', 'registry', 'sessions', 'whereabouts'] })
