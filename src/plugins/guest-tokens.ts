import { hash, randomBytes } from 'node:crypto'
import jwt from '@fastify/jwt'
import { Type, type Static } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import type { User } from '../chat/event.js'
import { cleanName, tagOf } from '../chat/names.js'
import { Unsuitable } from '../engines/engine.js'
import { errors } from '../errors.js'

/** Who signs guests' tokens: us. */
export const ISSUER = 'hubbub'
const FINGERPRINT = 'token-secret-fingerprint'
/** Tokens that have been checked and are not checked again for each request. */
const TOKENS_KNOWN = 10_000

const Claims = Type.Object({
  sub: Type.String({ pattern: '^\\S{1,128}$' }),
  name: Type.String({ minLength: 1, maxLength: 128 }),
  /** Unix time in ms at which the guest first came; a token is renewed, and this stays. */
  since: Type.Optional(Type.Number()),
  /** Unix time in s. */
  iat: Type.Number(),
  exp: Type.Number()
})
type Claims = Static<typeof Claims>

/** Whom a token that was checked is for. */
export interface Guest {
  user: User
  since: number
  /** Unix time in s. */
  iat: number
  exp: number
}

export interface GuestTokens {
  /** @param since Unix time in ms at which the guest first came */
  sign (user: User, since: number): string
  /** @throws {errors.TokenInvalid} {errors.TokenExpired} */
  verify (token: string): Guest
}

declare module 'fastify' {
  interface FastifyInstance {
    guestTokens: GuestTokens
  }
}

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: Pick<Claims, 'sub' | 'name'> & { since: number }
    user: Claims
  }
}

/** The tokens that make somebody the same guest again. */
export default fp(async (fastify) => {
  const { SESSION_AGE } = fastify.config
  await fastify.register(jwt, {
    secret: await sharedSecret(fastify),
    sign: { algorithm: 'HS256', iss: ISSUER, expiresIn: SESSION_AGE / 1000 },
    verify: { algorithms: ['HS256'], allowedIss: ISSUER, requiredClaims: ['sub', 'name', 'iat', 'exp'] }
  })

  const known = new Lru<Guest>(TOKENS_KNOWN)
  fastify.decorate('guestTokens', {
    sign: ({ id: sub, name }, since) => fastify.jwt.sign({ sub, name, since }),
    verify: (token) => {
      const guest = known.get(token)
      if (guest !== undefined && guest.exp > Date.now() / 1000) return guest
      let claims: unknown
      try {
        claims = fastify.jwt.verify(token)
      } catch (error) {
        throw (error as { code?: string }).code === 'FAST_JWT_EXPIRED' ? new errors.TokenExpired() : new errors.TokenInvalid()
      }
      if (!Value.Check(Claims, claims) || cleanName(claims.name) !== claims.name) throw new errors.TokenInvalid()
      const { sub: id, name, iat, exp, since = iat * 1000 } = claims
      const checked: Guest = { user: { id, name, tag: tagOf(id) }, since, iat, exp }
      known.set(token, checked)
      return checked
    }
  })
}, { name: 'guest-tokens', dependencies: ['config', 'engine'] })

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
