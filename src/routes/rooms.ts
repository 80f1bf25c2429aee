import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { ANSWER_BYTES, EventIdText, EventView, RoomName, failures } from '../schemas.js'

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { engine, registry } = fastify

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
        ...failures(400, 429, 503)
      }
    }
  }, async ({ query }) => {
    const rooms = await engine.rooms(query)
    return { rooms: await Promise.all(rooms.map(async (info) => ({ ...info, online: (await registry.look(info.room, 0)).count }))) }
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
        ...failures(400, 429, 503)
      }
    }
  }, async ({ params, query }, reply) => {
    const { entries, floor, head } = await engine.read(params.room, { ...query, bytes: ANSWER_BYTES })
    const events = entries.map(({ json }) => json).join(',')
    return reply
      .headers({ 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache' })
      .send(`{"events":[${events}],"floor":"${floor}","head":"${head}"}` as never) // Already JSON: as stored, not made again.
  })
}

export default route
