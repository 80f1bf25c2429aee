import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { errors } from '../errors.js'
import { Reason, lineOf } from '../line.js'
import { MAX_NAMED, MAX_OPEN, type Report } from '../plugins/reports.js'
import { ANSWER_BYTES, EventIdText, EventView, Key, NoQuery, RoomName, UserView, failures } from '../schemas.js'

const Done = Type.Object({ success: Type.Literal(true) })

const ReportView = Type.Object({
  id: { ...EventIdText, description: 'of the event that was reported' } as typeof EventIdText,
  at: Type.String({ description: 'when it was reported first' }),
  room: RoomName,
  event: { ...EventView, description: 'as it is now' } as typeof EventView,
  by: Type.Array(UserView, { description: `those who reported it first, ${MAX_NAMED} at most` }),
  count: Type.Integer({ description: 'how many reported it; no more than 100 are counted' }),
  reasons: Type.Array(Type.String())
})

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, limits, reports, sessions, withdrawals } = fastify

  fastify.post('/rooms/:room/reports', {
    schema: {
      tags: ['moderation'],
      summary: 'Tell a room\'s moderators of something that was said there',
      description: 'For whoever reads the room and has a session. Nobody but its moderators hears of it.',
      params: Type.Object({ room: RoomName }),
      querystring: NoQuery,
      body: Type.Object({
        event: EventIdText,
        reason: Type.Optional({ ...Reason, description: 'why: the room\'s moderators are told' } as typeof Reason),
        key: Type.Optional({ ...Key, description: 'is taken, and needed for nothing: a user reports an event once, however often it is tried' } as typeof Key)
      }, { additionalProperties: false }),
      response: { 201: Done, 200: { ...Done, description: 'reported by you before, or by so many that no more is needed' }, ...failures(400, 401, 403, 404, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { params: { room }, body: { event: id, reason: why } } = request
    const reason = lineOf('reason', why)
    access.check(session, 'read', room, request)
    const event = await withdrawals.find({ room, id })
    if (event === undefined || event.deleted !== undefined) throw new errors.EventUnknown(id, room)
    await limits.report(request, session.user.id)
    const fresh = await reports.report(event, session.user, reason)
    return reply.code(fresh ? 201 : 200).send({ success: true })
  })

  fastify.get('/rooms/:room/reports', {
    schema: {
      tags: ['moderation'],
      summary: 'What was reported in a room, and waits for its moderators',
      description: `The oldest event first, ${MAX_OPEN} at most in all. What has been deleted or trimmed since is settled. An answer may have fewer than asked for: where there are more, \`next\` is the place to go on from.`,
      params: Type.Object({ room: RoomName }),
      querystring: Type.Object({
        after: Type.Optional(EventIdText),
        limit: Type.Integer({ minimum: 1, maximum: 100, default: 50 })
      }, { additionalProperties: false }),
      response: {
        200: Type.Object({ reports: Type.Array(ReportView), next: Type.Optional({ ...EventIdText, description: 'ask with it as `after`' } as typeof EventIdText) }),
        ...failures(400, 401, 403, 404, 421, 429, 503)
      }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { params: { room }, query: { after, limit } } = request
    access.checkModerator(session, room, request)
    reply.header('cache-control', 'no-store')
    const found: Report[] = []
    let bytes = 0
    for await (const report of reports.open(room, after)) {
      if (found.length === limit || bytes > ANSWER_BYTES) return { reports: found, next: found.at(-1)!.id }
      found.push(report)
      bytes += JSON.stringify(report).length
    }
    return { reports: found }
  })

  fastify.delete('/rooms/:room/reports/:id', {
    schema: {
      tags: ['moderation'],
      summary: 'Settle a report: it has been seen to',
      description: 'By the id of the event that was reported. It is written into the moderation log. Whoever has reported it does not open it again; others may.',
      params: Type.Object({ room: RoomName, id: EventIdText }),
      querystring: NoQuery,
      response: { 200: Done, ...failures(400, 401, 403, 404, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { room, id } = request.params
    access.checkModerator(session, room, request)
    if (!await reports.settle({ room, id }, session)) throw new errors.ReportUnknown(id, room)
    return { success: true as const }
  })
}

export default route
