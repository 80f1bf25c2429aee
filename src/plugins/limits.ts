import { hash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import type { LimitName } from '../chat/activity.js'
import type { Caps, Place } from '../chat/places.js'
import { errors } from '../errors.js'
import { LATE_MS, type Rate } from './rates.js'

const HOUR_MS = 3_600_000
/** ms of a short window, in which a user's posts are counted, too, and the part of a minute's that may come in it. */
const BURST_MS = 10_000
const BURST_PART = 1 / 3
/** Posts of a minute up to which there is no such window. */
const NO_BURST = 10
/** Keys of posts that are remembered, and ms for which they are: a retry is no other post. */
const RETRIES = 10_000
const RETRY_MS = 60_000
/** s after which to ask again where as many streams are open as may. */
const FULL_RETRY_S = 30
const UNCAPPED: Caps = { node: Infinity, user: Infinity, address: Infinity }

/** Documents of which user has made which room: `<user id> <room>`. */
export const ROOM_MADE = 'room-made'

/** Routes that count for themselves, or not at all: whoever runs this asks for them, and a page has many files. */
const UNCOUNTED = new Set(['/events', '/rooms/:room/typing', '/', '/*', '/healthz', '/readyz', '/metrics'])

export interface Post {
  /** Whose it is, undefined for one who has no session yet. */
  userId?: string | undefined
  /** A `bot` may post more. */
  kind?: string | undefined
  room: string
  message?: string | undefined
  key?: string | undefined
  /** s that the room asks for between two messages of its author; 0 where that does not hold for this one. */
  slowMode?: number | undefined
  /** For whom the address's messages count in slow mode, too: who has come since is as many as they like. */
  newcomer?: boolean | undefined
  /** It changes what was said: in slow mode edits wait for each other alone. */
  edit?: boolean | undefined
}

/** What there may be only so much of. Each rejects with `HUB_TOO_MANY_REQUESTS`, or what it says. */
export interface Limits {
  /** A post is about to be stored, or its author to become a guest. @throws {errors.Repeated} {errors.SlowMode} */
  post (request: FastifyRequest, post: Post): Promise<void>
  /** Somebody who was new has spoken, and waits from now on like everybody. @throws {errors.SlowMode} */
  slowMode (request: FastifyRequest, room: string, userId: string, seconds: number): Promise<void>
  newGuest (request: FastifyRequest): Promise<void>
  rename (request: FastifyRequest, userId: string): Promise<void>
  /** A user says that they type, or no longer. */
  typing (request: FastifyRequest, userId: string): Promise<void>
  /** A user tells moderators of something. */
  report (request: FastifyRequest, userId: string): Promise<void>
  /** A user is about to make a room, by posting into it. @throws {EngineUnavailable} */
  newRoom (request: FastifyRequest, userId: string, room: string): Promise<void>
  /** A stream is about to open. @returns its place, to be given back @throws {errors.TooManyStreams} {errors.NodeFull} */
  stream (request: FastifyRequest, userId: string | undefined): Promise<Place>
}

declare module 'fastify' {
  interface FastifyInstance {
    limits: Limits
  }
}

export default fp(async (fastify) => {
  const { config, places, rates } = fastify
  const addressOf = ({ ip }: FastifyRequest): string => fastify.hashOfAddress(ip)
  if (config.LIMITS === 'off') {
    fastify.log.warn('LIMITS=off: nothing is limited; for benchmarks only')
    const none = async (): Promise<void> => {}
    fastify.decorate('limits', {
      post: none, slowMode: none, newGuest: none, rename: none, typing: none, report: none, newRoom: none,
      stream: async (request, userId) => await places.take(addressOf(request), userId, UNCAPPED) as Place
    })
    return
  }

  const rate = (name: LimitName, max: number, what: string, options: { windowMs?: number, alone?: boolean } = {}): Rate =>
    rates.make(name, { max, refusal: (seconds) => new errors.TooManyRequests(what, seconds), ...options })
  /** A minute's, and where that is many, not all at once. */
  const postsOf = (max: number): Rate[] => [
    rate('posts-per-user', max, 'posts by you'),
    ...(max > NO_BURST ? [rate('posts-per-user', Math.max(NO_BURST, Math.ceil(max * BURST_PART)), 'posts by you at once', { windowMs: BURST_MS, alone: true })] : [])
  ]

  const posts = {
    user: postsOf(config.POSTS_PER_MINUTE),
    bot: postsOf(config.POSTS_PER_MINUTE_BOT),
    address: rate('posts-per-address', config.POSTS_PER_MINUTE_ADDRESS, 'posts from your address'),
    total: rate('posts-total', config.POSTS_PER_MINUTE_TOTAL, 'posts by all together'),
    repeated: rates.make('repeats-per-user', { max: config.REPEATS_PER_MINUTE, refusal: (seconds) => new errors.Repeated(config.REPEATS_PER_MINUTE, seconds) })
  }
  const retried = new Lru<true>(RETRIES, RETRY_MS)
  const slowMode = rates.make('slow-mode', { max: 1, windowMs: (who) => parseInt(who) * 1_000, refusal: (left) => new errors.SlowMode('', '', left) })
  const slowly = (room: string, userId: string, seconds: number): readonly [Rate, string] =>
    [{ ...slowMode, refusal: (left) => new errors.SlowMode(room, seconds, left) }, `${seconds} ${room} ${userId}`]

  const streams = {
    user: rate('streams-per-user', config.STREAMS_PER_MINUTE, 'streams opened by you'),
    address: rate('streams-per-address', config.STREAMS_PER_MINUTE_ADDRESS, 'streams opened from your address'),
    total: rate('streams-total', config.STREAMS_PER_MINUTE_TOTAL, 'streams opened by all together')
  }
  const caps: Caps = { node: config.MAX_STREAMS, user: config.MAX_STREAMS_PER_USER, address: config.MAX_STREAMS_PER_ADDRESS }
  const guests = {
    address: rate('guests-per-address', config.GUESTS_PER_MINUTE, 'new guests from your address'),
    total: rate('guests-total', config.GUESTS_PER_MINUTE_TOTAL, 'new guests of all together')
  }
  const renames = rate('renames-per-user', config.RENAMES_PER_MINUTE, 'names taken by you')
  // So little comes of it that the other nodes are not asked. Many who type behind one address take nothing from what else they do.
  const typing = {
    user: rate('typing-per-user', config.TYPING_PER_MINUTE, 'notices of typing by you', { alone: true }),
    address: rate('typing-per-address', config.READS_PER_MINUTE_ADDRESS, 'notices of typing from your address', { alone: true })
  }
  const reports = rate('reports-per-user', config.REPORTS_PER_MINUTE, 'reports by you')
  const rooms = rate('rooms-per-user', config.ROOMS_PER_HOUR, 'rooms made by you', { windowMs: HOUR_MS })
  const reads = rate('reads-per-address', config.READS_PER_MINUTE_ADDRESS, 'requests from your address')

  fastify.decorate('limits', {
    post: async (request, { userId, kind, room, message, key, slowMode = 0, newcomer = userId === undefined, edit = false }) => {
      const again = userId === undefined || key === undefined ? undefined : `${userId} ${room} ${key}`
      // A retry under its key is the same post: it is slowed down by nothing but its own number.
      const fresh = again === undefined || retried.get(again) === undefined
      await rates.count(request, [
        ...(userId === undefined ? [] : [
          ...(kind === 'bot' ? posts.bot : posts.user).map((rate) => [rate, userId] as const),
          ...(fresh && message !== undefined ? [[posts.repeated, sameness(userId, room, message)] as const] : [])
        ]),
        [posts.address, addressOf(request)],
        [posts.total, ''],
        // Last: whoever is refused for something else need not wait for that.
        ...(fresh && slowMode > 0 && newcomer ? [slowly(room, addressOf(request), slowMode)] : []),
        ...(fresh && slowMode > 0 && userId !== undefined ? [slowly(room, edit ? `${userId} edit` : userId, slowMode)] : [])
      ])
      if (again !== undefined) retried.set(again, true)
    },
    slowMode: (request, room, userId, seconds) => rates.count(request, [slowly(room, userId, seconds)]),
    newGuest: (request) => rates.count(request, [[guests.address, addressOf(request)], [guests.total, '']]),
    rename: (request, userId) => rates.count(request, [[renames, userId]]),
    typing: (request, userId) => rates.count(request, [[typing.user, userId], [typing.address, addressOf(request)]]),
    report: (request, userId) => rates.count(request, [[reports, userId]]),
    newRoom: async (request, userId, room) => {
      const { documents } = fastify.engine
      await rates.count(request, [[rooms, userId]])
      const made = await documents.list(ROOM_MADE, { after: `${userId} `, limit: config.ROOMS_PER_USER })
      if (made.length === config.ROOMS_PER_USER && made.at(-1)!.id.startsWith(`${userId} `)) {
        await rates.refuse('rooms-per-user', new errors.TooManyRequests('rooms made by you', HOUR_MS / 1_000), HOUR_MS / 1_000)
      }
      await documents.put(ROOM_MADE, `${userId} ${room}`, Date.now(), { ttl: config.SESSION_AGE })
    },
    stream: async (request, userId) => {
      const address = addressOf(request)
      await rates.count(request, [...(userId === undefined ? [] : [[streams.user, userId] as const]), [streams.address, address], [streams.total, '']])
      const place = await places.take(address, userId, caps)
      switch (place) {
        case 'node': return await rates.refuse('open-streams-per-node', new errors.NodeFull(FULL_RETRY_S), FULL_RETRY_S)
        case 'user': return await rates.refuse('open-streams-per-user', new errors.TooManyStreams('by you', FULL_RETRY_S), FULL_RETRY_S)
        case 'address': return await rates.refuse('open-streams-per-address', new errors.TooManyStreams('from your address', FULL_RETRY_S), FULL_RETRY_S)
      }
      return place
    }
  })

  fastify.addHook('onRequest', (request, _reply, done) => {
    if (UNCOUNTED.has(request.routeOptions.url ?? '')) return done()
    rates.count(request, [[reads, addressOf(request)]]).then(() => done(), done)
  })
  // What is refused for what it says has cost its work by then. Nobody is told that it was too often, but whoever goes on waits.
  // A short window, since a minute's may come within seconds.
  const failed = rate('reads-per-address', Math.ceil(config.READS_PER_MINUTE_ADDRESS * BURST_MS / 60_000), '', { windowMs: BURST_MS, alone: true })
  fastify.addHook('onSend', (request, { statusCode }, payload, done) => {
    const fault = statusCode >= 400 && statusCode < 500 && statusCode !== 429 && UNCOUNTED.has(request.routeOptions.url ?? '')
    if (!fault) return done(null, payload)
    failed.here(request, addressOf(request)).then((verdict) => setTimeout(done, verdict?.persistent === true ? LATE_MS : 0, null, payload), done)
  })
}, { name: 'limits', dependencies: ['addresses', 'config', 'cors', 'engine', 'places', 'rates'] })

/** What a user says in a room, as far as it is the same: not by letters' case, nor by spaces. */
function sameness (userId: string, room: string, message: string): string {
  const text = message.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()
  return hash('sha256', `${userId} ${room} ${text}`, 'base64url').slice(0, 22)
}
