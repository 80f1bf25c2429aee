import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { allowedName } from '../allowed-name.js'
import { DEFAULT_ROOM } from '../chat/event.js'
import { errors } from '../errors.js'
import { NoQuery, RoomName, UserView, failures } from '../schemas.js'

/** Users that one answer lists at most; `count` is of all. */
const LISTED = 500

const Me = Type.Object({
  user: UserView,
  token: Type.Optional(Type.String({ description: 'for the header `Authorization: Bearer`, where you came without one' }))
})

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, limits, posting, registry, renames, sessions } = fastify

  fastify.get('/users', {
    schema: {
      tags: ['users'],
      summary: 'Who is online in a room',
      querystring: Type.Object({ room: { ...RoomName, default: DEFAULT_ROOM } as typeof RoomName }, { additionalProperties: false }),
      response: { 200: Type.Object({ users: Type.Array(UserView), count: Type.Integer() }), ...failures(400, 401, 403, 404, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const { room } = request.query
    access.check(await sessions.find(request, reply), 'read', room, request)
    return registry.look(room, LISTED)
  })

  fastify.get('/users/me', {
    schema: {
      tags: ['users'],
      summary: 'Who you are; a caller without a session gets one',
      querystring: NoQuery,
      response: { 200: Me, ...failures(400, 401, 403, 421, 429, 503) }
    }
  }, async (request, reply) => {
    reply.header('cache-control', 'no-store')
    const { user, token } = await sessions.findOrMake(request, reply)
    return { user, ...(token !== undefined && { token }) }
  })

  fastify.patch('/users/me', {
    schema: {
      tags: ['users'],
      summary: 'Take another name',
      description: 'Everybody in a room where you have a stream is told by an event `name`; while you are muted in one of them, you take none (403). What you said keeps the name it was said under. ' +
        'A name has 1 to 32 characters that can be seen, of one script in each word (400). None is given that is kept for the host, ' +
        'or that somebody else has who is online or has spoken in the last day, nor one that looks like it (409).',
      querystring: NoQuery,
      body: Type.Object({ name: Type.String({ maxLength: 256 }) }, { additionalProperties: false }),
      response: { 200: Me, ...failures(400, 401, 403, 409, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const name = allowedName(registry.names.rules.check(request.body.name))
    const session = await sessions.findOrMake(request, reply)
    const { user: before, token: made } = session
    if (name === before.name) return { user: before, ...(made !== undefined && { token: made }) }
    // Whoever signs or gives out a token says who has it.
    if (session.kind !== 'guest') throw new errors.Forbidden('take another name: yours comes with your token')
    access.checkName(session, request)
    if (!access.moderatesAll(session)) posting.checkLinks(session, { message: name })
    if (registry.names.rules.isReserved(name) && !access.moderatesAll(session)) throw new errors.NameReserved(name)
    await limits.rename(request, before.id)
    const user = await renames.rename(session, name, request)
    if (user === undefined) throw new errors.NameTaken()
    const token = sessions.issue({ ...session, user }, request, reply)
    return { user, ...(made !== undefined && { token }) }
  })
}

export default route
