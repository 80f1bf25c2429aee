import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import compress from '@fastify/compress'
import files from '@fastify/static'
import type { onSendHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { digestOf, isKept } from '../etag.js'
import { varyBy } from '../vary.js'

/** Where the files lie. */
export const STATIC = fileURLToPath(new URL('../../static/', import.meta.url))

const HEADERS = {
  'cache-control': 'private, no-cache',
  // Everybody is sent the same, whoever asks. A script of ours in a page of another site is a module, which browsers load by CORS only.
  'access-control-allow-origin': '*'
}

/** What the pages are made of. Files, like pages, come compressed. */
export default fp(async (fastify) => {
  fastify.addHook('onRoute', (route) => {
    if (route.url === '/*') route.config = { ...route.config, kind: 'file' }
    const { kind } = route.config ?? {}
    // Neither streams, nor answers: these are small, and may have a secret beside what others have written (BREACH).
    if (kind === 'page' || kind === 'file') Object.assign(route, { compress: {}, onSend: beforeCompression })
  })
  await fastify.register(compress, { global: false, encodings: ['br', 'gzip'] })
  await fastify.register(files, {
    root: STATIC,
    index: false,
    // What pages are made from is none.
    allowedPath: (path) => !path.startsWith('/pages/'),
    cacheControl: false,
    setHeaders: (reply) => { reply.headers(HEADERS) }
  })

  // As it is in its package, since nothing is built for browsers here. The file of this name in static/ is for Node.
  const parser = parserText()
  const etag = `W/"${digestOf(parser)}"`
  fastify.get('/vendor/eventsource-parser.js', { schema: { hide: true }, config: { kind: 'file' } }, async (request, reply) => {
    reply.headers({ ...HEADERS, etag })
    if (isKept(request, etag)) return reply.code(304).send()
    return reply.type('text/javascript; charset=utf-8').send(parser)
  })
}, { name: 'files', dependencies: ['edge'] })

const beforeCompression: onSendHookHandler = (_request, reply, payload, done) => {
  // Spelt as by @fastify/compress, which says it only of what it compresses.
  varyBy(reply, 'accept-encoding')
  // Nothing is sent: neither is it compressed.
  done(null, reply.statusCode === 304 ? null : payload)
}

/** The parser's code, for browsers: without its map, which is not served, and with whose it is, as its licence wants. */
function parserText (): string {
  const { name, version, license, author } = createRequire(import.meta.url)('eventsource-parser/package.json') as Record<string, string>
  const code = readFileSync(fileURLToPath(import.meta.resolve('eventsource-parser')), 'utf8')
  return `// ${name} ${version}, ${license} licence, ${author}\n${code.replace(/^\/\/# sourceMappingURL=.*\n?/m, '')}`
}
