import accepts from '@fastify/accepts'
import fp from 'fastify-plugin'

/** What a client would rather have, by its headers `Accept` and `Accept-Language`. */
export default fp(async (fastify) => {
  await fastify.register(accepts)
}, { name: 'negotiation' })
