import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { allowedName } from '../allowed-name.js'
import { RIGHTS } from '../chat/rights.js'
import { LONGEST_GRANT_MS, durationWithin } from '../duration.js'
import { errors } from '../errors.js'
import type { ApiToken } from '../plugins/api-tokens.js'
import { DurationText, GrantsView, NoQuery, UserIdText, UserView, failures } from '../schemas.js'

const TokenView = Type.Object({
  id: Type.String(),
  name: Type.String({ description: 'under which it posts, with a badge; by the rules for names' }),
  rooms: GrantsView,
  by: UserView,
  at: Type.String(),
  until: Type.Optional(Type.String())
})

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, apiTokens, givenRights, moderationLog, registry: { names: { rules } }, revocations, sessions } = fastify

  fastify.post('/tokens', {
    schema: {
      tags: ['admin'],
      summary: 'Make an API token for a program',
      description: 'For rooms that you moderate. The token is shown in this answer, and never again.',
      querystring: NoQuery,
      body: Type.Object({ name: Type.String({ maxLength: 256 }), rooms: GrantsView, for: Type.Optional(DurationText) }, { additionalProperties: false }),
      response: { 201: Type.Composite([TokenView, Type.Object({ token: Type.String() })]), ...failures(400, 401, 403, 409, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { rooms, for: duration } = request.body
    const name = allowedName(rules.check(request.body.name))
    if (RIGHTS.every((right) => (rooms[right] ?? []).length === 0)) throw new errors.InvalidBody('"rooms" names no room: it would be good for nothing')
    if (!access.moderates(session, rooms)) throw new errors.Forbidden('make a token for rooms that you do not moderate')
    if (rules.isReserved(name, 'thing') && !access.moderatesAll(session)) throw new errors.NameReserved(name)
    const until = duration === undefined ? undefined : new Date(Date.now() + durationWithin(LONGEST_GRANT_MS, 'for', duration))
    await moderationLog.record('token', session.user, { name, rooms, ...(until !== undefined && { until: until.toISOString() }) })
    const { id, token, kept } = await apiTokens.make({ name, grants: rooms, ...(until !== undefined && { until }) }, session)
    return reply.code(201).header('cache-control', 'no-store').send({ ...viewOf(id, kept), token })
  })

  fastify.get('/tokens', {
    schema: {
      tags: ['admin'],
      summary: 'The API tokens for rooms that you moderate, without the tokens themselves; one that has ended is shown for a week more',
      querystring: NoQuery,
      response: { 200: Type.Object({ tokens: Type.Array(TokenView) }), ...failures(400, 401, 403, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const tokens = [...apiTokens.entries()].filter(([, kept]) => access.moderates(session, kept.grants)).map(([id, kept]) => viewOf(id, kept))
    return { tokens }
  })

  fastify.delete('/tokens/:id', {
    schema: {
      tags: ['admin'],
      summary: 'Take an API token back, and what was given by it: its open streams end',
      params: Type.Object({ id: Type.String({ maxLength: 64 }) }),
      querystring: NoQuery,
      response: { 204: Type.Null(), ...failures(400, 401, 403, 404, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { id } = request.params
    const kept = apiTokens.get(id)
    if (kept === undefined || !access.moderates(session, kept.grants)) throw new errors.TokenUnknown(id)
    await givenRights.takeTokenBack(id, kept, session.user)
    return reply.code(204).send(null)
  })

  fastify.post('/revocations', {
    schema: {
      tags: ['admin'],
      summary: 'Take signed tokens back: all of a user\'s that are signed by now, or one by its `jti`',
      description: 'Open streams by them end within a second. For whoever moderates every room.',
      querystring: NoQuery,
      body: Type.Union([
        Type.Object({ user: UserIdText }, { additionalProperties: false }),
        Type.Object({ jti: Type.String({ minLength: 1, maxLength: 256 }) }, { additionalProperties: false })
      ]),
      response: { 204: Type.Null(), ...failures(400, 401, 403, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    if (!access.moderatesAll(session)) throw new errors.Forbidden('take tokens back here')
    const { body } = request
    await moderationLog.record('revocation', session.user, body)
    await revocations.revoke('user' in body ? { userId: body.user } : body, session.user)
    return reply.code(204).send(null)
  })
}

export default route

function viewOf (id: string, { name, grants: rooms, by, at, until }: ApiToken): { id: string, name: string, rooms: any, by: ApiToken['by'], at: string, until?: string } {
  return { id, name, rooms, by, at, ...(until !== undefined && { until }) }
}
