import { hash } from 'node:crypto'
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyPluginAsync } from 'fastify'
import type { PostResult } from '../chat/activity.js'
import { DEFAULT_ROOM, MESSAGE, TYPE_PATTERN } from '../chat/event.js'
import { MAX_MESSAGE, checkContent } from '../content.js'
import { errors } from '../errors.js'
import { Durability, EventIdText, EventView, NoQuery, RoomName, failures } from '../schemas.js'

const Post = Type.Object({
  message: Type.Optional(Type.String({ maxLength: MAX_MESSAGE, description: 'the text; may be left out where `data` is given with a `type` of your own' })),
  room: Type.Optional(RoomName),
  type: Type.Optional(Type.String({ pattern: TYPE_PATTERN, description: 'the SSE event name of a program\'s own event' })),
  key: Type.Optional(Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'makes a retry safe for 24 h: the same key from the same user in the same room is stored once'
  })),
  replyTo: Type.Optional(EventIdText),
  data: Type.Optional(Type.Object({}, { additionalProperties: true, description: 'for programs: any JSON object' }))
}, { additionalProperties: false })

type Content = Pick<Static<typeof Post>, 'message' | 'type' | 'replyTo' | 'data'>

const Stored = { success: Type.Literal(true), durability: Durability }
const Token = Type.Optional(Type.String({ description: 'yours from now on, where you came without one' }))
const Gone = Type.Object({ id: EventIdText, gone: Type.Literal(true) }, { description: 'the event of this key is no longer kept' })

const route: FastifyPluginAsync = async (fastify) => {
  const { access, engine, activity, broadcaster, posting, registry } = fastify

  fastify.post<{ Body: Static<typeof Post> }>('/events', {
    schema: {
      tags: ['events'],
      summary: 'Post an event',
      description: 'Answered when it is stored; then everybody gets it. A caller without a session gets one, in the cookie and as `token`.',
      querystring: NoQuery,
      body: Post,
      response: {
        201: Type.Object({ ...Stored, event: EventView, token: Token }, { description: 'stored' }),
        200: Type.Object({ ...Stored, event: Type.Union([EventView, Gone]) }, { description: 'stored before, under the same key' }),
        ...failures(400, 401, 403, 404, 409, 413, 415, 421, 429, 503)
      }
    },
    // Before the answer is written: a caller that has left is no less answered.
    onSend: (_request, reply, payload, done) => {
      activity.posts[resultOf(reply.statusCode)]++
      done(null, payload)
    }
  }, async (request, reply) => {
    const { room = DEFAULT_ROOM, key, ...content } = request.body
    checkContent(content)
    const session = await posting.admit(request, reply, { room, key, ...content })
    const { user, token } = session
    await broadcaster.keepPace(room)
    // Whoever has been banned or muted while they waited is not heard any more.
    access.check(session, 'write', room, request)

    const after = broadcaster.head(room)
    const asked = performance.now()
    const appended = await engine.append({
      room,
      draft: { type: MESSAGE, user, ...content },
      ...(after !== undefined && { after }),
      ...(key !== undefined && { idempotency: { scope: user.id, key, fingerprint: fingerprint(content) } })
    })
    activity.onAppend(performance.now() - asked)
    reply.type('application/json; charset=utf-8')
    if (appended.status === 'stored') {
      registry.names.spoke(user)
      return reply.code(201).send(answer(appended.entry.json, token))
    }
    if (appended.status === 'no-original') throw new errors.ReplyUnknown(content.replyTo, room)
    if (appended.fingerprint !== fingerprint(content)) throw new errors.KeyReused()
    const { id, entry } = appended
    const gone = entry === undefined || entry.event.deleted !== undefined
    return reply.code(200).send(answer(gone ? JSON.stringify({ id, gone }) : entry.json))
  })

  /** The event's JSON is the one that is stored and streamed; it is not made again. */
  function answer (event: string, token?: string): string {
    const extra = token === undefined ? '' : `,"token":${JSON.stringify(token)}`
    return `{"success":true,"event":${event},"durability":"${engine.durability}"${extra}}`
  }
}

export default route

function resultOf (status: number): PostResult {
  switch (status) {
    case 201: return 'stored'
    case 200: return 'repeated'
    case 401: return 'unauthorized'
    case 403:
    case 404: return 'forbidden'
    case 429: return 'limited'
    case 503: return 'unavailable'
  }
  return status < 500 ? 'invalid' : 'failed'
}

/** Tells two posts under one key apart. */
function fingerprint ({ message, type = MESSAGE, replyTo, data }: Content): string {
  return hash('sha256', JSON.stringify([message, type, replyTo, data]), 'base64url')
}
