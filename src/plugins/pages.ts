import { fileURLToPath } from 'node:url'
import files from '@fastify/static'
import fp from 'fastify-plugin'

const ROOT = fileURLToPath(new URL('../../static/', import.meta.url))

/** Everything the page needs comes from here, and nothing in it is inline. */
const POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"

/** The page and its files. */
export default fp(async (fastify) => {
  await fastify.register(files, {
    root: ROOT,
    index: false,
    cacheControl: false,
    setHeaders: (response) => {
      // Private: the page comes with its guest's cookie, which must not be given to another.
      response.setHeader('cache-control', 'private, no-cache')
      response.setHeader('content-security-policy', POLICY)
      response.setHeader('referrer-policy', 'same-origin')
      response.setHeader('x-content-type-options', 'nosniff')
    }
  })
  fastify.get('/', { schema: { hide: true } }, async (request, reply) => {
    // The page arrives with its guest's cookie, so that all the requests it then makes at once are one guest's.
    // Where nobody becomes a guest, now or at all, it is the page that says so.
    await fastify.sessions.findOrMake(request, reply).catch((error: { statusCode?: number }) => {
      if (![401, 403, 429].includes(error.statusCode ?? 0)) throw error
    })
    return reply.sendFile('index.html')
  })
}, { name: 'pages', dependencies: ['sessions'] })
