import { createPublicKey } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { Type, type Static } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import fp from 'fastify-plugin'
import {
  createLocalJWKSet, createRemoteJWKSet, errors as jose, jwtVerify,
  type JWK, type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions
} from 'jose'
import { ROOM_GLOB_PATTERN } from '../chat/rights.js'
import { Unsuitable } from '../engines/engine.js'
import { errors } from '../errors.js'

/** By kind of key, the one algorithm that it is for: a token does not choose how it is checked (RFC 8725 §3.1). */
const ALGORITHMS: Record<string, string> = { RSA: 'RS256', 'EC P-256': 'ES256', 'OKP Ed25519': 'EdDSA' }
/** Bytes of a shared secret at least (RFC 7518 §3.2). */
const SECRET_BYTES = 32
/** ms between two looks at the file. */
const LOOK_MS = 2_000
/** ms for which a set of keys from an address is good without asking again: a key that is taken back goes on for as long. */
const REMOTE_MS = 60_000
/** ms between two questions: after one that failed, and for a key that the set has not. */
const REMOTE_COOLDOWN_MS = 10_000
/** ms that the address has for an answer: somebody waits for it. */
const REMOTE_TIMEOUT_MS = 1_500
/** Globs of one right in a token at most. */
const MAX_GLOBS = 100

const Globs = Type.Optional(Type.Array(Type.String({ pattern: ROOM_GLOB_PATTERN }), { maxItems: MAX_GLOBS }))

/** What a token of another application says (RFC 7519 §4). Times are Unix times in s. */
const Claims = Type.Object({
  sub: Type.String({ pattern: '^[^\\s~]\\S{0,127}$' }),
  name: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  rooms: Type.Optional(Type.Object({ read: Globs, write: Globs, moderate: Globs }, { additionalProperties: false })),
  exp: Type.Number(),
  iat: Type.Optional(Type.Number()),
  jti: Type.Optional(Type.String({ minLength: 1, maxLength: 256 }))
})
export type HostClaims = Static<typeof Claims>

export interface HostTokens {
  /** Whether any other application may sign tokens. */
  readonly accepted: boolean
  /**
   * @throws {errors.TokenInvalid} {errors.TokenExpired} {errors.TokenUnfit} {errors.KeysUnavailable} by rejection
   */
  verify (token: string): Promise<HostClaims>
  /** The keys are others now: what was checked before is to be checked again. */
  onKeys (listener: () => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    hostTokens: HostTokens
  }
}

interface Keys {
  secrets: Uint8Array[]
  /** Public keys. */
  find: JWTVerifyGetKey | undefined
}

/** Tokens that another application signs for its own users: by a shared secret, or by a key whose public half is known here. */
export default fp(async (fastify) => {
  const { JWT_SECRET, JWT_KEYS, JWT_ISSUER, JWT_AUDIENCE, JWT_LEEWAY, TOKEN_SECRET } = fastify.config
  if (JWT_SECRET !== undefined && JWT_SECRET === TOKEN_SECRET) {
    throw new Unsuitable('JWT_SECRET and TOKEN_SECRET are the same: whoever signs tokens with the one could be any guest; set another one')
  }
  const shared = JWT_SECRET === undefined ? [] : [new TextEncoder().encode(JWT_SECRET)]
  let keys: Keys = { secrets: shared, find: undefined }
  const listeners: Array<() => void> = []

  const remote = JWT_KEYS?.startsWith('https://') === true
  if (remote) keys.find = remoteKeys(new URL(JWT_KEYS!))
  else if (JWT_KEYS !== undefined) {
    const load = async (): Promise<void> => {
      const found = keysOf(await readFile(JWT_KEYS, 'utf8'))
      keys = { secrets: [...shared, ...found.secrets], find: found.find }
    }
    await load().catch((error: Error) => { throw new Unsuitable(`JWT_KEYS cannot be used (${error.message}); it wants a file with a JWK Set or a public key (PEM)`) })
    const stamp = async (): Promise<string> => {
      const { mtimeMs, size, ino } = await stat(JWT_KEYS)
      return `${mtimeMs} ${size} ${ino}`
    }
    let known = await stamp()
    // A look now and then, since what a container mounts is replaced in ways that watching a file does not see.
    const look = async (): Promise<void> => {
      try {
        const now = await stamp()
        if (now === known) return
        known = now
        await load()
        fastify.log.info('JWT_KEYS has changed: its keys are the ones now')
        for (const listener of listeners) listener()
      } catch (error) {
        fastify.log.error({ err: error }, 'JWT_KEYS cannot be read; the keys from before stay')
      }
    }
    const timer = setInterval(() => void look(), LOOK_MS).unref()
    fastify.addHook('onClose', async () => clearInterval(timer))
  }

  const options: JWTVerifyOptions = {
    clockTolerance: JWT_LEEWAY / 1_000,
    requiredClaims: ['sub', 'exp'],
    ...(JWT_ISSUER !== undefined && { issuer: JWT_ISSUER }),
    ...(JWT_AUDIENCE !== undefined && { audience: JWT_AUDIENCE })
  }

  fastify.decorate('hostTokens', {
    accepted: JWT_SECRET !== undefined || JWT_KEYS !== undefined,
    onKeys: (listener) => { listeners.push(listener) },
    verify: async (token) => {
      const claims = await signedClaims(token, keys, options)
      if (!Value.Check(Claims, claims)) {
        const first = Value.Errors(Claims, claims).First()
        throw new errors.TokenUnfit(`its claim "${first?.path.slice(1)}" is not as documented`)
      }
      const now = Date.now()
      // Its end is its end: the leeway is for what has only just begun by a clock that goes before ours.
      if (claims.exp * 1_000 <= now) throw new errors.TokenExpired()
      if (claims.iat !== undefined && claims.iat * 1_000 > now + JWT_LEEWAY) throw new errors.TokenUnfit('its "iat" is in the future')
      return claims
    }
  })
}, { name: 'host-tokens', dependencies: ['config'] })

/** @throws from the catalogue */
async function signedClaims (token: string, { secrets, find }: Keys, options: JWTVerifyOptions): Promise<JWTPayload> {
  let failure: unknown
  for (const secret of secrets) {
    try {
      return (await jwtVerify(token, secret, { ...options, algorithms: ['HS256'] })).payload
    } catch (error) {
      failure = error
      if (!(error instanceof jose.JWSSignatureVerificationFailed)) break
    }
  }
  if (find !== undefined && (failure === undefined || failure instanceof jose.JOSEAlgNotAllowed)) {
    try {
      return await verifyByAny(token, find, { ...options, algorithms: Object.values(ALGORITHMS) })
    } catch (error) {
      failure = error
    }
  }
  if (failure instanceof jose.JWTExpired) throw new errors.TokenExpired()
  if (failure instanceof jose.JWTClaimValidationFailed) throw new errors.TokenUnfit(`its claim "${failure.claim}" is ${failure.reason === 'missing' ? 'missing' : 'not as it should be'}`)
  if (failure === undefined || (failure instanceof jose.JOSEError && !(failure instanceof jose.JWKSTimeout))) throw new errors.TokenInvalid()
  throw new errors.KeysUnavailable()
}

/** Where a token does not name its key, each that fits is tried. */
async function verifyByAny (token: string, find: JWTVerifyGetKey, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, find, options)).payload
  } catch (error) {
    if (!(error instanceof jose.JWKSMultipleMatchingKeys)) throw error
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, options)).payload
      } catch (inner) {
        if (!(inner instanceof jose.JWSSignatureVerificationFailed)) throw inner
      }
    }
    throw new jose.JWSSignatureVerificationFailed()
  }
}

/**
 * Keys from an address. Where it cannot be asked, those that it gave last are good. When it is asked is decided here, since jose
 * remembers no failure: each token would wait for an address that hangs. One waits, if any.
 * @throws {errors.KeysUnavailable} by rejection, where it has given none yet
 */
function remoteKeys (url: URL): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(url, { cacheMaxAge: Infinity, cooldownDuration: Infinity, timeoutDuration: REMOTE_TIMEOUT_MS })
  let [asked, answered] = [-Infinity, -Infinity]
  const isPast = (time: number, ms: number): boolean => performance.now() - time >= ms
  /** Asks, unless that was done a moment ago. @returns whether there may be other keys now */
  const ask = async (): Promise<boolean> => {
    if (!isPast(asked, REMOTE_COOLDOWN_MS)) {
      if (!keys.reloading) return false
    } else asked = performance.now()
    try {
      await keys.reload()
      answered = performance.now()
      return true
    } catch {
      return false
    }
  }
  return async (header, token) => {
    if (keys.jwks() === undefined && !(await ask())) throw new errors.KeysUnavailable()
    // Whoever comes while it is asked goes by those from before.
    if (isPast(answered, REMOTE_MS) && isPast(asked, REMOTE_COOLDOWN_MS)) await ask()
    try {
      return await keys(header, token)
    } catch (error) {
      if (!(error instanceof jose.JWKSNoMatchingKey) || !(await ask())) throw error
      return await keys(header, token)
    }
  }
}

/** @param text a JWK Set, a JWK, or a public key as PEM @throws {Error} says why it is none */
function keysOf (text: string): Keys {
  const found: JWK[] = text.includes('-----BEGIN') ? [pemKey(text)] : jwks(JSON.parse(text))
  if (found.length === 0) throw new Error('it has no keys')
  const secrets: Uint8Array[] = []
  const publicKeys: JWK[] = []
  for (const jwk of found) {
    if (jwk.kty === 'oct') {
      const secret = Buffer.from(jwk.k ?? '', 'base64url')
      if (secret.length < SECRET_BYTES) throw new Error(`a shared secret in it has less than ${SECRET_BYTES} bytes`)
      if (jwk.alg !== undefined && jwk.alg !== 'HS256') throw new Error(`a shared secret in it is for ${jwk.alg}, not for HS256`)
      secrets.push(secret)
      continue
    }
    const kind = jwk.crv === undefined ? `${jwk.kty}` : `${jwk.kty} ${jwk.crv}`
    const alg = ALGORITHMS[kind]
    if (alg === undefined || (jwk.alg !== undefined && jwk.alg !== alg)) {
      throw new Error(`it has a key of the kind ${kind}${jwk.alg === undefined ? '' : ` for ${jwk.alg}`}; RSA for RS256, EC P-256 for ES256 and OKP Ed25519 for EdDSA are taken`)
    }
    if (jwk.d !== undefined) throw new Error('it has a private key: only the public one belongs here')
    publicKeys.push({ ...jwk, alg })
  }
  return { secrets, find: publicKeys.length === 0 ? undefined : localKeys(publicKeys) }
}

/** A key without a name, as in PEM, is tried whatever name a token gives its own. */
function localKeys (keys: JWK[]): JWTVerifyGetKey {
  const [named, nameless] = [createLocalJWKSet({ keys }), createLocalJWKSet({ keys: keys.filter(({ kid }) => kid === undefined) })]
  return async ({ kid, ...header }) => {
    try {
      return await named({ ...header, ...(kid !== undefined && { kid }) })
    } catch (error) {
      if (kid === undefined || !(error instanceof jose.JWKSNoMatchingKey)) throw error
      return await nameless(header)
    }
  }
}

function pemKey (pem: string): JWK {
  if (pem.includes('PRIVATE KEY')) throw new Error('it has a private key: only the public one belongs here')
  return createPublicKey(pem).export({ format: 'jwk' }) as JWK
}

function jwks (value: unknown): JWK[] {
  const { keys, kty } = value as { keys?: unknown, kty?: unknown }
  if (Array.isArray(keys)) return keys as JWK[]
  if (kty !== undefined) return [value as JWK]
  throw new Error('it is neither a JWK Set nor a key')
}
