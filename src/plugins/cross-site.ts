import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { errors } from '../errors.js'

const READS = new Set(['GET', 'HEAD'])
/** What makes a guest of whoever has not been here, or shows who is here, without a page of ours. */
const TELLING = new Set(['/events', '/users/me'])

/**
 * Refuses what a page of another site makes a browser send: it would speak as its user, or show the user as present. Browsers say where
 * a request comes from by `Origin` (whatever writes, and what reads by CORS) and `Sec-Fetch-Site`; programs send neither.
 */
export default fp(async (fastify) => {
  const { edge, config: { CORS_ORIGINS, EMBED_ORIGINS } } = fastify
  const listed = new Set(CORS_ORIGINS)

  fastify.addHook('onRequest', (request, _reply, done) => {
    const stranger = strangerOf(request)
    done(stranger === undefined ? undefined : new errors.CrossSite(stranger))
  })

  /** What a request says of the other site that it comes from; undefined where it comes from none, or may. */
  function strangerOf (request: FastifyRequest): string | undefined {
    const { method, headers } = request
    const { origin, 'sec-fetch-site': site } = headers
    if (origin === undefined && site === undefined && !isBrowser(request)) return undefined
    const { kind } = request.routeOptions.config
    const reads = READS.has(method)
    if (kind === 'probe' || (reads && kind === 'file')) return undefined
    if (origin !== undefined) {
      if (listed.has(origin)) return undefined
      if (!edge.isOwn(origin, request)) return origin
    }
    if (site === 'same-origin' || site === 'none') return undefined
    if (site === undefined) return origin !== undefined || isOurs(request) ? undefined : 'it does not say which'
    if (!reads || headers['sec-fetch-mode'] !== 'navigate') return site
    // Ahead of time, a browser asks before anybody wants to come.
    if (headers['sec-purpose'] !== undefined || headers['purpose'] !== undefined) return `${site}, ahead of time`
    if (headers['sec-fetch-dest'] === 'document') return undefined
    // In a frame: whether it may be shown there is for the page's own policy to say.
    return kind === 'page' && EMBED_ORIGINS.length > 0 ? undefined : `${site}, in a frame; EMBED_ORIGINS is for those`
  }

  /**
   * By plain HTTP, but on the machine itself, browsers send no Sec-Fetch-Site (it is for trustworthy addresses), and an image, a script
   * or a simple fetch says nothing of where it comes from. So a browser's request shows itself as ours by what those cannot send. A visit
   * cannot be told from a frame.
   */
  function isOurs (request: FastifyRequest): boolean {
    const { referer, 'hubbub-client': client, 'upgrade-insecure-requests': navigation } = request.headers
    if (client !== undefined || (navigation !== undefined && !TELLING.has(request.routeOptions.url ?? ''))) return true
    return referer !== undefined && URL.canParse(referer) && edge.isOwn(new URL(referer).origin, request)
  }
}, { name: 'cross-site', dependencies: ['edge', 'hosts'] })

function isBrowser ({ headers }: FastifyRequest): boolean {
  return headers['accept-language'] !== undefined && /^Mozilla\//.test(headers['user-agent'] ?? '')
}
