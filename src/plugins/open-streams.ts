import fp from 'fastify-plugin'
import { answerable, type Grants } from '../chat/rights.js'
import type { ByeReason, Subscriber } from '../chat/subscriber.js'
import { errors } from '../errors.js'
import { Turns } from '../turns.js'
import type { Session } from './sessions.js'

/** ms between two looks at whose token has ended. */
const LOOK_MS = 500
/** ms after which a stream that was ended should come back: not at once, since the same would be said again. */
const RETURN_MS = 30_000
/** Signatures looked at again in one turn of the event loop, some 0.1 ms each. */
const SIGNATURES_AT_ONCE = 10

/** Whose an open stream is. */
export interface Reader {
  /** Missing for one that lurks without a token. */
  session: Session | undefined
  /** Its address, as a hash. */
  address: string
}

export interface OpenStreams {
  /** From now on the stream ends when its reader may not read on. */
  add (subscriber: Subscriber, reader: Reader): void
  /** May be called more than once. */
  remove (subscriber: Subscriber): void
  /** What a user with a stream here may, by the token that it was opened with. */
  grantsOf (userId: string): Iterable<Grants>
}

declare module 'fastify' {
  interface FastifyInstance {
    openStreams: OpenStreams
  }
}

/** Ends streams whose readers may no longer read: who was let in is looked at again when something changes. */
export default fp(async (fastify) => {
  const { access, apiTokens, hostTokens, members, restrictions, revocations, rooms } = fastify
  const readers = new Map<Subscriber, Reader>()

  const signatures = new Turns(SIGNATURES_AT_ONCE)

  const end = (subscriber: Subscriber, reason: ByeReason, message: string): void => subscriber.bye(reason, RETURN_MS, message)

  /** Looks again at those that a change may concern. */
  const review = (concerns: (reader: Reader, subscriber: Subscriber) => boolean): void => {
    for (const [subscriber, reader] of readers) {
      if (!concerns(reader, subscriber)) continue
      for (const { name } of subscriber.rooms) {
        const refused = access.refusal(reader.session, 'read', name, reader.address)
        if (refused === undefined) continue
        end(subscriber, refused instanceof errors.Banned ? 'banned' : 'forbidden', refused.message)
        break
      }
    }
  }
  const reads = ({ rooms }: Subscriber, room: string): boolean => rooms.some(({ name }) => name === room)

  restrictions.onChange(({ user, addresses = [] }) =>
    review(({ session, address }) => user === undefined ? addresses.includes(address) : session !== undefined && answerable(session).includes(user.id)))
  rooms.onChange((room) => review((_reader, subscriber) => reads(subscriber, room)))
  members.onChange((userId) => review(({ session }) => session?.user.id === userId))
  apiTokens.onRevoked((id) => {
    const message = new errors.TokenRevoked().message
    for (const [subscriber, { session }] of readers) if (session?.kind === 'bot' && session.user.id === `~${id}`) end(subscriber, 'revoked', message)
  })
  revocations.onRevoked(() => {
    const message = new errors.TokenRevoked().message
    for (const [subscriber, { session }] of readers) if (session?.signed !== undefined && revocations.includes(session.signed)) end(subscriber, 'revoked', message)
  })
  // Of a key that is gone nothing is good any more.
  hostTokens.onKeys(() => {
    for (const [subscriber, { session }] of readers) {
      if (session?.proof !== undefined) signatures.take().then(() => hostTokens.verify(session.proof!)).catch((error: Error) => end(subscriber, 'revoked', error.message))
    }
  })

  const look = setInterval(() => {
    const now = Date.now()
    for (const [subscriber, { session }] of readers) {
      if (session?.until !== undefined && session.until <= now) end(subscriber, 'expired', new errors.TokenExpired().message)
    }
  }, LOOK_MS).unref()
  fastify.addHook('onClose', async () => clearInterval(look))

  fastify.decorate('openStreams', {
    add: (subscriber, { session, address }) => {
      readers.set(subscriber, { session: session && withoutToken(session), address })
    },
    remove: (subscriber) => { readers.delete(subscriber) },
    grantsOf: function * (userId) {
      for (const { session } of readers.values()) if (session?.user.id === userId && session.grants !== undefined) yield session.grants
    }
  })
}, { name: 'open-streams', dependencies: ['access', 'api-tokens', 'host-tokens', 'members', 'restrictions', 'revocations', 'rooms'] })

/** What a guest was given just now is half a kilobyte, and nobody asks for it again. */
function withoutToken ({ token: _, ...session }: Session): Session {
  return session
}
