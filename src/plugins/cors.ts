import cors from '@fastify/cors'
import fp from 'fastify-plugin'

/** s for which a browser need not ask again; none takes more than a day. */
const ASKED_AGAIN_S = 86_400

/**
 * Lets the pages of CORS_ORIGINS read answers, and send what a page of another site must ask for first. They bring a token: cookies
 * are not for them.
 */
export default fp(async (fastify) => {
  const { CORS_ORIGINS } = fastify.config
  if (CORS_ORIGINS.length === 0) return
  await fastify.register(cors, {
    origin: CORS_ORIGINS,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'last-event-id', 'hubbub-client'],
    exposedHeaders: ['retry-after', 'www-authenticate'],
    maxAge: ASKED_AGAIN_S,
    // Who asks without saying where from is answered like anybody else.
    strictPreflight: false
  })
}, { name: 'cors', dependencies: ['config', 'cross-site'] })
