import { createHmac, randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import { addressKey } from '../address.js'

/** Users of whom it is remembered that their address is stored, and the ms for which it need not be stored again. */
const STORED = 50_000
const STORED_MS = 3_600_000
/** Hashes that need not be made again. */
const HASHES = 10_000

export interface Whereabouts {
  /**
   * Stands for an address (of IPv6, for its /64) wherever it is kept or told to other nodes: a keyed hash, since there are so few
   * IPv4 addresses that a bare one could be tried through.
   */
  hashOf (ip: string): string
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

/** From where users come: what bans by address and limits need, and no more than that. */
export default fp(async (fastify) => {
  const { config: { ADDRESS_AGE }, engine: { documents, nodes } } = fastify
  const keep = (key: string): Promise<string> => documents.put('settings', 'address-key', key, { ifAbsent: true })
  const key = await keep(randomBytes(32).toString('base64url'))
  // A store that has lost its data gets it back: the nodes go on with it.
  nodes?.onReturn(() => { keep(key).catch(() => {}) })
  const hashes = new Lru<string>(HASHES)
  const stored = new Lru<string>(STORED, STORED_MS)

  const hashOf = (ip: string): string => {
    const network = addressKey(ip)
    let hash = hashes.get(network)
    if (hash === undefined) hashes.set(network, hash = createHmac('sha256', key).update(network).digest('base64url').slice(0, 22))
    return hash
  }
  fastify.decorate('whereabouts', {
    hashOf,
    remember: (userId, ip) => {
      const hash = hashOf(ip)
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
}, { name: 'whereabouts', dependencies: ['config', 'engine'] })
