import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import { allDocuments } from '../engines/engine.js'
import type { Session } from './sessions.js'

/** Users and addresses of which it is remembered that they are stored, and the ms after which they are stored again. */
const STORED = 50_000
const STORED_MS = 600_000
/**
 * ms for which those who come are gathered, to be stored in one go: a transaction for each would cost more than the rest of an opening.
 * Where there are other nodes they are stored at once: a ban may be asked of any of them.
 */
const GATHER_MS = 200

/** From where a user came, as it is kept: who it was, too, so that somebody who is not online any more can still be told from nobody. */
export interface Whereabout {
  /** Of the address. */
  hash: string
  /** RFC 3339, UTC: when last, some minutes more or less. */
  at: string
  name: string
  guest: boolean
}

export interface Whereabouts {
  /** Remembers for ADDRESS_AGE from where a user came. Nobody waits for that; where it fails, the user's next request tries again. */
  remember (session: Pick<Session, 'user' | 'kind'>, ip: string): void
  /** From where a user came, as far as that is kept, the latest first. @throws {EngineUnavailable} by rejection */
  of (userId: string): Promise<Whereabout[]>
  /** @throws {EngineUnavailable} by rejection */
  forget (userId: string): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    whereabouts: Whereabouts
  }
}

/** Those of the latest that a user may still come from: nobody's is stored more often than every some minutes. */
export function current ([latest, ...others]: readonly Whereabout[]): Whereabout[] {
  return latest === undefined ? [] : [latest, ...others.filter(({ at }) => Date.parse(latest.at) - Date.parse(at) <= STORED_MS)]
}

/**
 * From where users come, for bans by address: a hash, for some days. Each address of a user is a document of its own, so that what one
 * node stores is not undone by what another one has stored before.
 */
export default fp(async (fastify) => {
  const { config: { ADDRESS_AGE }, engine: { documents, nodes }, hashOfAddress } = fastify
  const stored = new Lru<true>(STORED, STORED_MS)
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

  const kept = async (userId: string): Promise<Map<string, Whereabout>> => {
    const prefix = `${userId} `
    const found = new Map<string, Whereabout>()
    for await (const { id, value } of allDocuments<Whereabout>(documents, 'address', prefix)) found.set(id, value)
    for (const [id, value] of pending) if (id.startsWith(prefix)) found.set(id, value)
    return found
  }

  fastify.decorate('whereabouts', {
    remember: ({ user: { id: userId, name }, kind }, ip) => {
      const hash = hashOfAddress(ip)
      const id = `${userId} ${hash}`
      if (stored.get(id) === true) return
      stored.set(id, true)
      pending.set(id, { hash, at: new Date().toISOString(), name, guest: kind === 'guest' })
      gathered.add(id)
      if (nodes !== undefined) void store()
      else gathering ??= setTimeout(store, GATHER_MS).unref()
    },
    of: async (userId) => [...(await kept(userId)).values()].sort((a, b) => b.at.localeCompare(a.at)),
    forget: async (userId) => {
      for (const id of (await kept(userId)).keys()) {
        stored.delete(id)
        pending.delete(id)
        await documents.delete('address', id)
      }
    }
  })
}, { name: 'whereabouts', dependencies: ['addresses', 'config', 'engine'] })
