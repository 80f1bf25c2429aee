import { hash, timingSafeEqual } from 'node:crypto'
import fp from 'fastify-plugin'
import { customAlphabet, nanoid } from 'nanoid'
import type { User } from '../chat/event.js'
import { tagOf } from '../chat/names.js'
import { answerable, type Grants } from '../chat/rights.js'
import { errors } from '../errors.js'
import type { Session } from './sessions.js'

/** So that whoever finds one knows what it is. */
const FORM = /^hubbub_([a-z0-9]{10})_([\w-]{32})$/
/** ms for which one that has ended can be seen to have. */
const SHOWN_MS = 7 * 24 * 60 * 60 * 1000
const newId = customAlphabet('0123456789abcdefghijklmnopqrstuvwxyz', 10)

/** What is kept of a token: not the token. */
export interface ApiToken {
  name: string
  /** SHA-256 of its secret, which is random and long enough that nothing slower is needed. */
  hash: string
  grants: Grants
  by: User
  /** Who is answerable: ids, of `by` and, where that is a program, of its makers. */
  makers: readonly string[]
  /** RFC 3339, UTC. */
  at: string
  until?: string
}

export interface ApiTokens {
  /** @returns the token, which is nowhere else @throws {EngineUnavailable} by rejection */
  make (wish: { name: string, grants: Grants, until?: Date }, session: Session): Promise<{ id: string, token: string, kept: ApiToken }>
  /** @returns undefined where the text has not the form of one @throws {errors.TokenRevoked} {errors.TokenInvalid} {errors.TokenExpired} */
  verify (text: string): { id: string, kept: ApiToken } | undefined
  get (id: string): ApiToken | undefined
  entries (): Iterable<[id: string, token: ApiToken]>
  /** @throws {EngineUnavailable} by rejection */
  revoke (id: string, by: User): Promise<void>
  /** One has been taken back, by whatever node. */
  onRevoked (listener: (id: string) => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    apiTokens: ApiTokens
  }
}

/** Who posts by an API token. */
export function botOf (id: string, { name }: ApiToken): User {
  const userId = `~${id}`
  return { id: userId, name, tag: tagOf(userId), bot: true }
}

/** Tokens of programs, by name. */
export default fp(async (fastify) => {
  const documents = await fastify.sharedDocuments<ApiToken>('token')
  const listeners: Array<(id: string) => void> = []
  documents.onChange = (id, token) => { if (token === undefined) for (const listener of listeners) listener(id) }
  const digest = (secret: string): string => hash('sha256', secret, 'base64url')

  fastify.decorate('apiTokens', {
    make: async ({ name, grants, until }, session) => {
      const { user: by } = session
      const [id, secret] = [newId(), nanoid(32)]
      const kept: ApiToken = { name, hash: digest(secret), grants, by, makers: answerable(session), at: new Date().toISOString(), ...(until !== undefined && { until: until.toISOString() }) }
      await documents.put(id, kept, by, until && until.getTime() - Date.now() + SHOWN_MS)
      return { id, token: `hubbub_${id}_${secret}`, kept }
    },
    verify: (text) => {
      const [, id, secret] = FORM.exec(text) ?? []
      if (id === undefined) return undefined
      const kept = documents.get(id)
      if (kept === undefined) throw new errors.TokenRevoked()
      if (!timingSafeEqual(Buffer.from(digest(secret!)), Buffer.from(kept.hash))) throw new errors.TokenInvalid()
      if (kept.until !== undefined && Date.parse(kept.until) <= Date.now()) throw new errors.TokenExpired()
      return { id, kept }
    },
    get: (id) => documents.get(id),
    entries: () => documents.entries(),
    revoke: (id, by) => documents.delete(id, by),
    onRevoked: (listener) => { listeners.push(listener) }
  })
}, { name: 'api-tokens', dependencies: ['shared-documents'] })
