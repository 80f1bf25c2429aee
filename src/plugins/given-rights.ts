import fp from 'fastify-plugin'
import type { User } from '../chat/event.js'
import { grantsOf, includes, type Grants } from '../chat/rights.js'
import type { ApiToken } from './api-tokens.js'
import type { Invite } from './members.js'

export interface TakeBack {
  /** Whether whoever has taken an invitation up loses what it gave, too. */
  members: (id: string, invite: Invite) => boolean
  /** What stays good: what its maker could give still. */
  keeps?: (rights: Grants) => boolean
}

/** What somebody has given to others by a right to moderate: API tokens and invitations. */
export interface GivenRights {
  tokensOf (userId: string): Iterable<[id: string, token: ApiToken]>
  invitesOf (userId: string): Iterable<[id: string, invite: Invite]>
  /** Takes an API token back, and what was given by it. Each is an action in the log. @throws {EngineUnavailable} by rejection */
  takeTokenBack (id: string, token: ApiToken, by: User): Promise<void>
  /** Takes an invitation back, and from whoever came by it also what they could not give any more. @throws {EngineUnavailable} by rejection */
  takeInviteBack (id: string, invite: Invite, by: User, options: TakeBack): Promise<void>
  /** Takes back all that a user has given, also by API tokens. @throws {EngineUnavailable} by rejection */
  takeBackOf (userId: string, by: User, options: TakeBack): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    givenRights: GivenRights
  }
}

/** Whoever loses a right to moderate shall not have it on by what they have given, to themselves perhaps. */
export default fp(async (fastify) => {
  const { apiTokens, members, moderationLog } = fastify

  function * tokensOf (userId: string): ReturnType<GivenRights['tokensOf']> {
    for (const [id, token] of apiTokens.entries()) if (token.makers.includes(userId)) yield [id, token]
  }

  function * invitesOf (userId: string): ReturnType<GivenRights['invitesOf']> {
    for (const [id, invite] of members.invites()) if (invite.makers.includes(userId)) yield [id, invite]
  }

  const takeTokenBack: GivenRights['takeTokenBack'] = async (id, token, by) => {
    await moderationLog.record('token-revoked', by, { id, name: token.name, rooms: token.grants })
    await apiTokens.revoke(id, by)
    await takeBackOf(`~${id}`, by, { members: () => false })
  }

  const takeInviteBack: GivenRights['takeInviteBack'] = async (id, invite, by, options) => {
    const alsoMembers = options.members(id, invite)
    await moderationLog.record('invite-revoked', by, { id, room: invite.room, role: invite.role, members: alsoMembers })
    const left = await members.revoke(id, by, { members: alsoMembers })
    for (const userId of left) {
      const moderate = [...members.grantsOf(userId)].flatMap((some) => some.moderate ?? [])
      await takeBackOf(userId, by, { ...options, keeps: (rights) => includes({ moderate }, rights) })
    }
  }

  const takeBackOf: GivenRights['takeBackOf'] = async (userId, by, options) => {
    const { keeps = () => false } = options
    for (const [id, token] of tokensOf(userId)) if (!keeps(token.grants)) await takeTokenBack(id, token, by)
    for (const [id, invite] of invitesOf(userId)) if (!keeps(grantsOf(invite.role, invite.room))) await takeInviteBack(id, invite, by, options)
  }

  fastify.decorate('givenRights', { tokensOf, invitesOf, takeTokenBack, takeInviteBack, takeBackOf })
}, { name: 'given-rights', dependencies: ['api-tokens', 'members', 'moderation-log'] })
