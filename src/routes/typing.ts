import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { MAY_BE_MISSING } from '../plugins/docs.js'
import { NoQuery, RoomName, failures } from '../schemas.js'

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, limits, posting, registry, sessions } = fastify

  fastify.post('/rooms/:room/typing', {
    schema: {
      tags: ['events'],
      summary: 'Say that you type in a room, or no longer',
      description: 'For whoever may post there now; the body may be left out. The room\'s readers are told by a notice `typing`. It holds for 6 s, so whoever goes on says it again every 3 s or so; ' +
        'it ends with what you post, with `typing: false`, and when you leave the room. Nothing of it is stored.',
      params: Type.Object({ room: RoomName }),
      querystring: NoQuery,
      body: Type.Object({ typing: Type.Boolean({ default: true }) }, { additionalProperties: false, [MAY_BE_MISSING]: true }),
      response: { 200: Type.Object({ success: Type.Literal(true) }), ...failures(400, 401, 403, 404, 413, 415, 421, 429, 503) }
    },
    preValidation: (request, _reply, done) => {
      if (request.body === undefined) request.body = { typing: true }
      done()
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { params: { room }, body: { typing } } = request
    access.check(session, 'write', room, request)
    posting.checkRoom(session, room)
    await limits.typing(request, session.user.id)
    registry.typing.say(room, session.user, typing)
    return { success: true as const }
  })
}

export default route
