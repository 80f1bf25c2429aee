import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { errors } from '../errors.js'
import { roomsOf, type Action } from '../plugins/moderation-log.js'
import { ActionAnswer, ActionView, EventIdText, NoQuery, RoomName, actionOf, failures } from '../schemas.js'

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, moderationLog, sessions, undoing } = fastify

  fastify.get('/moderation/log', {
    schema: {
      tags: ['moderation'],
      summary: 'What has been done by moderators and admins, to whom and why, oldest first',
      description: 'The newest actions, or those before or after one, in rooms that you moderate; those in every room are for whoever moderates every room. ' +
        'An answer may have fewer than asked for: where there may be more, `next` is the place to go on from.',
      querystring: Type.Object({
        room: Type.Optional(RoomName),
        before: Type.Optional(EventIdText),
        after: Type.Optional(EventIdText),
        limit: Type.Integer({ minimum: 1, maximum: 500, default: 50 })
      }, { additionalProperties: false }),
      response: {
        200: Type.Object({
          actions: Type.Array(ActionView),
          next: Type.Optional({ ...EventIdText, description: 'ask with it as `before`, or as `after` where you have asked so' } as typeof EventIdText)
        }),
        ...failures(400, 401, 403, 404, 421, 429, 503)
      }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { room, ...range } = request.query
    if (room !== undefined) access.checkModerator(session, room, request)
    if (!access.anywhere(session, 'moderate')) return { actions: [] }
    const sees = (action: Action): boolean => (room === undefined || action.data['room'] === room) && access.moderates(session, roomsOf(action))
    const { actions, next } = await moderationLog.read(range, sees)
    return { actions: actions.map(actionOf), ...(next !== undefined && { next }) }
  })

  fastify.post('/moderation/log/:id/undo', {
    schema: {
      tags: ['moderation'],
      summary: 'Undo an action: lift a ban or a mute, bring back what was deleted, set a room as it was',
      description: 'Whoever may do an action may undo it, unless whoever has done it moderates further: the operator, or every room.',
      params: Type.Object({ id: EventIdText }),
      querystring: NoQuery,
      response: { 201: ActionAnswer, ...failures(400, 401, 403, 404, 409, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { id } = request.params
    const action = await moderationLog.get(id)
    // Of what it is not one's to see, nothing is said.
    if (action === undefined || !access.moderates(session, roomsOf(action))) throw new errors.ActionUnknown(id)
    const { room } = action.data
    if (typeof room === 'string' && (room === '*' || !room.endsWith('*'))) access.checkModerator(session, room, request)
    return reply.code(201).send({ action: actionOf(await undoing.undo(action, session)) })
  })
}

export default route
