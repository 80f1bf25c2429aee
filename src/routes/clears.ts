import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { parseDuration } from '../duration.js'
import { errors } from '../errors.js'
import { Reason, lineOf } from '../line.js'
import { MAX_CLEARED } from '../plugins/clears.js'
import { ActionView, DurationText, Key, Named, NoQuery, RoomName, actionOf, failures } from '../schemas.js'

const Cleared = Type.Object({
  action: ActionView,
  deleted: Type.Integer({ description: 'how many' }),
  more: Type.Boolean({ description: 'there may be more: not everywhere was looked, or more was found than is deleted at once' })
})

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, sessions, whom } = fastify

  fastify.post('/moderation/clears', {
    schema: {
      tags: ['moderation'],
      summary: 'Delete what somebody has said last, in a room or in all',
      description: `${MAX_CLEARED} messages at most. It is one action, and undone as one, for as long as UNDO_TIME.`,
      querystring: NoQuery,
      body: Type.Object({
        ...Named,
        room: Type.Optional({ ...RoomName, description: 'where; everywhere if not given, which is for whoever moderates every room' } as typeof RoomName),
        last: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_CLEARED, description: 'so many, the newest' })),
        since: Type.Optional({ ...DurationText, description: 'instead: what was said in this time', examples: ['10m'] } as typeof DurationText),
        reason: Type.Optional(Reason),
        key: Type.Optional(Key)
      }, { additionalProperties: false }),
      response: { 201: Cleared, 200: { ...Cleared, description: 'done before, under the same key' }, ...failures(400, 401, 403, 404, 409, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { key, ...wish } = request.body
    const { room = '*', last, since } = wish
    if ((last === undefined) === (since === undefined)) throw new errors.InvalidBody('it has "last" or "since", one of them')
    const reason = lineOf('reason', wish.reason)
    access.checkModerator(session, room, request)
    const { user, grants } = await whom(wish, session, request)
    if (user.id !== session.user.id && !access.outranks(session, grants, room)) throw new errors.Forbidden('clear what somebody has said who moderates as much as you do')
    const which = last !== undefined ? { last } : { since: Date.now() - parseDuration(since!)! }
    const { action, repeated, deleted, more } = await fastify.clear(session, {
      room, user, which, ...(reason !== undefined && { reason }), ...(key !== undefined && { once: { key, wish } })
    })
    return reply.code(repeated ? 200 : 201).send({ action: actionOf(action), deleted, more })
  })
}

export default route
