import fp from 'fastify-plugin'
import type { User } from '../chat/event.js'
import { grantsOf, includes, type Grants } from '../chat/rights.js'
import type { ApiToken } from './api-tokens.js'
import type { Invite, Membership } from './members.js'

/** What somebody has given to others by a right to moderate: API tokens, invitations, and what people were invited to. */
export interface GivenRights {
  tokensOf (userId: string): Iterable<[id: string, token: ApiToken]>
  invitesOf (userId: string): Iterable<[id: string, invite: Invite]>
  /** Takes an API token back, and the tokens and invitations made by it. @throws {EngineUnavailable} by rejection */
  takeTokenBack (id: string, token: ApiToken, by: User): Promise<void>
  /**
   * Takes an invitation back, and where so wished the right from whoever came by it, with what they have given by that right.
   * @throws {EngineUnavailable} by rejection
   */
  takeInviteBack (id: string, invite: Invite, by: User, options: { members: boolean }): Promise<void>
  /** Takes back all API tokens and invitations of a user. @throws {EngineUnavailable} by rejection */
  takeBackOf (userId: string, by: User): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    givenRights: GivenRights
  }
}

/** A moderator whom somebody has invited who is about to lose the right to do so. */
interface Invited extends Membership {
  userId: string
  giver: string
}

/**
 * Whoever loses a right to moderate shall not have it on by what they have given, to themselves perhaps. What hangs on something goes
 * before it, so that a retry finds it all again where the store fails in between, and once more after it: it may have been made meanwhile.
 */
export default fp(async (fastify) => {
  const { apiTokens, members, moderationLog, openStreams } = fastify

  function * tokensOf (userId: string): ReturnType<GivenRights['tokensOf']> {
    for (const [id, token] of apiTokens.entries()) if (token.makers.includes(userId)) yield [id, token]
  }

  function * invitesOf (userId: string): ReturnType<GivenRights['invitesOf']> {
    for (const [id, invite] of members.invites()) if (invite.makers.includes(userId)) yield [id, invite]
  }

  const revokeToken = async (id: string, { name, grants }: ApiToken, by: User): Promise<void> => {
    await moderationLog.record('token-revoked', by, { id, name, rooms: grants })
    await apiTokens.revoke(id, by)
  }
  const revokeInvite = async (id: string, { room, role }: Invite, by: User): Promise<void> => {
    await moderationLog.record('invite-revoked', by, { id, room, role })
    await members.revoke(id, by)
  }

  /** Takes back what a user has given of these rights, but from people. */
  const takeGifts = async (userId: string, by: User, taken: (rights: Grants) => boolean): Promise<void> => {
    for (const [id, token] of tokensOf(userId)) if (taken(token.grants)) await revokeToken(id, token, by)
    for (const [id, invite] of invitesOf(userId)) if (taken(grantsOf(invite.role, invite.room))) await revokeInvite(id, invite, by)
  }

  const takeBackOf: GivenRights['takeBackOf'] = (userId, by) => takeGifts(userId, by, () => true)

  const takeTokenBack: GivenRights['takeTokenBack'] = async (id, token, by) => {
    await takeBackOf(`~${id}`, by)
    await revokeToken(id, token, by)
    await takeBackOf(`~${id}`, by)
  }

  /**
   * What falls with users' right by an invitation: the moderators who have it by them, and by those, in a circle even, unless they still
   * stand on something else.
   * @returns these, and what somebody moderates all the same
   */
  const fallOf = (users: ReadonlySet<string>, id: string, lost: Grants): { fallen: readonly Invited[], left: (userId: string) => Grants } => {
    const invited = new Map<string, Invited>()
    const falls = (userId: string, invite: string): boolean => (invite === id && users.has(userId)) || invited.has(`${userId} ${invite}`)
    const left = (userId: string): Grants => {
      const others = [...members.of(userId)].filter(({ invite }) => !falls(userId, invite)).map(({ role, room }) => grantsOf(role, room))
      return { moderate: [...others, ...openStreams.grantsOf(userId)].flatMap(({ moderate = [] }) => moderate) }
    }
    // First all who may have it so, then those go who have not.
    const givers = new Set(users)
    for (const giver of givers) {
      for (const [userId, membership] of members.all()) {
        const { invite, makers, role, room } = membership
        if (role !== 'moderator' || !makers.includes(giver) || falls(userId, invite) || !includes(lost, grantsOf(role, room))) continue
        invited.set(`${userId} ${invite}`, { ...membership, userId, giver })
        givers.add(userId)
      }
    }
    for (let before = -1; before !== invited.size;) {
      before = invited.size
      for (const [key, { giver, role, room }] of invited) if (includes(left(giver), grantsOf(role, room))) invited.delete(key)
    }
    return { fallen: [...invited.values()], left }
  }

  /** Takes from users what they have by an invitation, and what falls with it. */
  const takeFrom = async (users: ReadonlySet<string>, id: string, { role, room }: Invite, by: User): Promise<void> => {
    if (role === 'moderator') {
      const lost: Grants = { moderate: [room] }
      const { fallen, left } = fallOf(users, id, lost)
      for (const userId of new Set([...users, ...fallen.map(({ userId }) => userId)])) {
        const stays = left(userId)
        await takeGifts(userId, by, (rights) => includes(lost, rights) && !includes(stays, rights))
      }
      for (const { userId, invite } of fallen) await members.leave(userId, invite, by)
    }
    for (const userId of users) await members.leave(userId, id, by)
  }

  const takeInviteBack: GivenRights['takeInviteBack'] = async (id, invite, by, { members: alsoMembers }) => {
    await moderationLog.record('invite-revoked', by, { id, room: invite.room, role: invite.role, members: alsoMembers })
    const users = new Set<string>()
    const take = async (): Promise<void> => {
      for (const userId of members.by(id)) users.add(userId)
      await takeFrom(users, id, invite, by)
    }
    if (alsoMembers) await take()
    await members.revoke(id, by)
    if (alsoMembers) await take()
  }

  fastify.decorate('givenRights', { tokensOf, invitesOf, takeTokenBack, takeInviteBack, takeBackOf })
}, { name: 'given-rights', dependencies: ['api-tokens', 'members', 'moderation-log', 'open-streams'] })
