import rateLimit from '@fastify/rate-limit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { errors } from '../errors.js'

/** s after which a program may ask a full server again. */
const FULL_RETRY_S = 30

interface Limits {
  /** @throws {errors.TooManyRequests} */
  post (request: FastifyRequest, reply: FastifyReply, userId: string): Promise<void>
  /** @throws {errors.TooManyRequests} */
  newGuest (request: FastifyRequest, reply: FastifyReply): Promise<void>
  /** @throws {errors.NodeFull} */
  stream (reply: FastifyReply): void
}

declare module 'fastify' {
  interface FastifyInstance {
    limits: Limits
  }
  interface FastifyRequest {
    /** Whom a limit counts for: a user or an address. */
    limited: string
  }
}

export default fp(async (fastify) => {
  const { LIMITS, POSTS_PER_MINUTE, GUESTS_PER_MINUTE, MAX_STREAMS } = fastify.config
  if (LIMITS === 'off') {
    fastify.log.warn('LIMITS=off: nothing is limited; for benchmarks only')
    fastify.decorate('limits', { post: async () => {}, newGuest: async () => {}, stream: () => {} })
    return
  }
  await fastify.register(rateLimit, { global: false, timeWindow: '1 minute' })
  fastify.decorateRequest('limited', '')

  const limit = (what: string, max: number) => {
    const check = fastify.createRateLimit({ max, keyGenerator: (request) => `${what} ${request.limited}` })
    return async (request: FastifyRequest, reply: FastifyReply, who: string): Promise<void> => {
      request.limited = who
      const result = await check(request)
      if (result.isAllowed || !result.isExceeded) return
      reply.header('retry-after', result.ttlInSeconds)
      throw new errors.TooManyRequests(what, result.ttlInSeconds)
    }
  }
  const posts = limit('posts by you', POSTS_PER_MINUTE)
  const guests = limit('new guests from your address', GUESTS_PER_MINUTE)
  fastify.decorate('limits', {
    post: posts,
    newGuest: (request, reply) => guests(request, reply, request.ip),
    stream: (reply) => {
      if (fastify.broadcaster.streams < MAX_STREAMS) return
      reply.header('retry-after', FULL_RETRY_S)
      throw new errors.NodeFull(FULL_RETRY_S)
    }
  })
}, { name: 'limits', dependencies: ['config', 'broadcaster'] })
