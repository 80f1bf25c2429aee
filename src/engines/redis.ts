import { randomBytes } from 'node:crypto'
import { changed, type Content } from '../chat/event.js'
import { ORIGIN, laterId, splitId, type EventId } from '../chat/id.js'
import {
  EngineUnavailable,
  type Amended, type Amendment, type Append, type Appended, type Durability, type Engine, type Page, type Range, type RoomInfo, type Tail,
  type TailListener
} from './engine.js'
import { ANSWER_MS } from './redis/connection.js'
import { RedisDocuments } from './redis/documents.js'
import { RedisLink, type Log } from './redis/link.js'
import { RedisNodes } from './redis/nodes.js'
import { appendKey, contentOf, entryOf, isSpoilt, itemOf, itemsOf, keysOf, passOverSpoilt } from './redis/room.js'
import type { FoundEntry, WriteReply } from './redis/scripts.js'
import { RedisStrays } from './redis/strays.js'
import { RedisTails } from './redis/tails.js'
import type { StoreAddress } from './redis/url.js'

const KEY_TTL_MS = 24 * 60 * 60 * 1000
/** ms for which the key of an append that brought none is kept: as long as this node may ask again what became of it. */
const OWN_KEY_TTL_MS = 10_000
/** Bytes of a key at most, as everywhere. */
const MAX_KEY = 1_800
/** ms after which a write is refused by the store, on its clock; then its answer has some time left to arrive. */
const DEADLINE_MS = 1_500
/** Entries and bytes that a tail reads at once. */
const TAIL_PAGE = { limit: 500, bytes: 1_000_000 }
const SWEEP_MS = 60_000
/** Rooms of one page of the index. */
const ROOMS_AT_ONCE = 100
/** Rooms that are remembered to be in the index. */
const INDEXED = 100_000

export interface RedisOptions {
  address: StoreAddress
  /** Before every key and channel: two Hubbubs with different ones can share a server. */
  prefix: string
  /** Events that a room keeps, and some at most more, since they are removed in batches. */
  history: number
  /** ms that a room keeps them, as long as it likes where not given. */
  historyAge?: number
  /** Rooms of ours that keep another number of events, whatever their age. */
  keeps?: ReadonlyMap<string, number>
  /** Rooms of ours that keep events for so many ms; the others of ours keep theirs however old they are. */
  ages?: ReadonlyMap<string, number>
  log: Log
}

/** What is to be written into a room. */
interface Write {
  content: string
  after: EventId | undefined
  idempotency?: Append['idempotency']
  replyTo?: EventId
  amend?: { target: EventId, expected: string, amended: string }
}

/** The store of many nodes, on Redis or Valkey, one server or a cluster. */
export class RedisEngine implements Engine {
  readonly documents: RedisDocuments
  readonly nodes: RedisNodes
  readonly strays: RedisStrays
  /** It heals by itself. */
  readonly lost = new Promise<never>(() => {})

  readonly #options: RedisOptions
  readonly #link: RedisLink
  readonly #tails: RedisTails
  /** Tells what this process writes from what others do. */
  readonly #writer = randomBytes(9).toString('base64url')
  #writes = 0
  /** Writes under way. */
  readonly #underWay = new Set<Promise<unknown>>()
  /** The last amendment under way, by room and id. */
  readonly #amending = new Map<string, Promise<void>>()
  readonly #indexed = new Set<string>()
  /** Rooms of whose faults the operator has been told. */
  readonly #told = new Set<string>()
  readonly #sweeper: NodeJS.Timeout
  #closed = false

  /** Waits until the store can be used. @throws {Unsuitable} by rejection, where waiting cannot help */
  static async open (options: RedisOptions): Promise<RedisEngine> {
    return new RedisEngine(options, await RedisLink.open(options))
  }

  private constructor (options: RedisOptions, link: RedisLink) {
    this.#options = options
    this.#link = link
    this.documents = new RedisDocuments(link, options.prefix)
    this.nodes = new RedisNodes({ link, prefix: options.prefix, channelOf: (room) => `${this.#channelOf(room)}:online` })
    this.strays = new RedisStrays({ link, prefix: options.prefix, names: () => this.#allNames() })
    this.#tails = new RedisTails({
      link,
      channelOf: (room) => this.#channelOf(room),
      headOf: async (room) => (await this.#info(room)).head,
      read: async (room, after) => {
        const { found, ...page } = await this.#read(room, { after, ...TAIL_PAGE })
        return { ...page, items: itemsOf(room, found, (id) => this.#tellUnreadable(room, id)) }
      }
    })
    // A store that has lost its data has lost the index too.
    this.nodes.onReturn(() => this.#indexed.clear())
    this.#sweeper = setInterval(() => void this.#sweepInTurn(), SWEEP_MS).unref()
    void this.#sweepOurs()
    void this.#sweep()
  }

  get durability (): Durability {
    return this.#link.durability
  }

  get description (): string {
    return this.#link.name
  }

  append (append: Append): Promise<Appended> {
    return this.#accept(() => this.#append(append))
  }

  amend (amendment: Amendment): Promise<Amended> {
    const began = performance.now()
    return this.#accept(() => this.#inTurn(`${amendment.room} ${amendment.id}`, () => this.#amend(amendment, began)))
  }

  async read (room: string, range: Range): Promise<Page> {
    const { found, ...page } = await this.#read(room, range)
    const entries = itemsOf(room, found, (id) => this.#tellUnreadable(room, id)).map(({ entry }) => entry)
    return { ...page, entries: range.after === undefined ? entries.reverse() : entries }
  }

  async seek (room: string, where: { newest: number } | { since: number }): Promise<EventId> {
    const { stream, events } = this.#keys(room)
    const [newest, before] = 'newest' in where ? [where.newest, ''] : [0, where.since < 1 ? '0-1' : `${Math.ceil(where.since)}-0`]
    return this.#link.ask((client) => client.hubbubSeek(stream, events, newest, before))
  }

  async rooms ({ after, limit }: { after?: string, limit: number }): Promise<RoomInfo[]> {
    const found: RoomInfo[] = []
    for (let from = after; found.length < limit;) {
      const most = Math.min(limit - found.length, ROOMS_AT_ONCE)
      const names = await this.#names(from, most)
      const infos = await Promise.all(names.map((room) => this.#info(room).catch(passOverSpoilt)))
      // A name is in the index a moment before the room holds its first event.
      found.push(...infos.filter((info) => info !== undefined).filter(({ head }) => head !== ORIGIN))
      if (names.length < most) break
      from = names.at(-1)
    }
    return found
  }

  async tail (room: string, listener: TailListener): Promise<Tail> {
    if (this.#closed) throw new EngineUnavailable('the store is closed')
    return this.#tails.listen(room, listener)
  }

  async check (): Promise<void> {
    await this.#link.call((client) => client.set(`${this.#options.prefix}:{~check}`, '', 'PX', 1_000))
  }

  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#sweeper)
    this.#tails.close()
    this.nodes.close()
    await Promise.allSettled(this.#underWay)
    this.#link.close()
  }

  /** What is accepted is done before the engine closes. */
  #accept<T> (work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new EngineUnavailable('the store is closed'))
    const working = work()
    this.#underWay.add(working)
    const done = (): void => { this.#underWay.delete(working) }
    working.then(done, done)
    return working
  }

  async #append ({ room, draft, after, idempotency }: Append): Promise<Appended> {
    const nonce = this.#nonce()
    const content = contentOf(draft)
    const reply = await this.#write(room, nonce, {
      content, after, ...(idempotency !== undefined && { idempotency }), ...(draft.replyTo !== undefined && { replyTo: draft.replyTo })
    })
    switch (reply[0]) {
      case 'stored': return { status: 'stored', entry: entryOf(room, reply[2], reply[3], content) }
      case 'no-original': return { status: 'no-original' }
      case 'known': {
        const [,, known, prev, stored] = reply
        const [id, by, fingerprint] = known.split(' ')
        const entry = prev === null ? undefined : entryOf(room, id!, prev, stored)
        // The answer to this very append was lost, and it was sent again.
        if (by === nonce && entry !== undefined) return { status: 'stored', entry }
        return { status: 'known', id: id!, fingerprint: fingerprint!, ...(entry !== undefined && { entry }) }
      }
      default: throw new EngineUnavailable(`the store refused: ${reply[0]}`)
    }
  }

  /** Amendments of one event follow each other: all at once would each be refused because of another. */
  #inTurn<T> (event: string, amend: () => Promise<T>): Promise<T> {
    const amending = (this.#amending.get(event) ?? Promise.resolve()).then(amend)
    const done = amending.then(() => {}, () => {}).then(() => {
      if (this.#amending.get(event) === done) this.#amending.delete(event)
    })
    this.#amending.set(event, done)
    return amending
  }

  async #amend ({ room, id, change, announcement, after }: Amendment, began: number): Promise<Amended> {
    const nonce = this.#nonce()
    const content = contentOf(announcement)
    const { ms, seq } = splitId(id)
    while (performance.now() - began < DEADLINE_MS) {
      const { found: [found] } = await this.#read(room, { before: `${ms}-${seq + 1}`, limit: 1 })
      if (found?.[0] !== id || found[2] === null) return { status: 'unknown' }
      const [, prev, expected, , , innerContent = null] = found
      const set = change(entryOf(room, id, prev, expected).event)
      if (set === undefined) return { status: 'declined', entry: itemsOf(room, [found], () => {})[0]!.entry }
      const amended = JSON.stringify(changed(JSON.parse(expected) as Content, set))
      const reply = await this.#write(room, nonce, { content, after, amend: { target: id, expected, amended } })
      if (reply[0] === 'changed') continue // Somebody else has amended it meanwhile.
      if (reply[0] !== 'stored' && reply[0] !== 'known') throw new EngineUnavailable(`the store refused: ${reply[0]}`)
      const [announced, announcedPrev] = reply[0] === 'stored' ? [reply[2], reply[3]] : [reply[2].split(' ', 1)[0]!, reply[3]]
      if (announcedPrev === null) return { status: 'unknown' } // It was trimmed while its answer was lost.
      const item = itemOf(entryOf(room, announced, announcedPrev, content), entryOf(room, id, prev, amended), innerContent)
      return { status: 'amended', entry: item.amended, announcement: item.entry }
    }
    throw new EngineUnavailable('the same event is amended by too many at once')
  }

  /**
   * Stores once, however often it must ask: the key tells whether an earlier attempt, whose answer was lost, has come through.
   * After its deadline, on the store's own clock, an attempt that is still on its way is refused.
   */
  async #write (room: string, nonce: string, { content, after, idempotency, replyTo, amend }: Write): Promise<WriteReply> {
    const { stream, events } = this.#keys(room)
    const { clock } = this.#link
    const began = performance.now()
    const name = idempotency === undefined ? nonce : JSON.stringify([idempotency.scope, idempotency.key])
    if (name.length > MAX_KEY / 3 && Buffer.byteLength(name) > MAX_KEY) throw new RangeError('the key is too long')
    this.#index(room)
    for (let outcomeUnknown = false; ;) {
      let sent = 0
      try {
        const reply = await this.#link.call((client) => {
          sent = performance.now()
          // Only now: while it waited, another store may have taken over, with another clock.
          const known = laterId(laterId(`${clock.floor}-0`, this.#tails.highest(room)), after)
          return client.hubbubWrite(
            stream, events, appendKey(stream, name), clock.at(began + DEADLINE_MS), known, nonce, idempotency?.fingerprint ?? '',
            idempotency === undefined ? OWN_KEY_TTL_MS : KEY_TTL_MS, this.#options.keeps?.get(room) ?? this.#options.history, this.#channelOf(room), content,
            replyTo ?? '', amend?.target ?? '', amend?.expected ?? '', amend?.amended ?? ''
          )
        }, began + ANSWER_MS)
        const received = performance.now()
        clock.hear(reply[1], sent, received)
        if (reply[0] === 'beyond') throw new EngineUnavailable(`the stream ${stream} has come to the end of its ids; delete what is not Hubbub's`)
        if (reply[0] !== 'late') return reply
        // Its clock is another one than was thought, or it was indeed too late; either way this attempt has stored nothing.
        if (received - began > DEADLINE_MS) throw new EngineUnavailable('the store was too slow', { outcomeUnknown })
      } catch (error) {
        if (!(error instanceof EngineUnavailable) || isSpoilt(error)) this.#spoilt(room, error)
        outcomeUnknown ||= error.outcomeUnknown
        // Its connection broke. On the next one, if it comes in time, the key will tell.
        if (error.outcomeUnknown && performance.now() - began < DEADLINE_MS) continue
        throw error.outcomeUnknown === outcomeUnknown ? error : new EngineUnavailable(error.message, { cause: error, outcomeUnknown })
      }
    }
  }

  async #read (room: string, { after, before, limit, bytes }: Range): Promise<Omit<Page, 'entries'> & { found: FoundEntry[] }> {
    const { stream, events } = this.#keys(room)
    const [floor, head, anchored, below, found] = await this.#link.ask((client) =>
      client.hubbubRead(stream, events, after ?? '', before ?? '', limit, bytes ?? Number.MAX_SAFE_INTEGER)).catch((error) => this.#spoilt(room, error))
    return { floor, head, anchored: anchored === 1, found, ...(below !== null && { below }) }
  }

  async #info (room: string): Promise<RoomInfo> {
    const { stream, events: contents } = this.#keys(room)
    const [floor, head, events] = await this.#link.ask((client) => client.hubbubInfo(stream, contents))
    return { room, floor, head, events }
  }

  /** Names of rooms in the index, in order. */
  #names (after: string | undefined, most: number): Promise<string[]> {
    return this.#link.ask((client) => client.zrange(`${this.#options.prefix}:rooms`, after === undefined ? '-' : `(${after}`, '+', 'BYLEX', 'LIMIT', 0, most))
  }

  /** All rooms of users that ever held an event, some at once. */
  async * #allNames (): AsyncGenerator<string[], void, void> {
    for (let names: string[] = [], after: string | undefined; ; after = names.at(-1)) {
      names = await this.#names(after, ROOMS_AT_ONCE)
      yield names
      if (names.length < ROOMS_AT_ONCE) return
    }
  }

  /** Puts a room into the index, before it holds an event: what is in it can be found, whatever happens in between. */
  #index (room: string): void {
    if (this.#indexed.has(room) || !LISTED.test(room)) return
    if (this.#indexed.size >= INDEXED) this.#indexed.clear()
    this.#indexed.add(room)
    this.#link.call((client) => client.zadd(`${this.#options.prefix}:rooms`, 0, room)).catch(() => this.#indexed.delete(room))
  }

  /** Of all nodes, one sweeps at a time. */
  async #sweepInTurn (): Promise<void> {
    const { historyAge, ages } = this.#options
    if (historyAge === undefined && ages === undefined) return // Then rooms are trimmed by what is appended.
    const turn = await this.#link.call((client) => client.set(`${this.#options.prefix}:{~sweep}`, '', 'PX', SWEEP_MS * 0.9, 'NX')).catch(() => null)
    if (turn !== 'OK') return
    await this.#sweepOurs()
    if (historyAge !== undefined) await this.#sweep()
  }

  /** What time alone brings, and a limit that was lowered: rooms with events over it or past their age. */
  async #sweep (): Promise<void> {
    const { history, historyAge = 0 } = this.#options
    try {
      for await (const names of this.#allNames()) {
        if (this.#closed) return
        for (const room of names) await this.#sweepRoom(room, history, historyAge)
      }
    } catch {} // The next sweep tries again.
  }

  async #sweepOurs (): Promise<void> {
    const { history, keeps, ages = [] } = this.#options
    try {
      for (const [room, age] of ages) await this.#sweepRoom(room, keeps?.get(room) ?? history, age)
    } catch {} // As above.
  }

  async #sweepRoom (room: string, history: number, age: number): Promise<void> {
    const { stream, events } = this.#keys(room)
    while (await this.#link.call((client) => client.hubbubSweep(stream, events, history, age)).catch(passOverSpoilt) === 1);
  }

  #tellUnreadable (room: string, id: EventId): void {
    this.#tellOnce(room, `the event ${id} of the room ${room} cannot be read: a newer version of Hubbub has written it, or its content is gone; readers get an event "unreadable" in its place`)
  }

  /** A fault of one room: the operator is told of the first. */
  #tellOnce (room: string, message: string): void {
    if (this.#told.has(room)) return
    this.#told.add(room)
    this.#options.log.error(message)
  }

  /** Says which room it is whose keys hold something else. */
  #spoilt (room: string, error: unknown): never {
    const { stream, events } = this.#keys(room)
    if (isSpoilt(error)) this.#tellOnce(room, `the room ${room} cannot be used: ${stream} or ${events} in Redis is not what Hubbub puts there (WRONGTYPE); set REDIS_PREFIX, or delete that key`)
    throw error
  }

  #nonce (): string {
    return `${this.#writer}.${(++this.#writes).toString(36)}`
  }

  #keys (room: string): ReturnType<typeof keysOf> {
    return keysOf(this.#options.prefix, room)
  }

  /** Channels are a server's, whichever of its databases a client uses. */
  #channelOf (room: string): string {
    const { prefix, address } = this.#options
    return `${prefix}:${address.db}:{${room}}`
  }
}

/** Rooms of users; ours for nodes begin otherwise, and are not listed. */
const LISTED = /^[a-z0-9]/
