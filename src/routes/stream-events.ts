import { Type, type Static } from '@sinclair/typebox'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { MAX_ROOMS, parseCursor } from '../chat/cursor.js'
import { DEFAULT_ROOM } from '../chat/event.js'
import { eventStream, jsonLines, ndjson, plainText, type Encoding, type Notice } from '../chat/frame.js'
import type { LiveRoom } from '../chat/live-room.js'
import { findStart, type Start, type Wish } from '../chat/resume.js'
import { Subscriber, type Sink } from '../chat/subscriber.js'
import { parseDuration } from '../duration.js'
import { EngineUnavailable } from '../engines/engine.js'
import { errors, type Limited } from '../errors.js'
import type { Session } from '../plugins/sessions.js'
import { ResponseSink } from '../response-sink.js'
import { ANSWER_BYTES, EventView, RoomName, failures } from '../schemas.js'
import { Turns } from '../turns.js'
import { varyBy } from '../vary.js'

const POLL = 'application/json'
/** By media type, the preferred first: what `GET /events` can be. */
const REPRESENTATIONS = { 'text/event-stream': eventStream, 'application/x-ndjson': ndjson, [POLL]: jsonLines, 'text/plain': plainText }

/** What a browser shows as it comes, where it was sent here without a script. */
const VISITED = 'text/plain'

/** Events of one long poll's answer at most. */
const POLL_EVENTS = 500
const POLL_WAIT_S = 25
/** Readers let in within one turn of the event loop: some 2 ms of work. */
const OPENED_AT_ONCE = 16
/** ms beyond its wait that a poll may take to read what is there. */
const POLL_GRACE_MS = 5_000
/** ms after which a client whose stream broke comes back, spread so that they do not all come at once. */
const retryMs = (): number => Math.round(1_000 + Math.random() * 2_000)
/** The same for one that is turned away. */
const awayMs = (): number => Math.round(30_000 + Math.random() * 30_000)

const Flag = Type.Optional(Type.Union([Type.Literal('0'), Type.Literal('1')]))

const Query = Type.Object({
  room: Type.Array(RoomName, { maxItems: MAX_ROOMS, default: [DEFAULT_ROOM], description: 'repeatable' }),
  history: Type.Optional(Type.Integer({ minimum: 0, maximum: 500, description: 'that many past events first' })),
  since: Type.Optional(Type.String({ maxLength: 64, description: 'what came since then first: `10m`, or an RFC 3339 time' })),
  speed: Type.Optional(Type.Number({ minimum: 0.01, maximum: 1_000, description: 'with `since`: at this multiple of the original pace' })),
  last_event_id: Type.Optional(Type.String({ description: 'go on after this cursor; the header Last-Event-ID wins' })),
  lurk: { ...Flag, description: '1: only read; no guest is made, nobody sees you' } as typeof Flag,
  token: { ...Flag, description: '1: `welcome` brings your token' } as typeof Flag,
  access_token: Type.Optional(Type.String({ description: 'a token, where a header cannot be sent' })),
  wait: Type.Optional(Type.Integer({ minimum: 0, maximum: 60, default: POLL_WAIT_S, description: 'long poll: seconds to wait for an event' }))
}, { additionalProperties: false })

const PollAnswer = Type.Object({
  events: Type.Array(EventView),
  cursor: Type.String({ description: 'send it as `last_event_id` next time' }),
  reset: Type.Optional(Type.Array(Type.Object({}, { additionalProperties: true }), { description: 'where a cursor could not be honoured' }))
})

interface Query { Querystring: Static<typeof Query> }
type StreamRequest = FastifyRequest<Query>

/** A stream that is about to begin: its rooms are held, and it is counted as present. */
interface Admission {
  subscriber: Subscriber
  /** Whose it is, undefined for one that lurks. */
  session: Session | undefined
  starts: Array<{ room: LiveRoom, start: Start }>
}

const route: FastifyPluginAsync = async (fastify) => {
  const { access, engine, activity, broadcaster, hashOfAddress, openStreams, registry, sessions, limits, places, config } = fastify
  const turns = new Turns(OPENED_AT_ONCE)

  const schema = {
    tags: ['events'],
    summary: 'Read events, as they come',
    description: `As ${Object.keys(REPRESENTATIONS).join(', ')}, by the header Accept. A reader that comes back with its last event id misses nothing.`,
    querystring: Query,
    response: {
      200: {
        description: 'a stream, or for application/json the answer of a long poll',
        content: Object.fromEntries(Object.keys(REPRESENTATIONS).map((type) => [type, { schema: type === POLL ? PollAnswer : Type.String() }]))
      },
      ...failures(400, 401, 403, 404, 406, 421, 429, 503)
    }
  }

  fastify.head('/events', { schema: { ...schema, hide: true } }, async (request, reply) => {
    varyBy(reply, 'Accept')
    const { contentType } = REPRESENTATIONS[negotiate(request)]
    return reply
      .headers({ 'content-type': contentType, 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
      .send()
  })

  fastify.get<Query>('/events', { exposeHeadRoute: false, schema }, async (request, reply) => {
    varyBy(reply, 'Accept')
    const representation = negotiate(request)
    await turns.take()
    try {
      if (representation === POLL) return await poll(request, reply)
      await stream(request, reply, representation)
    } catch (error) {
      const banned = error instanceof errors.Banned
      const passing = banned || error instanceof EngineUnavailable || [429, 503].includes((error as { statusCode?: number }).statusCode ?? 0)
      // An EventSource gives up for ever on any status but 200 (WHATWG HTML §9.2.3).
      if (passing && representation === 'text/event-stream' && isBareEventSource(request)) return turnAway(reply, error as Error, banned ? 'banned' : 'unavailable')
      throw error
    }
  })

  async function stream (request: StreamRequest, reply: FastifyReply, representation: Exclude<keyof typeof REPRESENTATIONS, typeof POLL>): Promise<void> {
    const sink = new ResponseSink(reply.raw, config.STALL_TIMEOUT)
    const { subscriber, session, starts } = await admit(request, reply, REPRESENTATIONS[representation], sink)
    const { socket } = request.raw
    if (reply.raw.destroyed || !socket.writable) {
      subscriber.close()
      return void reply.hijack()
    }
    reply.stream(subscriber, sink, welcome(request, reply, session, starts))
  }

  /** What is after the cursor, or what comes next within the wait. */
  async function poll (request: StreamRequest, reply: FastifyReply): Promise<FastifyReply> {
    const events: string[] = []
    const reset: Notice[] = []
    let arrived = (): void => {}
    const sink: Sink = {
      write: ({ bytes }) => {
        for (const line of bytes.toString().trimEnd().split('\n')) {
          const notice = line.startsWith('{"type":"reset"')
          if (notice) reset.push(JSON.parse(line))
          else events.push(line)
        }
        arrived()
        return false
      },
      end: () => arrived()
    }
    const { subscriber } = await admit(request, reply, jsonLines, sink)
    const { socket } = request.raw
    const gone = (): void => {
      subscriber.close()
      arrived()
    }
    socket.on('close', gone)
    const waitMs = request.query.wait! * 1_000
    // A store that is away does not hold the answer up for ever.
    const last = setTimeout(gone, waitMs + POLL_GRACE_MS)
    let cursor = subscriber.cursor
    let bytes = 0
    for await (const missed of subscriber.catchUp()) {
      cursor = missed.cursor
      if ('reset' in missed) reset.push(missed.reset)
      else if (events.push(missed.entry.json) === POLL_EVENTS || (bytes += Buffer.byteLength(missed.entry.json)) > ANSWER_BYTES) break
    }
    if (events.length + reset.length === 0 && !subscriber.closed && !socket.destroyed) {
      let wait
      await new Promise<void>((resolve) => {
        arrived = resolve
        wait = setTimeout(resolve, waitMs)
        subscriber.goLive()
      })
      clearTimeout(wait)
      cursor = subscriber.cursor
    }
    clearTimeout(last)
    socket.off('close', gone)
    subscriber.close()
    const more = reset.length === 0 ? '' : `,"reset":${JSON.stringify(reset)}`
    return reply
      .headers({ 'cache-control': 'no-store', 'content-type': jsonLines.contentType })
      .send(`{"events":[${events.join(',')}],"cursor":${JSON.stringify(cursor)}${more}}`)
  }

  async function admit (request: StreamRequest, reply: FastifyReply, encoding: Encoding, sink: Sink): Promise<Admission> {
    const { query } = request
    const names = [...new Set(query.room)].sort()
    const wishes = wishesOf(request, names)
    if (query.speed !== undefined && encoding === jsonLines) throw new errors.InvalidQuery('"speed" goes with a stream, not with a long poll')
    const lurk = query.lurk === '1'
    const found = await sessions.find(request, reply)
    // Before a guest is made for it: whoever may not read here leaves no trace.
    for (const name of names) access.check(found, 'read', name, request)
    const place = await limits.stream(request, found?.user.id)
    let session, starts
    let rooms: LiveRoom[] = []
    try {
      session = lurk ? found : found ?? await sessions.findOrMake(request, reply)
      rooms = await broadcaster.hold(names)
      starts = await Promise.all(rooms.map(async (room, index) => ({ room, start: await findStart(engine, room, wishes[index]!) })))
    } catch (error) {
      places.leave(place)
      broadcaster.release(rooms)
      throw error
    }
    const subscriber = new Subscriber({
      engine, activity, encoding, sink, starts, place, onClose: leave, ...(!lurk && { userId: session!.user.id }), ...(query.speed !== undefined && { speed: query.speed })
    })
    broadcaster.add(subscriber)
    openStreams.add(subscriber, { session, address: hashOfAddress(request.ip) })
    // What has changed while it was opened, nobody has told it of.
    for (const name of names) {
      const refused = access.refusal(session, 'read', name, hashOfAddress(request.ip))
      if (refused === undefined) continue
      subscriber.close()
      throw refused
    }
    if (lurk || session === undefined) return { subscriber, session: undefined, starts }
    const user = sessions.latest(session)
    places.seat(place, user.id)
    for (const name of names) registry.enter(name, user)
    return { subscriber, session: { ...session, user }, starts }
  }

  function leave (subscriber: Subscriber): void {
    places.leave(subscriber.place)
    broadcaster.remove(subscriber)
    openStreams.remove(subscriber)
    // One that was refused in the last moment has never come in.
    if (subscriber.place.online) for (const { name } of subscriber.rooms) registry.leave(name, subscriber.userId!)
  }

  function welcome (request: StreamRequest, reply: FastifyReply, session: Session | undefined, starts: Admission['starts']): Notice {
    const rooms = starts.map(({ room: { name, ring }, start: { resumed } }) => {
      const count = registry.count(name)
      return { room: name, head: ring.head, resumed, count, ...(count <= config.CROWD && { members: registry.members(name) }) }
    })
    return {
      type: 'welcome',
      at: new Date().toISOString(),
      heartbeat: config.HEARTBEAT,
      retry: retryMs(),
      ...(session !== undefined && {
        user: session.user,
        ...(request.query.token === '1' && session.kind === 'guest' && { token: session.token ?? sessions.issue(session, request, reply) })
      }),
      rooms
    }
  }
}

export default route

function negotiate (request: FastifyRequest): keyof typeof REPRESENTATIONS {
  const { accept } = request.headers
  // What an EventSource sends, and a program that has no wish: nothing to weigh.
  if (accept === undefined || accept === 'text/event-stream' || accept === '*/*') return 'text/event-stream'
  const types = Object.keys(REPRESENTATIONS)
  const wanted = request.accepts().types() as string[]
  // Somebody looks at it: a browser would show a stream raw, or keep it as a file.
  const visited = wanted.includes('text/html') && !wanted.some((type) => type in REPRESENTATIONS)
  const best = request.accepts().type(visited ? [VISITED, ...types] : types)
  if (typeof best !== 'string') throw new errors.NotAcceptable(types.join(', '))
  return best as keyof typeof REPRESENTATIONS
}

/** What the reader asks for in each of its rooms. @throws from the catalogue */
function wishesOf ({ query, headers }: StreamRequest, names: string[]): Wish[] {
  const { history, since, speed } = query
  if (since !== undefined && history !== undefined) throw new errors.InvalidQuery('"history" and "since" exclude each other')
  if (speed !== undefined && (since === undefined || names.length > 1)) throw new errors.InvalidQuery('"speed" goes with "since" and one room')
  const fresh: Wish = { ...(history !== undefined && { history }), ...(since !== undefined && { since: timeOf(since) }) }
  const header = headers['last-event-id']
  const text = (Array.isArray(header) ? header[0] : header) || query.last_event_id
  if (text === undefined || text === '') return names.map(() => fresh)
  const cursor = parseCursor(text, names)
  if (typeof cursor === 'string') return names.map(() => ({ ...fresh, unusable: cursor }))
  return names.map((name) => cursor.has(name) ? { ...fresh, cursor: cursor.get(name)! } : fresh)
}

const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i

/** @returns Unix time in ms */
function timeOf (since: string): number {
  const duration = parseDuration(since)
  if (duration !== undefined) return Date.now() - duration
  const time = RFC3339.test(since) ? Date.parse(since) : NaN
  if (Number.isNaN(time)) throw new errors.InvalidQuery('"since" wants a duration such as 10m or an RFC 3339 time such as 2026-01-31T09:30:00Z')
  return time
}

/** Our own client sees statuses and says so; so do programs, which do not ask for an event stream alone. */
function isBareEventSource ({ headers }: FastifyRequest): boolean {
  return headers.accept === 'text/event-stream' && headers['hubbub-client'] === undefined
}

function turnAway (reply: FastifyReply, { message, limit, retryAfter = 0 }: Error & Limited, reason: 'banned' | 'unavailable'): FastifyReply {
  const retry = Math.max(awayMs(), retryAfter * 1_000)
  const bye = eventStream.notice({ type: 'bye', at: new Date().toISOString(), reason, message, ...(limit !== undefined && { limit }), retry })!
  return reply.code(200).headers({ 'content-type': eventStream.contentType, 'cache-control': 'no-cache, no-transform' }).send(bye)
}
