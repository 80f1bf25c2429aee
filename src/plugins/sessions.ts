import { randomBytes, timingSafeEqual } from 'node:crypto'
import cookie from '@fastify/cookie'
import { decodeJwt } from 'jose'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { customAlphabet } from 'nanoid'
import { Lru } from 'toad-cache'
import type { User } from '../chat/event.js'
import { cleanName, nameless, tagOf } from '../chat/names.js'
import type { Grants } from '../chat/rights.js'
import { errors } from '../errors.js'
import { botOf } from './api-tokens.js'
import { ISSUER, type Guest } from './guest-tokens.js'
import type { HostClaims } from './host-tokens.js'
import type { Signed } from './revocations.js'

/** Letters and digits alone: an id that begins with a hyphen would be an option to a command line. */
const newUserId = customAlphabet('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', 16)

/** Part of a token's life after which a page gets a new one. */
const RENEW_AFTER = 0.1
/** Users of whom it is known whether they have another name than their tokens say. */
const NAMES_KNOWN = 10_000
/** Tokens of other applications that have been checked, and the ms for which they are not checked again. */
const HOSTS_KNOWN = 10_000
const HOSTS_KNOWN_MS = 60_000

/** Whoever runs this place, by the command line: everything is allowed, everywhere. */
export const OPERATOR: User = { id: '~operator', name: 'operator', tag: tagOf('~operator') }

export interface Session {
  user: User
  /** By what it has come in: as a guest, by a token that another application has signed, by an API token, by the command line. */
  kind: 'guest' | 'host' | 'bot' | 'operator'
  /** Of a guest: where it was made just now. A program keeps it, a page has it in a cookie. */
  token?: string
  /** What its token names; where that names nothing, it is for every room that is not private. */
  grants?: Grants
  /** Of a program: who has made its token, and if that was a program, who has made that one's. */
  makers?: readonly string[]
  /** Of a guest: Unix time in ms. */
  guestSince?: number
  /** Unix time in ms at which its token ends. */
  until?: number
  signed?: Signed
  /** The token of another application, to be checked again where its keys change. */
  proof?: string
}

export interface Sessions {
  /**
   * The caller's session, undefined where it has none.
   * @throws from the catalogue, by rejection, for a token that the caller chose to send
   */
  find (request: FastifyRequest, reply: FastifyReply): Promise<Session | undefined>
  /** The same, or a new guest's. @throws {errors.TokenRequired} by rejection, where nobody becomes a guest */
  findOrMake (request: FastifyRequest, reply: FastifyReply): Promise<Session>
  /** The same, for whoever has been invited where nobody becomes a guest otherwise. */
  findOrInvite (request: FastifyRequest, reply: FastifyReply): Promise<Session>
  /** @throws {errors.TokenRequired} by rejection, where the caller has none */
  need (request: FastifyRequest, reply: FastifyReply): Promise<Session>
  /** A token for a guest as it is now, also set as the cookie. */
  issue (session: Session, request: FastifyRequest, reply: FastifyReply): string
  /** The user's new name holds for every token of the user. @throws {EngineUnavailable} by rejection */
  rename (user: User): Promise<void>
  /** The user has been renamed, here or through another node. */
  renamed (user: User): void
  /** Renames may have been missed. */
  forget (): void
  /** The name that a user took last, null where that is the token's. @throws {EngineUnavailable} by rejection */
  nameOf (userId: string): Promise<string | null>
  /** The user by the newest name that is known here: some time may have passed since the session was found. */
  latest (session: Session): User
  /** By it a request is the operator's. It never leaves the process. */
  readonly operatorToken: string
}

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions
  }
}

export default fp(async (fastify) => {
  const { config: { ACCESS, SESSION_AGE }, engine: { documents }, apiTokens, guestTokens, hostTokens, members, revocations, whereabouts } = fastify
  await fastify.register(cookie)

  const setCookie = (request: FastifyRequest, reply: FastifyReply, value: string, maxAge: number): void => {
    // Serialized here: a stream's answer does not pass the hook in which @fastify/cookie would do it.
    const { name, secure } = fastify.edge.cookieOf(request)
    reply.header('set-cookie', fastify.serializeCookie(name, value, {
      path: '/', httpOnly: true, sameSite: 'lax', secure, maxAge: Math.floor(maxAge / 1000),
      encode: String // A token has nothing to be escaped.
    }))
  }

  /** By user: the name that was taken last, null where that is the token's. */
  let names = new Lru<string | null>(NAMES_KNOWN)
  const nameOf = async (id: string): Promise<string | null> => {
    const cache = names
    const cached = cache.get(id)
    if (cached !== undefined) return cached
    const stored = await documents.get<string>('name', id) ?? null
    // What was heard meanwhile is newer.
    const heard = cache.get(id)
    if (heard !== undefined) return heard
    cache.set(id, stored)
    return stored
  }

  const ofGuest = async ({ user, since, iat, exp }: Guest): Promise<Session> => good({
    user: fastify.registry.get(user.id) ?? { ...user, name: await nameOf(user.id) ?? user.name },
    kind: 'guest',
    guestSince: since,
    until: exp * 1000,
    signed: { userId: user.id, issued: iat * 1000 }
  })

  /** Checked a moment ago, by the token. */
  let hosts = new Lru<HostClaims>(HOSTS_KNOWN, HOSTS_KNOWN_MS)
  hostTokens.onKeys(() => { hosts = new Lru(HOSTS_KNOWN, HOSTS_KNOWN_MS) })
  const ofHost = async (token: string): Promise<Session> => {
    const cache = hosts
    let claims = cache.get(token)
    if (claims === undefined || claims.exp * 1000 <= Date.now()) cache.set(token, claims = await hostTokens.verify(token))
    const { sub: id, rooms, exp, iat, jti } = claims
    const tag = tagOf(id)
    const name = claims.name === undefined ? nameless(tag) : cleanName(claims.name)
    if (name === undefined) throw new errors.TokenUnfit('its claim "name" is a name that nobody can have')
    return good({
      user: { id, name, tag },
      kind: 'host',
      proof: token,
      ...(rooms !== undefined && { grants: rooms as Grants }),
      until: exp * 1000,
      signed: { userId: id, ...(jti !== undefined && { jti }), ...(iat !== undefined && { issued: iat * 1000 }) }
    })
  }

  /** @throws {errors.TokenRevoked} */
  const good = (session: Session): Session => {
    if (session.signed !== undefined && revocations.includes(session.signed)) throw new errors.TokenRevoked()
    return session
  }

  const operatorToken = randomBytes(32).toString('base64url')
  const ofToken = async (token: string): Promise<Session> => {
    const bot = apiTokens.verify(token)
    if (bot !== undefined) {
      const { id, kept } = bot
      return { user: botOf(id, kept), kind: 'bot', grants: kept.grants, makers: kept.makers, ...(kept.until !== undefined && { until: Date.parse(kept.until) }) }
    }
    if (same(token, operatorToken)) return { user: OPERATOR, kind: 'operator' }
    return hostTokens.accepted && issuerOf(token) !== ISSUER ? ofHost(token) : ofGuest(guestTokens.verify(token))
  }

  const ofCookie = async (request: FastifyRequest, reply: FastifyReply): Promise<Session | undefined> => {
    const kept = request.cookies[fastify.edge.cookieOf(request).name]
    if (kept === undefined || kept === '') return undefined
    let guest: Guest
    let session: Session
    try {
      guest = guestTokens.verify(kept)
      session = await ofGuest(guest)
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 401) throw error
      setCookie(request, reply, '', 0)
      // A page cannot take its cookie back, so a read goes on as a new guest. A write does not: it would speak under a
      // name that its author did not see.
      if (request.method === 'GET') return undefined
      throw error
    }
    if (Date.now() / 1000 - guest.iat > (guest.exp - guest.iat) * RENEW_AFTER) {
      issue(session, request, reply)
      members.prolong(session.user).catch((error) => request.log.warn({ err: error }, 'what a guest was invited to could not be prolonged'))
    }
    return session
  }

  const find: Sessions['find'] = async (request, reply) => {
    const sent = chosenToken(request)
    const session = sent === undefined ? await ofCookie(request, reply) : await ofToken(sent)
    if (session?.kind === 'guest' || session?.kind === 'host') whereabouts.remember(session, request.ip)
    return session
  }

  const make = async (request: FastifyRequest, reply: FastifyReply): Promise<Session> => {
    fastify.access.checkNewcomer(request)
    await fastify.limits.newGuest(request)
    const id = newUserId()
    const name = await fastify.registry.names.generate(id)
    const now = Date.now()
    const session: Session = { user: { id, name, tag: tagOf(id) }, kind: 'guest', guestSince: now, until: now + SESSION_AGE, signed: { userId: id, issued: now } }
    whereabouts.remember(session, request.ip)
    return { ...session, token: issue(session, request, reply) }
  }

  const issue: Sessions['issue'] = ({ user, guestSince = Date.now() }, request, reply) => {
    const token = guestTokens.sign(user, guestSince)
    setCookie(request, reply, token, SESSION_AGE)
    return token
  }

  fastify.decorate('sessions', {
    find,
    findOrMake: async (request, reply) => {
      const session = await find(request, reply)
      if (session !== undefined) return session
      if (ACCESS === 'token') throw new errors.TokenRequired()
      return make(request, reply)
    },
    need: async (request, reply) => {
      const session = await find(request, reply)
      if (session === undefined) throw new errors.TokenRequired()
      return session
    },
    findOrInvite: async (request, reply) => await find(request, reply) ?? await make(request, reply),
    issue,
    rename: async ({ id, name }) => { await documents.put('name', id, name, { ttl: SESSION_AGE }) },
    renamed: ({ id, name }) => names.set(id, name),
    forget: () => { names = new Lru(NAMES_KNOWN) },
    nameOf,
    latest: ({ user, kind }) => {
      if (kind !== 'guest') return user
      const name = names.get(user.id)
      return fastify.registry.get(user.id) ?? (name == null ? user : { ...user, name })
    },
    operatorToken
  })
}, { name: 'sessions', dependencies: ['api-tokens', 'config', 'edge', 'engine', 'guest-tokens', 'host-tokens', 'limits', 'members', 'registry', 'revocations', 'whereabouts'] })

/** RFC 6750: the Authorization header (§2.1), or, for a bare EventSource on another site, the query (§2.3). */
function chosenToken (request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  // These are for a proxy in front of us: a browser that answered it sends them with every request.
  if (authorization !== undefined && !/^(Basic|Digest|Negotiate|NTLM)\b/i.test(authorization)) {
    return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? ''
  }
  return (request.query as { access_token?: string }).access_token
}

/** By what it says itself, which is not checked: only to know by whose key it is to be checked. */
function issuerOf (token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    throw new errors.TokenInvalid()
  }
}

function same (a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
