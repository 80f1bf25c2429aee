import fp from 'fastify-plugin'
import type { User } from '../chat/event.js'
import { matchesRoom } from '../chat/rights.js'

/** Keeps somebody out (`ban`) or silent (`mute`), in a room or, as `*`, in all. */
export interface Restriction {
  kind: 'ban' | 'mute'
  room: string
  /** Whom, or else from which addresses, as their hashes. */
  user?: User
  addresses?: readonly string[]
  reason: string
  by: User
  /** As far as whoever made it moderates: it holds for nobody who moderates as much. Missing where the operator has. */
  reach?: string
  /** RFC 3339, UTC; for as long as nobody lifts it where `until` is missing. */
  at: string
  until?: string
}

/** Who asks. */
export interface Asking {
  /** Missing for whoever has no session: somebody new, or a reader who stays unseen. */
  user?: { id: string, guestSince?: number }
  /** The address as its hash. */
  address: string
  /** Whether it is one that holds for who asks. */
  binds?: (restriction: Restriction) => boolean
}

/** What has become of one. */
export interface Turn {
  id: string
  /** `kept`: it was stored again, as it is. */
  turn: 'came' | 'kept' | 'went'
  /** Who has done so; missing where that has not been heard. */
  by?: User
}

export interface Restrictions {
  /** What holds for somebody in a room. */
  find (kind: Restriction['kind'], asking: Asking, room: string): Restriction | undefined
  /** Those of a user, wherever; and of an address, where one is given. */
  of (userId: string, address?: string): Iterable<Restriction>
  get (id: string): Restriction | undefined
  /** The same as the store has it. @throws {EngineUnavailable} by rejection */
  stored (id: string): Promise<Restriction | undefined>
  entries (): Iterable<[id: string, restriction: Restriction]>
  /** @param ttl ms @throws {EngineUnavailable} by rejection */
  put (id: string, restriction: Restriction, ttl?: number): Promise<void>
  /** @throws {EngineUnavailable} by rejection */
  lift (id: string, by: User): Promise<void>
  /** One has come or gone, or was stored again, by whatever node. */
  onChange (listener: (restriction: Restriction, turn: Turn) => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    restrictions: Restrictions
  }
}

/** Who is kept out or silent. That of a user is for the user; that of an address for guests who have come from there since, and for whoever has no session. */
export default fp(async (fastify) => {
  const documents = await fastify.sharedDocuments<Restriction>('restriction')
  const listeners: Array<(restriction: Restriction, turn: Turn) => void> = []
  /** Ids, by whom they are for. */
  const index = new Map<string, Set<string>>()
  const whom = ({ user, addresses = [] }: Restriction): string[] => user === undefined ? addresses.map((address) => `address ${address}`) : [`user ${user.id}`]
  const take = (id: string, now: Restriction | undefined, before: Restriction | undefined): void => {
    for (const one of before === undefined ? [] : whom(before)) {
      const ids = index.get(one)
      if (ids?.delete(id) === true && ids.size === 0) index.delete(one)
    }
    for (const one of now === undefined ? [] : whom(now)) index.set(one, (index.get(one) ?? new Set()).add(id))
  }
  for (const [id, restriction] of documents.entries()) take(id, restriction, undefined)
  documents.onChange = (id, now, before, by) => {
    take(id, now, before)
    const changed = now ?? before
    const turn = now === undefined ? 'went' : before === undefined ? 'came' : 'kept'
    if (changed !== undefined) for (const listener of listeners) listener(changed, { id, turn, ...(by !== undefined && { by }) })
  }

  function * held (key: string): Generator<Restriction, void, void> {
    const ids = index.get(key)
    if (ids === undefined) return
    for (const id of [...ids]) {
      const found = documents.get(id)
      if (found !== undefined) yield found
    }
  }

  const search = (key: string, kind: Restriction['kind'], room: string, since = Infinity, binds: Asking['binds'] = () => true): Restriction | undefined => {
    for (const found of held(key)) {
      if (found.kind === kind && matchesRoom(found.room, room) && since >= Date.parse(found.at) && binds(found)) return found
    }
    return undefined
  }

  fastify.decorate('restrictions', {
    find: (kind, { user, address, binds }, room) => {
      if (index.size === 0) return undefined
      const own = user && search(`user ${user.id}`, kind, room, Infinity, binds)
      if (own !== undefined) return own
      // Who was here before an address was restricted is not the one whom it is about.
      return user !== undefined && user.guestSince === undefined ? undefined : search(`address ${address}`, kind, room, user?.guestSince, binds)
    },
    of: function * (userId, address) {
      yield * held(`user ${userId}`)
      if (address !== undefined) yield * held(`address ${address}`)
    },
    get: (id) => documents.get(id),
    stored: (id) => documents.stored(id),
    entries: () => documents.entries(),
    put: (id, restriction, ttl) => documents.put(id, restriction, restriction.by, ttl),
    lift: (id, by) => documents.delete(id, by),
    onChange: (listener) => { listeners.push(listener) }
  })
}, { name: 'restrictions', dependencies: ['shared-documents'] })
