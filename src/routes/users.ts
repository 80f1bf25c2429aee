import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { DEFAULT_ROOM } from '../chat/event.js'
import { cleanName } from '../chat/names.js'
import { errors } from '../errors.js'
import { NoQuery, RoomName, UserView, failures } from '../schemas.js'

/** Users that one answer lists at most; `count` is of all. */
const LISTED = 500

const Me = Type.Object({
  user: UserView,
  token: Type.Optional(Type.String({ description: 'for the header `Authorization: Bearer`, where you came without one' }))
})

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { limits, registry, renames, sessions } = fastify

  fastify.get('/users', {
    schema: {
      tags: ['users'],
      summary: 'Who is online in a room',
      querystring: Type.Object({ room: { ...RoomName, default: DEFAULT_ROOM } as typeof RoomName }, { additionalProperties: false }),
      response: { 200: Type.Object({ users: Type.Array(UserView), count: Type.Integer() }), ...failures(400, 429, 503) }
    }
  }, async ({ query: { room } }) => registry.look(room, LISTED))

  fastify.get('/users/me', {
    schema: {
      tags: ['users'],
      summary: 'Who you are; a caller without a session gets one',
      querystring: NoQuery,
      response: { 200: Me, ...failures(401, 429, 503) }
    }
  }, async (request, reply) => {
    reply.header('cache-control', 'no-store')
    return sessions.findOrMake(request, reply)
  })

  fastify.patch('/users/me', {
    schema: {
      tags: ['users'],
      summary: 'Take another name',
      description: 'Everybody in a room where you have a stream is told by an event `name`. What you said keeps the name it was said under.',
      querystring: NoQuery,
      body: Type.Object({ name: Type.String({ maxLength: 256 }) }, { additionalProperties: false }),
      response: { 200: Me, ...failures(400, 401, 409, 413, 415, 429, 503) }
    }
  }, async (request, reply) => {
    const name = cleanName(request.body.name)
    if (name === undefined) throw new errors.NameInvalid()
    const { user: before, ...session } = await sessions.findOrMake(request, reply)
    if (name === before.name) return { user: before, ...session }
    await limits.rename(request, before.id)
    const user = await renames.rename(before, name)
    if (user === undefined) throw new errors.NameTaken()
    const token = sessions.issue(user, request, reply)
    return { user, ...(session.token !== undefined && { token }) }
  })
}

export default route
