import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { metrics } = fastify

  fastify.get('/metrics', {
    config: { kind: 'probe' },
    schema: {
      tags: ['health'],
      summary: 'What the server does, for Prometheus',
      response: { 200: { description: 'Prometheus\'s text format', content: { 'text/plain': { schema: Type.String() } } } }
    }
  }, async (_request, reply) => reply
    .headers({ 'content-type': metrics.contentType, 'cache-control': 'no-cache' })
    .send(await metrics.metrics()))
}

export default route
