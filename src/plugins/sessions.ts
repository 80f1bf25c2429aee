import { hash, randomBytes } from 'node:crypto'
import cookie from '@fastify/cookie'
import jwt from '@fastify/jwt'
import { Type, type Static } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { nanoid } from 'nanoid'
import { Lru } from 'toad-cache'
import type { User } from '../chat/event.js'
import { cleanName, generateName, tagOf } from '../chat/names.js'
import { Unsuitable } from '../engines/engine.js'
import { errors } from '../errors.js'

const COOKIE = 'hubbub'
const ISSUER = 'hubbub'
const FINGERPRINT = 'token-secret-fingerprint'
/** Part of a token's life after which a page gets a new one. */
const RENEW_AFTER = 0.1
/** Tokens that have been checked and are not checked again for each request. */
const TOKENS_KNOWN = 10_000
/** Users of whom it is known whether they have another name than their tokens say. */
const NAMES_KNOWN = 10_000

export interface Session {
  user: User
  /** Where it was made just now: a program keeps it, a page has it in a cookie. */
  token?: string
}

export interface Sessions {
  /**
   * The caller's session, undefined where it has none.
   * @throws {errors.TokenInvalid} {errors.TokenExpired} for a token that the caller chose to send
   */
  find (request: FastifyRequest, reply: FastifyReply): Promise<Session | undefined>
  /** The same, or a new guest's. */
  findOrMake (request: FastifyRequest, reply: FastifyReply): Promise<Session>
  /** A token for the user as it is now, also set as the cookie. */
  issue (user: User, request: FastifyRequest, reply: FastifyReply): string
  /** The user's new name holds for every token of the user. @throws {EngineUnavailable} by rejection */
  rename (user: User): Promise<void>
  /** The user has been renamed, here or through another node. */
  renamed (user: User): void
  /** Renames may have been missed. */
  forget (): void
  /** The name that a user took last, null where that is the token's. @throws {EngineUnavailable} by rejection */
  nameOf (userId: string): Promise<string | null>
  /** The user by the newest name that is known here: some time may have passed since the session was found. */
  latest (user: User): User
}

const Claims = Type.Object({
  sub: Type.String({ pattern: '^\\S{1,128}$' }),
  name: Type.String({ minLength: 1, maxLength: 128 }),
  /** Unix time in s. */
  iat: Type.Number(),
  exp: Type.Number()
})
type Claims = Static<typeof Claims>

/** Whom a token that was checked is for. */
type Holder = Claims & Pick<User, 'tag'>

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions
  }
}

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: Pick<Claims, 'sub' | 'name'>
    user: Claims
  }
}

export default fp(async (fastify) => {
  const { SESSION_AGE } = fastify.config
  const { documents } = fastify.engine
  const secret = await sharedSecret(fastify)
  await fastify.register(cookie)
  await fastify.register(jwt, {
    secret,
    sign: { algorithm: 'HS256', iss: ISSUER, expiresIn: SESSION_AGE / 1000 },
    verify: { algorithms: ['HS256'], allowedIss: ISSUER, requiredClaims: ['sub', 'name', 'iat', 'exp'] }
  })

  const setCookie = (request: FastifyRequest, reply: FastifyReply, value: string, maxAge: number): void => {
    // Serialized here: a stream's answer does not pass the hook in which @fastify/cookie would do it.
    reply.header('set-cookie', fastify.serializeCookie(COOKIE, value, {
      path: '/', httpOnly: true, sameSite: 'lax', secure: request.protocol === 'https', maxAge: Math.floor(maxAge / 1000),
      encode: String // A token has nothing to be escaped.
    }))
  }

  const known = new Lru<Holder>(TOKENS_KNOWN)
  const verify = (token: string): Holder => {
    const holder = known.get(token)
    if (holder !== undefined && holder.exp > Date.now() / 1000) return holder
    let claims: unknown
    try {
      claims = fastify.jwt.verify(token)
    } catch (error) {
      throw (error as { code?: string }).code === 'FAST_JWT_EXPIRED' ? new errors.TokenExpired() : new errors.TokenInvalid()
    }
    if (!Value.Check(Claims, claims) || cleanName(claims.name) !== claims.name) throw new errors.TokenInvalid()
    const { sub, name, iat, exp } = claims
    const checked = { sub, name, iat, exp, tag: tagOf(sub) }
    known.set(token, checked)
    return checked
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
  const userOf = async ({ sub: id, name, tag }: Holder): Promise<User> =>
    fastify.registry.get(id) ?? { id, name: await nameOf(id) ?? name, tag }

  const find: Sessions['find'] = async (request, reply) => {
    const sent = chosenToken(request)
    if (sent !== undefined) return { user: await userOf(verify(sent)) }
    const kept = request.cookies[COOKIE]
    if (kept === undefined || kept === '') return undefined
    let holder: Holder
    try {
      holder = verify(kept)
    } catch (error) {
      setCookie(request, reply, '', 0)
      // A page cannot take its cookie back, so a read goes on as a new guest. A write does not: it would speak under a
      // name that its author did not see.
      if (request.method === 'GET') return undefined
      throw error
    }
    const user = await userOf(holder)
    const age = Date.now() / 1000 - holder.iat
    if (age > (holder.exp - holder.iat) * RENEW_AFTER) issue(user, request, reply)
    return { user }
  }

  const findOrMake: Sessions['findOrMake'] = async (request, reply) => {
    const session = await find(request, reply)
    if (session !== undefined) return session
    await fastify.limits.newGuest(request)
    const id = nanoid(16)
    const name = await generateName((candidate) => fastify.registry.names.claim(candidate, id))
    const user = { id, name, tag: tagOf(id) }
    return { user, token: issue(user, request, reply) }
  }

  const issue: Sessions['issue'] = (user, request, reply) => {
    const token = fastify.jwt.sign({ sub: user.id, name: user.name })
    setCookie(request, reply, token, SESSION_AGE)
    return token
  }

  fastify.decorate('sessions', {
    find,
    findOrMake,
    issue,
    rename: async ({ id, name }) => { await documents.put('name', id, name, { ttl: SESSION_AGE }) },
    renamed: ({ id, name }) => names.set(id, name),
    forget: () => { names = new Lru(NAMES_KNOWN) },
    nameOf,
    latest: (user) => {
      const name = names.get(user.id)
      return fastify.registry.get(user.id) ?? (name == null ? user : { ...user, name })
    }
  })
}, { name: 'sessions', dependencies: ['config', 'engine', 'registry', 'limits'] })

/**
 * The secret that signs tokens: given, or made once and kept in the store. Where other nodes share it, the first one leaves a
 * fingerprint, so that no node signs what the others refuse, and two Hubbubs do not share a store by mistake.
 * @throws {Unsuitable} by rejection
 */
async function sharedSecret ({ config: { TOKEN_SECRET, REDIS_PREFIX }, engine: { documents, nodes } }: FastifyInstance): Promise<string> {
  const keep = (secret: string): Promise<string> => documents.put('settings', 'token-secret', secret, { ifAbsent: true })
  const secret = TOKEN_SECRET ?? await keep(randomBytes(32).toString('base64url'))
  if (nodes === undefined) return secret
  const print = hash('sha256', `Hubbub's token secret: ${secret}`, 'base64url')
  const keepPrint = (): Promise<string> => documents.put('settings', FINGERPRINT, print, { ifAbsent: true })
  if (await keepPrint() !== print) {
    throw new Unsuitable(`the nodes that share this store under REDIS_PREFIX "${REDIS_PREFIX}" have another TOKEN_SECRET: set theirs, or another REDIS_PREFIX if they are none of yours; to change the secret, stop them all, delete the key ${REDIS_PREFIX}:{doc:settings}:${FINGERPRINT}, and start them with the new one`)
  }
  // A store that has lost its data gets them back, before a node that comes later makes others.
  nodes.onReturn(() => { Promise.all([TOKEN_SECRET === undefined && keep(secret), keepPrint()]).catch(() => {}) })
  return secret
}

/** RFC 6750: the Authorization header (§2.1), or, for a bare EventSource on another site, the query (§2.3). */
function chosenToken (request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  // These are for a proxy in front of us: a browser that answered it sends them with every request.
  if (authorization !== undefined && !/^(Basic|Digest|Negotiate|NTLM)\b/i.test(authorization)) {
    return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? ''
  }
  return (request.query as { access_token?: string }).access_token
}
