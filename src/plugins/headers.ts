import { createHash } from 'node:crypto'
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { accentStyle } from '../accent.js'

/** By HTTP; by HTTPS; by HTTPS under a name that browsers may keep to HTTPS. */
const WAYS = ['http', 'https', 'https-for-good'] as const
type Way = typeof WAYS[number]
const POLICIES = ['api', 'page', 'docs'] as const
type Policy = typeof POLICIES[number]
type Headers = Record<string, string>

/** s: a year */
const HTTPS_ONLY_S = 31_536_000

const NONE = ["'none'"]
const SELF = ["'self'"]
/** The colours of Swagger UI's logo, its one style in markup. */
const SWAGGER_STYLE = "'sha256-RL3ie0nH+Lzz2YNqQN83mnU0J1ot4QL7b99vMdIX99w='"

/**
 * The headers that tell a browser what it must not do, from @fastify/helmet.
 *
 * It is asked when the server starts: to put them together for every answer would take as long as a post.
 */
export default fp(async (fastify) => {
  const { edge, config } = fastify
  const headers = await headersOf(fastify)
  const wayOf = (request: FastifyRequest): Way => !edge.isSecure(request) ? 'http' : edge.isSecureForGood(request) ? 'https-for-good' : 'https'
  fastify.addHook('onRequest', (request, reply, done) => {
    const { kind = 'api' } = request.routeOptions.config
    // Nothing else is what people would look for; least of all invitations.
    if (config.ROBOTS === 'noindex' || request.routeOptions.url !== '/') reply.header('x-robots-tag', 'noindex')
    reply.headers(headers[kind === 'file' ? 'page' : kind === 'probe' ? 'api' : kind][wayOf(request)])
    done()
  })
}, { name: 'headers', dependencies: ['edge'] })

/** What helmet makes of our options. */
async function headersOf ({ config }: FastifyInstance): Promise<Record<Policy, Record<Way, Headers>>> {
  const answer = Fastify()
  await answer.register(helmet, { global: false })
  answer.get('/bare', () => '')
  for (const policy of POLICIES) for (const way of WAYS) answer.get(`/${policy}/${way}`, { helmet: optionsFor(policy, way, config) }, () => '')
  const headersAt = async (path: string): Promise<Headers> => (await answer.inject(path)).headers as Headers
  const bare = await headersAt('/bare')
  const added = async (path: string): Promise<Headers> =>
    Object.fromEntries(Object.entries(await headersAt(path)).filter(([name]) => !(name in bare)))
  const entries = POLICIES.map(async (policy) => [policy, Object.fromEntries(await Promise.all(WAYS.map(async (way) => [way, await added(`/${policy}/${way}`)])))])
  return Object.fromEntries(await Promise.all(entries))
}

function optionsFor (policy: Policy, way: Way, config: FastifyInstance['config']): FastifyHelmetOptions {
  const { EMBED_ORIGINS, CSP_REPORT_URI } = config
  const shown = policy !== 'api'
  const secure = way !== 'http'
  const framed = policy === 'page' ? EMBED_ORIGINS : []
  const common = {
    defaultSrc: NONE,
    connectSrc: SELF,
    baseUri: NONE,
    ...(shown && secure && { upgradeInsecureRequests: [] }),
    ...(shown && CSP_REPORT_URI !== undefined && { reportUri: [CSP_REPORT_URI] })
  }
  const page = { ...common, scriptSrc: SELF, styleSrc: SELF, imgSrc: SELF, fontSrc: SELF, manifestSrc: SELF, workerSrc: SELF, formAction: SELF, frameAncestors: [...SELF, ...framed] }
  const directives = {
    // Nothing in an answer runs. Only the console that somebody opens on one connects, to try the lines of the README.
    api: { ...common, formAction: NONE, frameAncestors: NONE },
    // Should text ever become markup in the page, the browser refuses.
    page: { ...page, styleSrc: [...SELF, ...accentOf(config)], requireTrustedTypesFor: ["'script'"], trustedTypes: NONE },
    // Swagger UI makes markup of text, and has its images in it.
    docs: { ...page, styleSrc: [...SELF, SWAGGER_STYLE], imgSrc: [...SELF, 'data:'] }
  }[policy]
  return {
    contentSecurityPolicy: { useDefaults: false, directives },
    // Pages of other sites load what they embed, also where they are isolated.
    crossOriginResourcePolicy: { policy: policy === 'page' ? 'cross-origin' : 'same-origin' },
    // By plain HTTP browsers ignore these two, and warn of it.
    crossOriginOpenerPolicy: shown && secure && { policy: 'same-origin' },
    originAgentCluster: shown && secure,
    // The hosts below ours may be somebody else's.
    strictTransportSecurity: way === 'https-for-good' && { maxAge: HTTPS_ONLY_S, includeSubDomains: false },
    referrerPolicy: { policy: 'same-origin' },
    // It cannot name an origin.
    xFrameOptions: shown && framed.length === 0 && { action: 'sameorigin' },
    crossOriginEmbedderPolicy: false,
    xDnsPrefetchControl: shown,
    // For browsers of another time.
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false
  }
}

/** The host's own colour is in the page's markup. */
function accentOf (config: FastifyInstance['config']): string[] {
  const style = accentStyle(config)
  return style === undefined ? [] : [`'sha256-${createHash('sha256').update(style).digest('base64')}'`]
}
