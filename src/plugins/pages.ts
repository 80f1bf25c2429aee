import { fileURLToPath } from 'node:url'
import files from '@fastify/static'
import fp from 'fastify-plugin'

const ROOT = fileURLToPath(new URL('../../static/', import.meta.url))

/** The page and its files. */
export default fp(async (fastify) => {
  fastify.addHook('onRoute', (route) => {
    if (route.url === '/*') route.config = { ...route.config, kind: 'file' }
  })
  await fastify.register(files, {
    root: ROOT,
    index: false,
    cacheControl: false,
    // Private: the page comes with its guest's cookie, which must not be given to another.
    setHeaders: (reply) => { reply.header('cache-control', 'private, no-cache') }
  })
  fastify.get('/', { schema: { hide: true }, config: { kind: 'page' } }, async (request, reply) => {
    // The page arrives with its guest's cookie, so that all the requests it then makes at once are one guest's.
    // Where nobody becomes a guest, now or at all, it is the page that says so.
    await fastify.sessions.findOrMake(request, reply).catch((error: { statusCode?: number }) => {
      if (![401, 403, 429].includes(error.statusCode ?? 0)) throw error
    })
    return reply.sendFile('index.html')
  })
}, { name: 'pages', dependencies: ['edge', 'sessions'] })
