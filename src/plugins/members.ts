import { hash } from 'node:crypto'
import fp from 'fastify-plugin'
import { nanoid } from 'nanoid'
import type { User } from '../chat/event.js'
import { answerable, grantsOf, type Grants, type Role } from '../chat/rights.js'
import { allDocuments } from '../engines/engine.js'
import type { Session } from './sessions.js'

/** How often an invitation that is not for everybody can be used, at most. */
export const MAX_USES = 100
/** Documents of the places that are taken: whose they are. */
const PLACE = 'invited'
/** Nobody's id: a place that somebody has taken of whom nothing is kept. */
const FORGOTTEN = ''

/** What is kept of an invitation: not its code. */
export interface Invite {
  /** A room, or several as a glob. */
  room: string
  role: Role
  by: User
  /** Who is answerable: ids, of `by` and, where that is a program, of its makers. */
  makers: readonly string[]
  /** RFC 3339, UTC. */
  at: string
  until: string
  /** How many can use it; everybody who has it, where not given. */
  uses?: number
}

/** A right that a user has by an invitation. */
export interface Membership {
  room: string
  role: Role
  invite: string
  /** Who is answerable for the invitation, which may have run out since. */
  makers: readonly string[]
  at: string
}

export interface Members {
  /** @param ttl ms for which it is good @returns the code, which is nowhere else @throws {EngineUnavailable} by rejection */
  invite (wish: { room: string, role: Role, uses?: number }, ttl: number, session: Session): Promise<{ id: string, code: string, kept: Invite }>
  /** The invitation of a code, undefined where it is not, or no longer, good. */
  find (code: string): { id: string, kept: Invite } | undefined
  get (id: string): Invite | undefined
  invites (): Iterable<[id: string, invite: Invite]>
  /** Whether as many have taken up an invitation as can. @throws {EngineUnavailable} by rejection */
  isUsedUp (id: string, invite: Invite): Promise<boolean>
  /**
   * Takes up an invitation. Doing so again changes nothing.
   * @returns whether it was still to be had
   * @throws {EngineUnavailable} by rejection
   */
  accept (id: string, invite: Invite, user: User): Promise<boolean>
  /** Takes an invitation back. @throws {EngineUnavailable} by rejection */
  revoke (id: string, by: User): Promise<void>
  /** A user loses what an invitation gave. @throws {EngineUnavailable} by rejection */
  leave (userId: string, invite: string, by: User): Promise<void>
  /** What a user may by invitations. */
  grantsOf (userId: string): Iterable<Grants>
  of (userId: string): Iterable<Membership>
  all (): Iterable<[userId: string, membership: Membership]>
  /** Users who have come by an invitation. */
  by (id: string): Iterable<string>
  /** Places that a user has taken of invitations that so many can use. @throws {EngineUnavailable} by rejection */
  placesOf (userId: string): AsyncGenerator<{ id: string, invite: string }, void, void>
  /** The user is known for some time more, and so are the rights. @throws {EngineUnavailable} by rejection */
  prolong (user: User): Promise<void>
  /** What a user may by invitations is gone, and who took their places, which stay taken. @throws {EngineUnavailable} by rejection */
  forget (userId: string, by: User): Promise<void>
  /** What a user may has changed, by whatever node. */
  onChange (listener: (userId: string) => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    members: Members
  }
}

/** Invitations, and who has come by them. */
export default fp(async (fastify) => {
  const { config: { SESSION_AGE }, engine: { documents } } = fastify
  const invites = await fastify.sharedDocuments<Invite>('invite')
  const memberships = await fastify.sharedDocuments<Membership>('member')
  const listeners: Array<(userId: string) => void> = []
  /** By user: the memberships, by the invitations' ids. */
  const byUser = new Map<string, Map<string, Membership>>()
  const take = (id: string, membership: Membership | undefined): string => {
    const [userId, invite] = id.split(' ') as [string, string]
    const theirs = byUser.get(userId) ?? new Map<string, Membership>()
    if (membership !== undefined) byUser.set(userId, theirs.set(invite, membership))
    else if (theirs.delete(invite) && theirs.size === 0) byUser.delete(userId)
    return userId
  }
  for (const [id, membership] of memberships.entries()) take(id, membership)
  memberships.onChange = (id, membership) => {
    const userId = take(id, membership)
    for (const listener of listeners) listener(userId)
  }

  /** In hexadecimal digits: an id that begins with a hyphen would be an option to a command line. */
  const idOf = (code: string): string => hash('sha256', code, 'hex').slice(0, 24)
  const join = (userId: string, invite: string): string => `${userId} ${invite}`

  /** Who has taken a place, which are given in order. */
  const placed = async (id: string, uses: number): Promise<string[]> =>
    (await documents.list<string>(PLACE, { after: `${id} `, limit: uses })).filter((place) => place.id.startsWith(`${id} `)).map(({ value }) => value)

  /** One of so many places: the store knows who was first. A user keeps the place that was taken before. */
  const place = async (id: string, { uses, until }: Invite, userId: string): Promise<boolean> => {
    if (uses === undefined || byUser.get(userId)?.has(id) === true) return true
    const others = await placed(id, uses)
    if (others.includes(userId)) return true
    for (let n = others.length; n < uses; n++) {
      const holder = await documents.put(PLACE, join(id, `${n}`), userId, { ifAbsent: true, ttl: Math.max(1, Date.parse(until) - Date.now()) })
      if (holder === userId) return true
    }
    return false
  }

  async function * placesOf (userId: string): ReturnType<Members['placesOf']> {
    for await (const { id, value } of allDocuments<string>(documents, PLACE)) if (value === userId) yield { id, invite: id.split(' ', 1)[0]! }
  }

  function * of (userId: string): Generator<Membership, void, void> {
    const theirs = byUser.get(userId)
    if (theirs === undefined) return
    for (const id of [...theirs.keys()]) {
      const membership = memberships.get(join(userId, id))
      if (membership !== undefined) yield membership
    }
  }

  function * by (id: string): Generator<string, void, void> {
    for (const [userId, theirs] of [...byUser]) if (theirs.has(id)) yield userId
  }

  fastify.decorate('members', {
    invite: async (wish, ttl, session) => {
      const { user: by } = session
      const code = nanoid(24)
      const id = idOf(code)
      const now = Date.now()
      const kept: Invite = { ...wish, by, makers: answerable(session), at: new Date(now).toISOString(), until: new Date(now + ttl).toISOString() }
      await invites.put(id, kept, by, ttl)
      return { id, code, kept }
    },
    find: (code) => {
      const id = idOf(code)
      const kept = invites.get(id)
      return kept && { id, kept }
    },
    get: (id) => invites.get(id),
    invites: () => invites.entries(),
    isUsedUp: async (id, { uses }) => uses !== undefined && (await placed(id, uses)).length === uses,
    accept: async (id, invite, user) => {
      if (!(await place(id, invite, user.id))) return false
      const { room, role, makers } = invite
      await memberships.put(join(user.id, id), { room, role, invite: id, makers, at: new Date().toISOString() }, user, SESSION_AGE)
      // Whoever takes the invitation back does that first, and then looks for its members: one of both sees the other.
      if (await invites.stored(id) !== undefined) return true
      await memberships.delete(join(user.id, id), user)
      return false
    },
    revoke: (id, by) => invites.delete(id, by),
    leave: (userId, invite, by) => memberships.delete(join(userId, invite), by),
    grantsOf: function * (userId) {
      for (const { room, role } of of(userId)) yield grantsOf(role, room)
    },
    of,
    all: function * () {
      for (const [id, membership] of memberships.entries()) yield [id.split(' ', 1)[0]!, membership]
    },
    by,
    placesOf,
    prolong: async (user) => {
      for (const [id, membership] of byUser.get(user.id) ?? []) await memberships.replace(join(user.id, id), membership, user, SESSION_AGE)
    },
    forget: async (userId, by) => {
      for (const id of [...byUser.get(userId)?.keys() ?? []]) await memberships.delete(join(userId, id), by)
      for await (const { id, invite } of placesOf(userId)) {
        const left = Date.parse(invites.get(invite)?.until ?? '') - Date.now()
        if (left > 0) await documents.put(PLACE, id, FORGOTTEN, { ttl: left })
        else await documents.delete(PLACE, id)
      }
    },
    onChange: (listener) => { listeners.push(listener) }
  })
}, { name: 'members', dependencies: ['config', 'engine', 'shared-documents'] })
