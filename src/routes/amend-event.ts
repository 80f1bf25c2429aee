import { isDeepStrictEqual } from 'node:util'
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { DELETE, EDIT, Entry, RESERVED_TYPES, type Change, type ChatEvent } from '../chat/event.js'
import { splitId } from '../chat/id.js'
import { MAX_MESSAGE, checkSaid } from '../content.js'
import { inWords } from '../duration.js'
import { errors } from '../errors.js'
import { Reason, lineOf } from '../line.js'
import type { Session } from '../plugins/sessions.js'
import { ActionView, Durability, EventIdText, EventView, NoQuery, RoomName, actionOf, failures } from '../schemas.js'

const Place = Type.Object({ room: RoomName, id: EventIdText })
const Edit = Type.Object({
  message: Type.Optional(Type.String({ maxLength: MAX_MESSAGE, description: 'the text from now on' })),
  data: Type.Optional(Type.Object({}, { additionalProperties: true, description: 'the data from now on, as a whole' }))
}, { additionalProperties: false, description: 'what is left out stays' })

const Amended = Type.Object({
  success: Type.Literal(true),
  event: EventView,
  announcement: Type.Optional({ ...EventIdText, description: 'the id of the event that tells of it; none where it was so before' } as typeof EventIdText),
  durability: Durability
}, { description: 'stored, or as it was before' })

/** ms for which a moderator can show again what was hidden, at least. */
const HIDDEN_MS = 30 * 24 * 60 * 60 * 1000

const Deleting = Type.Object({
  reason: Type.Optional(Reason),
  hide: Type.Optional(Type.Union([Type.Literal('0'), Type.Literal('1')], { description: '1: for whoever moderates the room; it can be brought back for 30 days' }))
}, { additionalProperties: false })
const Deleted = Type.Object({ ...Amended.properties, action: Type.Optional({ ...ActionView, description: 'of a moderator' } as typeof ActionView) }, { description: 'stored, or as it was before' })

interface Amending { Params: Static<typeof Place> }

/** An author's second thoughts: an event that was stored is edited, or deleted. */
const route: FastifyPluginAsync = async (fastify) => {
  const { access, engine, broadcaster, moderationLog, posting, sessions, limits, withdrawals, config: { EDIT_TIME, UNDO_TIME } } = fastify

  fastify.patch<Amending & { Body: Static<typeof Edit> }>('/rooms/:room/events/:id', {
    schema: {
      tags: ['events'],
      summary: 'Edit what you said',
      description: 'Everybody is told by an event `edit`; from then on the event is read as it is now. What changes nothing stores nothing.',
      params: Place,
      querystring: NoQuery,
      body: Edit,
      response: { 200: Amended, ...failures(400, 401, 403, 404, 409, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const { message, data } = request.body
    if (message === undefined && data === undefined) throw new errors.InvalidBody('it has neither "message" nor "data"')
    checkSaid(request.body)
    const session = await admit(request, reply)
    posting.checkContent(session, { room: request.params.room, message, data })
    // Before it counts: what is refused for itself takes nobody's turn.
    const event = await withdrawals.find(request.params)
    if (event === undefined) throw new errors.EventUnknown(request.params.id, request.params.room)
    checkMay(session, event)
    return amend(request, reply, session, EDIT, (event) => {
      if (event.deleted !== undefined) throw new errors.EventDeleted(event.id)
      const same = (message ?? event.message) === event.message && (data === undefined || isDeepStrictEqual(data, event.data))
      return same ? undefined : { ...request.body, edited: new Date().toISOString() }
    })
  })

  fastify.delete<Amending & { Querystring: Static<typeof Deleting> }>('/rooms/:room/events/:id', {
    schema: {
      tags: ['events', 'moderation'],
      summary: 'Delete what you said, or, as a moderator, what anybody has said',
      description: 'Everybody is told by an event `delete`; from then on the event has no text and no data, and is streamed as `deleted`. ' +
        'What a moderator deletes is kept apart for UNDO_TIME, so that it can be brought back.',
      params: Place,
      querystring: Deleting,
      response: { 200: Deleted, ...failures(400, 401, 403, 404, 413, 415, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const { params, query } = request
    const reason = lineOf('reason', query.reason, errors.InvalidQuery)
    const session = await admit(request, reply)
    const event = await withdrawals.find(params)
    if (event === undefined) throw new errors.EventUnknown(params.id, params.room)
    const asModerator = query.hide !== undefined || reason !== undefined
    if (asModerator || flawOf(session, event) !== undefined) {
      const refused = access.refusal(session, 'moderate', params.room, fastify.hashOfAddress(request.ip))
      if (refused === undefined) return withdraw(reply, session, params, event, { hide: query.hide === '1', reason })
      if (asModerator) throw refused
    }
    return amend(request, reply, session, DELETE, ({ deleted }) => deleted === undefined ? { message: null, data: null, deleted: new Date().toISOString() } : undefined)
  })

  /** What a moderator deletes. */
  async function withdraw (reply: FastifyReply, session: Session, place: Static<typeof Place>, event: ChatEvent, { hide, reason }: { hide: boolean, reason: string | undefined }): Promise<FastifyReply> {
    if (event.deleted !== undefined) return send(reply, Entry.of(event), '')
    const { room, id } = place
    const { action } = await moderationLog.record(hide ? 'hide' : 'delete', session.user, { room, reach: access.reach(session, room), event: id, user: event.user, ...(reason !== undefined && { reason }) })
    const withdrawal = await withdrawals.withdraw(place, action, hide ? Math.max(HIDDEN_MS, UNDO_TIME) : UNDO_TIME)
    if (withdrawal.status === 'unknown') throw new errors.EventUnknown(id, room)
    const { entry } = withdrawal
    const done = withdrawal.status === 'declined' ? '' : `,"announcement":"${withdrawal.announcement.id}","action":${JSON.stringify(actionOf(action))}`
    return send(reply, entry, done)
  }

  function send (reply: FastifyReply, { json }: Entry, more: string): FastifyReply {
    return reply.type('application/json; charset=utf-8').send(`{"success":true,"event":${json}${more},"durability":"${engine.durability}"}`)
  }

  /** @throws from the catalogue, by rejection, where the caller amends nothing in the room, whatever it is */
  async function admit (request: FastifyRequest<Amending>, reply: FastifyReply): Promise<Session> {
    const { room } = request.params
    const session = await sessions.need(request, reply)
    access.check(session, 'write', room, request)
    return session
  }

  async function amend (
    request: FastifyRequest<Amending>, reply: FastifyReply, session: Session, type: typeof EDIT | typeof DELETE, change: (event: ChatEvent) => Change | undefined
  ): Promise<FastifyReply> {
    const { room, id } = request.params
    const slowMode = type === EDIT ? posting.slowMode(session, room) : 0
    await limits.post(request, { userId: session.user.id, kind: session.kind, room, slowMode, edit: type === EDIT })
    await broadcaster.keepPace(room)
    access.check(session, 'write', room, request)

    const after = broadcaster.head(room)
    const amended = await engine.amend({
      room,
      id,
      change: (event) => {
        checkMay(session, event)
        return change(event)
      },
      announcement: { type, user: session.user, data: { id } },
      ...(after !== undefined && { after })
    })
    if (amended.status === 'unknown') throw new errors.EventUnknown(id, room)
    const announcement = amended.status === 'amended' ? `,"announcement":"${amended.announcement.id}"` : ''
    return send(reply, amended.entry, announcement)
  }

  /** Whether the caller may amend an event, which is asked of it as it is just then. @throws from the catalogue */
  function checkMay (session: Session, event: ChatEvent): void {
    const flaw = flawOf(session, event)
    if (flaw !== undefined) throw flaw
  }

  /** Why an author's second thoughts are none, undefined where they are. */
  function flawOf (session: Session, event: ChatEvent): Error | undefined {
    const { user } = session
    if (RESERVED_TYPES.has(event.type)) return new errors.EventUnknown(event.id, event.room)
    if (event.user.id !== user.id) return access.may(session, 'read', event.room) ? new errors.NotYours() : new errors.EventUnknown(event.id, event.room)
    // Of what is deleted, something else is to be said than that it is late.
    if (event.deleted === undefined && Date.now() - splitId(event.id).ms >= EDIT_TIME) return new errors.EditTooLate(inWords(EDIT_TIME))
    return undefined
  }
}

export default route
