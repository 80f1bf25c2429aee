import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import type { Session } from './sessions.js'

/** Users of whom it is remembered that their address is stored, and the ms for which it need not be stored again. */
const STORED = 50_000
const STORED_MS = 3_600_000
/**
 * ms for which those who come are gathered, to be stored in one go: a transaction for each would cost more than the rest of an opening.
 * Where there are other nodes they are stored at once: a ban may be asked of any of them.
 */
const GATHER_MS = 200

/** From where a user came, as it is kept: who it was, too, so that somebody who is not online any more can still be told from nobody. */
export interface Whereabout {
  /** Of the address. */
  hash: string
  /** RFC 3339, UTC. */
  at: string
  name: string
  guest: boolean
}

export interface Whereabouts {
  /** Remembers for ADDRESS_AGE from where a user came. Nobody waits for that; where it fails, the user's next request tries again. */
  remember (session: Pick<Session, 'user' | 'kind'>, ip: string): void
  /** From where a user came last, where that is still kept. @throws {EngineUnavailable} by rejection */
  lastOf (userId: string): Promise<Whereabout | undefined>
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
  const { config: { ADDRESS_AGE }, engine: { documents, nodes }, hashOfAddress } = fastify
  const stored = new Lru<string>(STORED, STORED_MS)
  /** Gathered, or being stored. */
  const pending = new Map<string, Whereabout>()
  let gathered = new Set<string>()
  let gathering: NodeJS.Timeout | undefined

  const store = async (): Promise<void> => {
    clearTimeout(gathering)
    gathering = undefined
    const ids = gathered
    gathered = new Set()
    await Promise.all([...ids].map(async (id) => {
      const whereabout = pending.get(id)
      if (whereabout === undefined) return // Forgotten meanwhile.
      await documents.put('address', id, whereabout, { ttl: ADDRESS_AGE }).catch(() => stored.delete(id))
      if (pending.get(id) === whereabout) pending.delete(id)
    }))
  }
  fastify.addHook('preClose', store)

  fastify.decorate('whereabouts', {
    remember: ({ user: { id, name }, kind }, ip) => {
      const hash = hashOfAddress(ip)
      if (stored.get(id) === hash) return
      stored.set(id, hash)
      const whereabout: Whereabout = { hash, at: new Date().toISOString(), name, guest: kind === 'guest' }
      pending.set(id, whereabout)
      gathered.add(id)
      if (nodes !== undefined) void store()
      else gathering ??= setTimeout(store, GATHER_MS).unref()
    },
    lastOf: async (userId) => pending.get(userId) ?? documents.get('address', userId),
    forget: async (userId) => {
      stored.delete(userId)
      pending.delete(userId)
      await documents.delete('address', userId)
    }
  })
}, { name: 'whereabouts', dependencies: ['addresses', 'config', 'engine'] })
