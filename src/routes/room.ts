import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { errors } from '../errors.js'
import { Reason, lineOf } from '../line.js'
import { POSTING, SETTINGS, type RoomChanges } from '../plugins/room-settings.js'
import type { Session } from '../plugins/sessions.js'
import { ActionView, EventIdText, Key, NoQuery, RoomName, actionOf, failures } from '../schemas.js'

/** Graphemes of a topic at most, and its code points: a grapheme can be made of many. */
const MAX_TOPIC = 250
const MAX_TOPIC_POINTS = 1_000
const LONGEST_SLOW_MODE_S = 21_600

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

const Posting = Type.Union(POSTING.map((who) => Type.Literal(who)), { description: 'who posts here: everybody who can read, members (by a right to the room by name), moderators' })
const Changes = {
  topic: Type.Optional(Type.Union([Type.String({ maxLength: MAX_TOPIC_POINTS }), Type.Null()], { description: `a line of up to ${MAX_TOPIC} characters` })),
  private: Type.Optional(Type.Union([Type.Boolean(), Type.Null()], { description: 'only who has a right to it can read it, or know of it' })),
  posting: Type.Optional(Type.Union([Posting, Type.Null()])),
  slowMode: Type.Optional(Type.Union([Type.Integer({ minimum: 0, maximum: LONGEST_SLOW_MODE_S }), Type.Null()], { description: 'seconds that everybody waits after each message' }))
}
const Body = Type.Object({ ...Changes, reason: Type.Optional(Reason), key: Type.Optional(Key) }, { additionalProperties: false })

const RoomView = {
  room: RoomName,
  topic: Type.Optional(Type.String()),
  private: Type.Boolean({ description: 'only who has a right to it can read it, or know of it' }),
  posting: Posting,
  slowMode: Type.Integer({ description: 'seconds that everybody waits after each message; moderators do not' }),
  floor: EventIdText,
  head: EventIdText,
  online: Type.Integer(),
  may: Type.Object({ write: Type.Boolean(), moderate: Type.Boolean() }, { description: 'what you may do here' }),
  reports: Type.Optional(Type.Integer({ description: 'how many wait for its moderators, whom alone it is told' }))
}
const View = Type.Object(RoomView)

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, engine, registry, reports, rooms, sessions } = fastify

  const viewOf = async (session: Session | undefined, room: string, request: FastifyRequest): Promise<Static<typeof View>> => {
    const { topic, posting = 'everybody', slowMode = 0 } = rooms.settings(room)
    const [{ floor, head }, { count: online }] = await Promise.all([engine.read(room, { limit: 1 }), registry.look(room, 0)])
    const may = (right: 'write' | 'moderate'): boolean => access.refusal(session, right, room, fastify.hashOfAddress(request.ip)) === undefined
    const moderate = may('moderate')
    const member = posting === 'members' && session !== undefined && access.isMember(session, room)
    const write = may('write') && (posting === 'everybody' || moderate || member)
    return { room, ...(topic !== undefined && { topic }), private: rooms.isPrivate(room), posting, slowMode, floor, head, online, may: { write, moderate }, ...(moderate && { reports: await reports.count(room) }) }
  }

  fastify.get('/rooms/:room', {
    schema: {
      tags: ['rooms'],
      summary: 'A room: its topic, how it is kept, who may do what',
      params: Type.Object({ room: RoomName }),
      querystring: NoQuery,
      response: { 200: View, ...failures(400, 401, 403, 404, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.find(request, reply)
    const { room } = request.params
    access.check(session, 'read', room, request)
    return viewOf(session, room, request)
  })

  fastify.patch('/rooms/:room', {
    schema: {
      tags: ['moderation'],
      summary: 'Change how a room is kept: topic, private, who posts, slow mode',
      description: 'By its moderators; null sets it as it is everywhere. Its readers are told by an event `room`. What PRIVATE_ROOMS names, only who moderates every room opens.',
      params: Type.Object({ room: RoomName }),
      querystring: NoQuery,
      body: Body,
      response: {
        200: Type.Object({ ...RoomView, action: Type.Optional({ ...ActionView, description: 'missing where all was so already' } as typeof ActionView) }),
        ...failures(400, 401, 403, 404, 409, 413, 415, 421, 429, 503)
      }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { params: { room }, body: { reason: why, key, ...wish } } = request
    if (Object.keys(wish).length === 0) throw new errors.InvalidBody(`it names none of ${SETTINGS.join(', ')}`)
    const set = changesOf(wish)
    const reason = lineOf('reason', why)
    access.checkModerator(session, room, request)
    const recorded = await fastify.changeRoom(session, { room, set, ...(reason !== undefined && { reason }), ...(key !== undefined && { once: { key, wish: [room, set, reason] } }) })
    return { ...await viewOf(session, room, request), ...(recorded !== undefined && { action: actionOf(recorded.action) }) }
  })
}

export default route

/** What is the same as nothing is null. @throws {errors.InvalidBody} {errors.TextMalformed} */
function changesOf ({ topic: text, posting, slowMode, ...others }: RoomChanges): RoomChanges {
  const topic = text == null ? text : lineOf('topic', text) ?? null
  if (topic != null && [...graphemes.segment(topic)].length > MAX_TOPIC) throw new errors.InvalidBody(`"topic" has more than ${MAX_TOPIC} characters`)
  return {
    ...others,
    ...(topic !== undefined && { topic }),
    ...(posting !== undefined && { posting: posting === 'everybody' ? null : posting }),
    ...(slowMode !== undefined && { slowMode: slowMode === 0 ? null : slowMode })
  }
}
