import fp from 'fastify-plugin'
import type { User } from '../chat/event.js'

/** ms for which a revocation is kept, or as long as a guest's token is good: one that lives for longer would be good again. */
const KEPT_MS = 365 * 24 * 60 * 60 * 1000

/** What tells one signed token from another. */
export interface Signed {
  userId: string
  /** RFC 7519 §4.1.7. */
  jti?: string
  /** Unix time in ms at which it was signed; as if always where it does not say so. */
  issued?: number
}

interface Revocation {
  /** Unix time in ms: those signed until then. */
  until: number
}

export interface Revocations {
  includes (signed: Signed): boolean
  /** Takes back all tokens of a user that are signed by now, or one of an application's. @throws {EngineUnavailable} by rejection */
  revoke (which: { userId: string } | { jti: string }, by: User): Promise<void>
  /** Some have been taken back, by whatever node. */
  onRevoked (listener: () => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    revocations: Revocations
  }
}

/** Tokens that are signed as they should be, and are good no more. */
export default fp(async (fastify) => {
  const keptMs = Math.max(KEPT_MS, fastify.config.SESSION_AGE)
  const documents = await fastify.sharedDocuments<Revocation>('revoked')
  const listeners: Array<() => void> = []
  documents.onChange = () => { for (const listener of listeners) listener() }

  fastify.decorate('revocations', {
    includes: ({ userId, jti, issued = 0 }) => {
      const ofUser = documents.get(`user ${userId}`)
      return (ofUser !== undefined && issued <= ofUser.until) || (jti !== undefined && documents.get(`jti ${jti}`) !== undefined)
    },
    revoke: (which, by) => documents.put('userId' in which ? `user ${which.userId}` : `jti ${which.jti}`, { until: Date.now() }, by, keptMs),
    onRevoked: (listener) => { listeners.push(listener) }
  })
}, { name: 'revocations', dependencies: ['config', 'shared-documents'] })
