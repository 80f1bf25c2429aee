import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { errors } from '../errors.js'
import { failures } from '../schemas.js'

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { engine, broadcaster, draining } = fastify

  fastify.get('/healthz', {
    schema: {
      tags: ['health'],
      summary: 'Whether the process works',
      response: {
        200: Type.Object({ status: Type.Literal('ok'), durability: Type.String(), streams: Type.Integer() })
      }
    }
  }, async () => ({ status: 'ok' as const, durability: engine.durability, streams: broadcaster.streams }))

  fastify.get('/readyz', {
    schema: {
      tags: ['health'],
      summary: 'Whether it should be sent requests',
      response: { 200: Type.Object({ status: Type.Literal('ready') }), ...failures(503) }
    }
  }, async () => {
    if (draining.since !== undefined) throw new errors.NotReady('it is going down')
    await engine.check().catch(() => { throw new errors.NotReady('the store cannot be written') })
    return { status: 'ready' as const }
  })
}

export default route
