import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { ROLES, grantsOf, type Role } from '../chat/rights.js'
import { LONGEST_GRANT_MS, durationWithin } from '../duration.js'
import { errors } from '../errors.js'
import { MAX_USES, type Invite } from '../plugins/members.js'
import type { Session } from '../plugins/sessions.js'
import { DurationText, NoQuery, RoomGlob, UserView, failures } from '../schemas.js'

const DEFAULT_FOR = '7d'

const RoleName = Type.Union(Object.keys(ROLES).map((role) => Type.Literal(role as Role)), { description: 'reader, writer (who reads, too) or moderator' })
const InviteView = Type.Object({
  id: Type.String(),
  room: RoomGlob,
  role: RoleName,
  by: UserView,
  at: Type.String(),
  until: Type.String(),
  uses: Type.Optional(Type.Integer({ description: 'how many can use it' }))
})
const Code = Type.Object({ code: Type.String({ pattern: '^[\\w-]{1,64}$' }) })

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, givenRights, members, moderationLog, pages, sessions } = fastify
  const mayGive = (session: Session, { room, role }: Pick<Invite, 'room' | 'role'>): boolean =>
    access.moderates(session, grantsOf(role, room))
  /** Of those who moderate as much, only who has invited them: it would be a way to restrict them that nobody can undo. */
  const mayTakeFromMembers = (session: Session, id: string, { role, by, room }: Invite): boolean =>
    role !== 'moderator' || by.id === session.user.id ||
    [...members.by(id)].every((userId) => userId === session.user.id || access.outranks(session, members.grantsOf(userId), room))

  fastify.post('/invites', {
    schema: {
      tags: ['admin'],
      summary: 'Invite to a room',
      description: 'The answer has a `path`, `join/<code>`: whoever opens it, or posts to it, has the role in the room. The code is shown in this answer, and never again.',
      querystring: NoQuery,
      body: Type.Object({
        room: RoomGlob,
        role: { ...RoleName, default: 'writer' } as typeof RoleName,
        for: Type.Optional({ ...DurationText, default: DEFAULT_FOR } as typeof DurationText),
        uses: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_USES, description: 'how many can use it; everybody who has it, where not given' }))
      }, { additionalProperties: false }),
      response: { 201: Type.Composite([InviteView, Type.Object({ code: Type.String(), path: Type.String() })]), ...failures(400, 401, 403, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { room, role, uses, for: duration = DEFAULT_FOR } = request.body
    const ms = durationWithin(LONGEST_GRANT_MS, 'for', duration)
    if (!mayGive(session, { room, role })) throw new errors.Forbidden('invite to rooms that you do not moderate')
    await moderationLog.record('invite', session.user, { room, role, for: duration, ...(uses !== undefined && { uses }) })
    const { id, code, kept } = await members.invite({ room, role, ...(uses !== undefined && { uses }) }, ms, session)
    return reply.code(201).header('cache-control', 'no-store').send({ id, ...kept, code, path: `join/${code}` })
  })

  fastify.get('/invites', {
    schema: {
      tags: ['admin'],
      summary: 'The invitations that are still good, to rooms that you moderate',
      querystring: NoQuery,
      response: { 200: Type.Object({ invites: Type.Array(InviteView) }), ...failures(400, 401, 403, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    return { invites: [...members.invites()].filter(([, kept]) => mayGive(session, kept)).map(([id, kept]) => ({ id, ...kept })) }
  })

  fastify.delete('/invites/:id', {
    schema: {
      tags: ['admin'],
      summary: 'Take an invitation back',
      params: Type.Object({ id: Type.String({ pattern: '^[\\w-]{1,64}$' }) }),
      querystring: Type.Object({
        members: Type.Optional(Type.Union([Type.Literal('0'), Type.Literal('1')], { description: '1: whoever came by it loses what it gave, and with it what they have given to others by it' }))
      }, { additionalProperties: false }),
      response: { 204: Type.Null(), ...failures(400, 401, 403, 404, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { id } = request.params
    const kept = members.get(id)
    if (kept === undefined || !mayGive(session, kept)) throw new errors.InviteUnknown()
    const alsoMembers = request.query.members === '1'
    if (alsoMembers && !mayTakeFromMembers(session, id, kept)) throw new errors.Forbidden('take from others who moderate as much as you do')
    await givenRights.takeInviteBack(id, kept, session.user, { members: alsoMembers })
    return reply.code(204).send(null)
  })

  // Opened by people, and by whatever looks at links before them: only the page's own post takes an invitation up.
  fastify.get('/join/:code', { schema: { hide: true, params: Code }, config: { kind: 'page' } }, async (request, reply) => pages.send('join', request, reply))

  fastify.post('/join/:code', {
    schema: {
      tags: ['users'],
      summary: 'Take an invitation up; a caller without a session gets one',
      params: Code,
      querystring: NoQuery,
      response: {
        200: Type.Object({ user: UserView, room: RoomGlob, role: RoleName, token: Type.Optional(Type.String({ description: 'yours from now on, where you came without one' })) }),
        ...failures(400, 401, 403, 404, 413, 415, 421, 429, 503)
      }
    }
  }, async (request, reply) => {
    const found = members.find(request.params.code)
    if (found === undefined) throw new errors.InviteUnknown()
    const { id, kept } = found
    // Or whoever is banned would come back by an invitation of their own.
    if (access.isFromBanned(kept.makers, kept.room)) throw new errors.InviteUnknown()
    // Before a guest is made, and before it has a right that could lift the ban.
    const before = await sessions.find(request, reply)
    access.checkInvited(before, kept.room, request)
    if (before === undefined && await members.isUsedUp(id, kept)) throw new errors.InviteUnknown()
    const { user, token } = await sessions.findOrInvite(request, reply)
    if (!(await members.accept(id, kept, user))) throw new errors.InviteUnknown()
    reply.header('cache-control', 'no-store')
    return { user, room: kept.room, role: kept.role, ...(token !== undefined && { token }) }
  })
}

export default route
