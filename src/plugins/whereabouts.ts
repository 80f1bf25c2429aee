import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'

/** Users of whom it is remembered that their address is stored, and the ms for which it need not be stored again. */
const STORED = 50_000
const STORED_MS = 3_600_000

export interface Whereabouts {
  /** Remembers for ADDRESS_AGE from where a user came. Nobody waits for that; where it fails, the user's next request tries again. */
  remember (userId: string, ip: string): void
  /** From where a user came last, as a hash, where that is still kept. @throws {EngineUnavailable} by rejection */
  lastOf (userId: string): Promise<{ hash: string, at: string } | undefined>
  /** @throws {EngineUnavailable} by rejection */
  forget (userId: string): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    whereabouts: Whereabouts
  }
}

/** From where users come, for bans by address: a hash, for some days. */
export default fp(async (fastify) => {
  const { config: { ADDRESS_AGE }, engine: { documents }, hashOfAddress } = fastify
  const stored = new Lru<string>(STORED, STORED_MS)

  fastify.decorate('whereabouts', {
    remember: (userId, ip) => {
      const hash = hashOfAddress(ip)
      if (stored.get(userId) === hash) return
      stored.set(userId, hash)
      documents.put('address', userId, { hash, at: new Date().toISOString() }, { ttl: ADDRESS_AGE }).catch(() => stored.delete(userId))
    },
    lastOf: (userId) => documents.get('address', userId),
    forget: async (userId) => {
      stored.delete(userId)
      await documents.delete('address', userId)
    }
  })
}, { name: 'whereabouts', dependencies: ['addresses', 'config', 'engine'] })
