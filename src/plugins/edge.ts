import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { basePath } from '../public-url.js'
import { InvalidConfig } from './config.js'

/**
 * What an answer is for: a program, or our own page (`api`); a person, to look at (`page`, `docs`); any page, as a part of it
 * (`file`); who watches over the server (`probe`).
 */
export type Kind = 'api' | 'page' | 'docs' | 'file' | 'probe'

export interface Edge {
  /** The path before ours, with a slash at both ends: `/`, or `/chat/`. */
  readonly base: string
  /** Whether we answer for a host: none that somebody else's DNS could lead to us. @param host the header, a port included */
  answersFor (host: string): boolean
  /** Whether the browser has come by HTTPS. */
  isSecure (request: FastifyRequest): boolean
  /** The same, under a name that browsers may be told to come to by HTTPS only. */
  isSecureForGood (request: FastifyRequest): boolean
  /** Whether pages of this origin come from where the request was sent. */
  isOwn (origin: string, request: FastifyRequest): boolean
  /** The session's cookie. No other name counts, since pages of other hosts and whoever is on the way could set it. */
  cookieOf (request: FastifyRequest): { name: string, secure: boolean }
}

declare module 'fastify' {
  interface FastifyInstance {
    edge: Edge
  }
  interface FastifyContextConfig {
    /** What the route's answers are for; `api` where it does not say. */
    kind?: Kind
  }
}

/** RFC 9110 §7.2: a name or an address, IPv6 in brackets, and perhaps a port. */
const HOST = /^(?:\[([\da-f:.]+)\]|([^\s:/?#@\\[\]]+?)\.?)(?::\d*)?$/i

/** An address, or a name that is always this machine's own: neither is asked of a DNS. */
function isLocal (name: string): boolean {
  return isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')
}

function nameOf (host: string): string | undefined {
  const [, address, name] = HOST.exec(host) ?? []
  return (address ?? name)?.toLowerCase()
}

/** Where browsers find us, as PUBLIC_URL says, and how a request has come from there. */
export default fp(async (fastify) => {
  const { PUBLIC_URL } = fastify.config
  const known = PUBLIC_URL === undefined ? undefined : new URL(PUBLIC_URL)
  const publicName = known === undefined ? undefined : nameOf(known.host)
  const base = basePath(PUBLIC_URL)
  // A browser leaves the scheme's own port out, not so everything that is on the way.
  const secureHosts = new Set(known?.protocol === 'https:' ? [known.host, `${known.hostname}:${known.port || 443}`] : [])

  const isSecurePublic = ({ headers: { host } }: FastifyRequest): boolean => host !== undefined && secureHosts.has(host.toLowerCase())
  const isSecure: Edge['isSecure'] = (request) => isSecurePublic(request) || request.protocol === 'https'
  const lasting = publicName !== undefined && !isLocal(publicName)
  // Two Hubbubs of one host have paths of their own, and a cookie each.
  const name = `hubbub${base.slice(0, -1).replace(/^\//, '-').replace(/[^a-z\d-]/gi, (character) => `_${character.charCodeAt(0).toString(16)}`)}`

  fastify.decorate('edge', {
    base,
    answersFor: (host) => {
      const asked = nameOf(host)
      // Whatever the port: it is the name that could be led here.
      return asked !== undefined && (asked === publicName || isLocal(asked))
    },
    isSecure,
    isSecureForGood: (request) => lasting && isSecurePublic(request),
    isOwn: (origin, request) => {
      if (origin === known?.origin) return true
      const host = request.headers.host?.toLowerCase()
      // Where TLS ends at a proxy that we do not know, the browser knows better than we do. A page that came by HTTP has no say by HTTPS.
      return origin === `https://${host}` || (origin === `http://${host}` && !isSecure(request))
    },
    cookieOf: (request) => isSecure(request) ? { name: `__Host-${name}`, secure: true } : { name, secure: false }
  })

  if (base === '/') return
  const bare = base.slice(0, -1)
  fastify.addHook('onRequest', (request, reply, done) => {
    const [, path, query] = /^([^?]*)(.*)$/s.exec(request.url)!
    // What is relative in the page begins at the last slash.
    if (path === bare) return void reply.redirect(`./${base.split('/').at(-2)!}/${query}`)
    done()
  })
  let taken: string | undefined
  fastify.addHook('onRoute', ({ url }) => { if (`${url}/`.startsWith(base)) taken = url })
  fastify.addHook('onReady', async () => {
    if (taken !== undefined) throw new InvalidConfig(`PUBLIC_URL cannot be ${JSON.stringify(PUBLIC_URL)}: it wants another path, since ${taken} is one of ours`)
  })
}, { name: 'edge', dependencies: ['config'] })
