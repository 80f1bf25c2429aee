import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { RoomInfo } from '../engines/engine.js'
import { ANSWER_BYTES, EventIdText, EventView, RoomName, failures } from '../schemas.js'
import { Turns } from '../turns.js'

/** Histories read within one turn of the event loop: a long one is some 4 ms of work, and whoever posts waits behind no more. */
const READ_AT_ONCE = 1
/** Who wants more of them waits, so that everything else has three quarters of the time. */
const REST = 3
/** Rooms looked at within one such turn: whoever may know of few of them has the store go through them all. */
const PAGE = 500

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const turns = new Turns(READ_AT_ONCE, { rest: REST })
  const { access, engine, registry, rooms: settings, sessions } = fastify

  fastify.get('/rooms', {
    schema: {
      tags: ['rooms'],
      summary: 'The rooms that hold an event',
      querystring: Type.Object({
        after: Type.Optional(RoomName),
        limit: Type.Integer({ minimum: 1, maximum: 500, default: 100 })
      }, { additionalProperties: false }),
      response: {
        200: Type.Object({
          rooms: Type.Array(Type.Object({
            room: RoomName,
            events: Type.Integer({ description: 'kept' }),
            floor: EventIdText,
            head: EventIdText,
            online: Type.Integer()
          }))
        }),
        ...failures(400, 401, 403, 404, 421, 429, 503)
      }
    }
  }, async (request, reply) => {
    const session = await sessions.find(request, reply)
    const { query: { after, limit } } = request
    const found: RoomInfo[] = []
    // Those that may not be known of are passed over, and the answer is none the shorter.
    for (let from = after, more = access.anywhere(session, 'read'); more && found.length < limit;) {
      await turns.take()
      if (reply.raw.destroyed) return reply.hijack() // Nobody waits for it any more.
      const some = await engine.rooms({ limit: PAGE, ...(from !== undefined && { after: from }) })
      found.push(...some.filter(({ room }) => settings.exists(room) && access.may(session, 'read', room)))
      more = some.length === PAGE
      from = some.at(-1)?.room
    }
    return { rooms: await Promise.all(found.slice(0, limit).map(async (info) => ({ ...info, online: (await registry.look(info.room, 0)).count }))) }
  })

  fastify.get('/rooms/:room/events', {
    schema: {
      tags: ['rooms'],
      summary: 'A room\'s history, oldest first',
      description: 'The newest events, or those before or after one. `after=0-0` starts at the oldest kept. An answer of very long events has fewer than asked for.',
      params: Type.Object({ room: RoomName }),
      querystring: Type.Object({
        before: Type.Optional(EventIdText),
        after: Type.Optional(EventIdText),
        limit: Type.Integer({ minimum: 1, maximum: 500, default: 50 })
      }, { additionalProperties: false }),
      response: {
        200: Type.Object({
          events: Type.Array(EventView),
          floor: Type.String({ description: 'the last id that is no longer kept: history begins after it' }),
          head: EventIdText
        }),
        ...failures(400, 401, 403, 404, 421, 429, 503)
      }
    }
  }, async (request, reply) => {
    const { params, query } = request
    access.check(await sessions.find(request, reply), 'read', params.room, request)
    await turns.take()
    if (reply.raw.destroyed) return reply.hijack() // Nobody waits for it any more.
    const { entries, floor, head } = await engine.read(params.room, { ...query, bytes: ANSWER_BYTES })
    const events = entries.map(({ json }) => json).join(',')
    return reply
      .headers({ 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache' })
      .send(`{"events":[${events}],"floor":"${floor}","head":"${head}"}` as never) // Already JSON: as stored, not made again.
  })
}

export default route
