import fp from 'fastify-plugin'
import type { User } from '../chat/event.js'
import { tagOf } from '../chat/names.js'
import type { Grants } from '../chat/rights.js'
import { botOf } from './api-tokens.js'

/** Somebody who is, or lately was, here. */
export interface KnownUser {
  user: User
  guest: boolean
  /** From where the user came last, as a hash, where that is still kept. */
  address?: string
  /** What the user may by name, as far as it is known: of whose token another application signs, only while a stream is open here. */
  grants: Grants[]
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Who a user is, undefined where nothing is known of such a one (any more).
     * @param seen the user as somebody has seen it
     * @throws {EngineUnavailable} by rejection
     */
    knownUser (userId: string, seen?: User): Promise<KnownUser | undefined>
  }
}

/** There is no list of all users: one is known by being online, by what is kept of the last visit, or by what was said. */
export default fp(async (fastify) => {
  const { apiTokens, members, openStreams, registry, sessions, whereabouts } = fastify

  fastify.decorate('knownUser', async (userId, seen) => {
    const token = userId.startsWith('~') ? apiTokens.get(userId.slice(1)) : undefined
    if (token !== undefined) return { user: botOf(userId.slice(1), token), guest: false, grants: [token.grants] }
    const online = registry.find(userId)
    const [last, renamed] = await Promise.all([whereabouts.lastOf(userId), sessions.nameOf(userId)])
    const tag = tagOf(userId)
    const user = online ?? (last === undefined ? seen : { id: userId, name: renamed ?? last.name, tag })
    if (user === undefined) return undefined
    return {
      user,
      guest: last?.guest ?? (user.bot !== true),
      grants: [...members.grantsOf(userId), ...openStreams.grantsOf(userId)],
      ...(last !== undefined && { address: last.hash })
    }
  })
}, { name: 'known-users', dependencies: ['api-tokens', 'members', 'open-streams', 'registry', 'sessions', 'whereabouts'] })
