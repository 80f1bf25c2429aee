import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errors } from '../errors.js'
import { NoQuery, UserIdText, failures } from '../schemas.js'

const Person = Type.Object({ id: UserIdText })
const KEPT = 'Entries of the moderation log stay, as the host\'s own record, and so do bans and mutes that hold, and what moderators have said of the user. Backups, and pages that the store has freed and not yet used again, may hold the rest for a while.'

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { personalData, sessions } = fastify
  const checkOperator = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if ((await sessions.need(request, reply)).kind !== 'operator') throw new errors.Forbidden('do this from here; whoever runs this place does it on its machine, by the command line')
  }

  fastify.get('/users/:id/data', {
    schema: {
      tags: ['admin'],
      summary: 'All that is kept of a user, one JSON object a line',
      description: 'For the command line alone: `hubbub user export <id>`.',
      params: Person,
      querystring: NoQuery,
      response: { 200: { description: 'one JSON object a line', content: { 'application/x-ndjson': { schema: Type.String() } } }, ...failures(400, 401, 403, 421, 429, 503) }
    }
  }, async (request, reply) => {
    await checkOperator(request, reply)
    const lines = async function * (): AsyncGenerator<string, void, void> {
      for await (const one of personalData.export(request.params.id)) yield `${JSON.stringify(one)}\n`
    }
    return reply.headers({ 'content-type': 'application/x-ndjson; charset=utf-8', 'cache-control': 'no-store' }).send(Readable.from(lines()) as never)
  })

  fastify.delete('/users/:id/data', {
    schema: {
      tags: ['admin'],
      summary: 'Erases all that is kept of a user, but what the moderation log says',
      description: 'For the command line alone: `hubbub user erase <id>`.',
      params: Person,
      querystring: NoQuery,
      response: {
        200: Type.Object({ events: Type.Integer(), rooms: Type.Integer(), unreadable: Type.Array(Type.String(), { description: 'rooms that cannot be read now, and may hold more' }), kept: Type.String({ description: 'what is not erased, in words' }) }),
        ...failures(400, 401, 403, 413, 415, 421, 429, 503)
      }
    }
  }, async (request, reply) => {
    await checkOperator(request, reply)
    return { ...await personalData.erase(request.params.id), kept: KEPT }
  })
}

export default route
