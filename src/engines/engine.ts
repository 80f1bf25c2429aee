import type { Change, ChatEvent, Content, Draft, Entry, User } from '../chat/event.js'
import { splitId, type EventId } from '../chat/id.js'

/** What an acknowledgement of this engine means: `fsync`, on disk; `everysec` and `memory`, as Redis names them. */
export type Durability = 'fsync' | 'everysec' | 'memory'

/** The same in words. */
export const MEANINGS: Record<Durability, string> = {
  fsync: 'on disk',
  everysec: 'in memory, and on disk within a second',
  memory: 'in memory alone'
}

/** Where an event is. */
export interface EventPlace {
  room: string
  id: EventId
}

export interface Append {
  room: string
  draft: Draft
  /** The highest id of the room that the caller knows; the new event's id is above it. */
  after?: EventId
  /**
   * Makes a retry safe: for 24 h, an append with the same scope and key stores nothing and answers with the first one's
   * event.
   */
  idempotency?: { scope: string, key: string, fingerprint: string }
}

export type Appended =
  | { status: 'stored', entry: Entry }
  /** The key is known. `entry` is missing where the event has since been trimmed or erased. */
  | { status: 'known', id: EventId, fingerprint: string, entry?: Entry }
  /** Nothing is stored: the event that the draft replies to is not in the log. */
  | { status: 'no-original' }

export interface Amendment {
  room: string
  id: EventId
  /**
   * Decides by the event as it is when it is amended: called again where somebody else has amended it meanwhile, so it does nothing
   * else. What it throws, `amend` rejects with; then nothing is stored.
   * @returns undefined where nothing is to be stored
   */
  change: (event: ChatEvent) => Change | undefined
  /** The event (`edit`, `delete`) that announces it, appended in the same transaction. Of the target, its `data` says the id alone. */
  announcement: Draft
  after?: EventId
}

export type Amended =
  | { status: 'amended', entry: Entry, announcement: Entry }
  /** `change` gave nothing: this is the event as it is. */
  | { status: 'declined', entry: Entry }
  /** It is not in the log, or cannot be read. */
  | { status: 'unknown' }

/** What a tail hears: an entry, with the amended entry where the entry announces an amendment. */
export interface TailItem {
  entry: Entry
  amended?: Entry
}

/** A part of a room's log. Every read is a range: it costs what it gives, whatever the room's length. */
export interface Range {
  /** Entries after this id, oldest first. Without it, the newest `limit` entries (before `before`). */
  after?: EventId
  /** Only entries before this id. */
  before?: EventId
  /** Entries at most. */
  limit: number
  /** Stop once this many bytes of JSON are read; at least one entry is given. */
  bytes?: number
}

export interface Page {
  /** Oldest first. */
  entries: Entry[]
  /** The last id trimmed away, `0-0` where none. */
  floor: EventId
  /** The last id stored durably, `0-0` where none. */
  head: EventId
  /** With `after`: whether it is in the log, or is the floor, so that nothing is missing before the first entry. */
  anchored: boolean
  /** Where `after` is not anchored: the id before its place, the floor where there is none. */
  below?: EventId
}

export interface RoomInfo {
  room: string
  floor: EventId
  head: EventId
  /** Events kept. */
  events: number
}

export interface TailListener {
  /** Hears every entry from the tail's head on, in order, each once, when it is durable. */
  hear (items: TailItem[]): void
  /**
   * The log no longer goes on from what was heard last: it has been trimmed beyond it while the store was away, or the store has
   * lost it. What is heard next comes after this id.
   */
  broken (after: EventId): void
}

export interface Tail {
  /** The room's head where the tail begins: the first item heard is the one after it. */
  head: EventId
  close (): void
}

/** Small JSON documents beside the logs. */
export interface Documents {
  get<T> (kind: string, id: string): Promise<T | undefined>
  /**
   * Stores durably.
   * @param options.ttl ms after which it is gone
   * @param options.ifAbsent keep what is already there
   * @returns what is stored now
   */
  put<T> (kind: string, id: string, value: T, options?: { ttl?: number, ifAbsent?: boolean }): Promise<T>
  /** Stores a document anew, unless it is gone. @returns whether it was there */
  replace<T> (kind: string, id: string, value: T, options?: { ttl?: number }): Promise<boolean>
  delete (kind: string, id: string): Promise<void>
  /** In order of id, those after `after`. */
  list<T> (kind: string, options: { after?: string, limit: number }): Promise<Array<{ id: string, value: T }>>
}

/** Who is in the rooms of one node, by its own reckoning. */
export interface Here {
  /** The user as a member of a room, undefined where that is not so. */
  member (room: string, userId: string): User | undefined
  members (room: string): Iterable<User>
  rooms (): Iterable<string>
}

export interface WatchListener {
  /** Users who are in the room through other nodes from now on: their names by id. */
  came (users: ReadonlyMap<string, string>): void
  /** Users who are no longer. */
  went (users: ReadonlyMap<string, string>): void
  /** A user has said to another node that they type in the room, or no longer. */
  typed (user: User, types: boolean): void
}

/** A room in which the other nodes' users are known. */
export interface Watch {
  /** The name of a user who is there through another node, undefined for whoever is not. */
  nameOf (userId: string): string | undefined
  /** Ids and names of all who are, each once. */
  users (): Iterable<[userId: string, name: string]>
  close (): void
}

/**
 * Who is in which room, over all nodes. It is a state and not a queue: while the store is away nothing changes, and when it is back
 * each node writes what is so then. A node that dies without a word has its users gone after its lease.
 */
export interface Attendance {
  /** From now on the other nodes know who is here. */
  begin (here: Here): Promise<void>
  /** A user has come into a room here, has gone, or has another name: the others hear in a moment. */
  changed (room: string, userId: string): void
  /** A user has said here that they type in a room, or no longer: the nodes that know it hear so now, or never. Nothing of it is stored. */
  type (room: string, user: User, types: boolean): void
  /** Knows the other nodes' users in a room from now on. Rejects never: what is not known yet comes later. */
  watch (room: string, listener: WatchListener): Promise<Watch>
  /** Ids and names of the other nodes' users in a room, now. @throws {EngineUnavailable} by rejection */
  read (room: string): Promise<ReadonlyMap<string, string>>
  /** This node goes down: for so many ms more its users count as here, so that nobody sees them blink who come back through others. */
  leave (ms: number): Promise<void>
}

/** Which names are in use, over all nodes; a name as the keys that it shares with whatever looks like it. */
export interface NameClaims {
  /** Takes all of a name's keys for a user, or none, for so many ms. @returns whether nobody else has one */
  claim (keys: readonly string[], userId: string, ms: number): Promise<boolean>
  /** Keys stay their users' for so many ms from now on, as far as nobody else has them. */
  hold (held: ReadonlyArray<readonly [key: string, userId: string]>, ms: number): Promise<void>
  release (keys: readonly string[], userId: string): Promise<void>
}

/** The streams that are open through one node, by its own reckoning; a key is a user's, or an address's. */
export interface OpenHere {
  /** How many are open under a key. */
  count (key: string): number
  /** Whether a user is online under it. */
  has (key: string, userId: string): boolean
  users (key: string): Iterable<string>
  keys (): Iterable<string>
}

/**
 * The streams that are open under a key, over all nodes. It is a state, as attendance is: what a dead node had counts for nothing
 * once its lease is gone.
 */
export interface OpenStreams {
  /** From now on the other nodes know what is open here. */
  begin (here: OpenHere): void
  /**
   * Says how many are open under each key here, if those of all nodes together are no more than so many.
   * @returns the first key that has more, undefined where all fit. @throws {EngineUnavailable} by rejection, at once where the store is away
   */
  fit (wishes: ReadonlyArray<{ key: string, most: number }>): Promise<string | undefined>
  /** A stream has come or gone under a key here; the user, too, where one is given: the store knows in a moment. */
  changed (key: string, userId?: string): void
  /** Users who are online under a key through other nodes. @throws {EngineUnavailable} by rejection */
  users (key: string): Promise<ReadonlySet<string>>
  /** This node goes down, and has none any more: the store knows when this resolves, if it can be told. */
  leave (): Promise<void>
}

/** Counts within windows of time, over all nodes: what the Redis store of `@fastify/rate-limit` takes for its client. */
export interface SharedCounters {
  defineCommand (name: string, definition: { numberOfKeys: number, lua: string }): void
}

/** What nodes that share a store know of one another. */
export interface Nodes {
  readonly attendance: Attendance
  readonly names: NameClaims
  readonly streams: OpenStreams
  readonly counters: SharedCounters
  /** Calls back each time when the store was away, or has lost what it had: what must be in it is to be put there again. */
  onReturn (listener: () => void): void
}

/** What an event said that is in no log any more. */
export interface Stray extends EventPlace {
  content: Content
}

/** What is left in a store that others can write to as well, of rooms whose log they have damaged. */
export interface Strays {
  /** Rooms that cannot be read, since something else is in their place. @throws {EngineUnavailable} by rejection */
  rooms (): Promise<string[]>
  /** Events of a user to which no log leads. @throws {EngineUnavailable} by rejection */
  of (userId: string): AsyncGenerator<Stray, void, void>
  /** Removes one, unless a log leads to it after all. @throws {EngineUnavailable} by rejection */
  drop (place: EventPlace): Promise<void>
}

/**
 * Stores logs and documents. Nothing that it reads or tells a tail is anything but durable (at its
 * {@link Durability}): what is acknowledged, read and broadcast is the same. Whatever gives an `edit` gives it with what its target has
 * at that moment.
 *
 * Every method may reject with {@link EngineUnavailable}.
 */
export interface Engine {
  /** May change, as the settings of a store do. */
  readonly durability: Durability
  /** Only where other nodes may use the store at the same time. */
  readonly nodes?: Nodes
  /** Only where others could write into the store. */
  readonly strays?: Strays
  /** In words, for the operator: which store, where. */
  readonly description: string
  readonly documents: Documents
  /** Resolves, if ever, with the cause why only opening the store anew can help: the process should end and start again. */
  readonly lost: Promise<unknown>
  append (append: Append): Promise<Appended>
  amend (amendment: Amendment): Promise<Amended>
  read (room: string, range: Range): Promise<Page>
  /**
   * Finds the place after which the newest events begin, as many as asked for, or those since a Unix time (ms). Reads no
   * content.
   */
  seek (room: string, where: { newest: number } | { since: number }): Promise<EventId>
  /** @returns the rooms of users that hold an event, in order of name, those after `after`. Ours begin with `~`. */
  rooms (options: { after?: string, limit: number }): Promise<RoomInfo[]>
  /** Hears a room from now on. `listener` must not throw. */
  tail (room: string, listener: TailListener): Promise<Tail>
  /** Rejects where a write would fail now. */
  check (): Promise<void>
  /** Ends after what was accepted is stored. */
  close (): Promise<void>
}

/** Documents read at once. */
const PAGE = 500

/**
 * All documents of a kind whose ids begin so, in order.
 * @param atOnce documents read at once: little more than there are, where few begin so of many
 * @throws {EngineUnavailable} by rejection
 */
export async function * allDocuments<T> (documents: Pick<Documents, 'list'>, kind: string, prefix = '', atOnce = PAGE): AsyncGenerator<{ id: string, value: T }, void, void> {
  for (let after = prefix; ;) {
    const page = await documents.list<T>(kind, { limit: atOnce, ...(after !== '' && { after }) })
    for (const one of page) {
      if (!one.id.startsWith(prefix)) return
      yield one
    }
    if (page.length < atOnce) return
    after = page.at(-1)!.id
  }
}

/** An event as it is now, undefined where it is not kept. @throws {EngineUnavailable} by rejection */
export async function entryAt (engine: Pick<Engine, 'read'>, { room, id }: EventPlace): Promise<Entry | undefined> {
  const { ms, seq } = splitId(id)
  const { entries: [entry] } = await engine.read(room, { before: `${ms}-${seq + 1}`, limit: 1 })
  return entry?.id === id ? entry : undefined
}

/** The store cannot be used as it is, and waiting will not change that. The message is one line, and says what would. */
export class Unsuitable extends Error {
  override readonly name = 'Unsuitable'
}

/** The store cannot do it now. Nothing was stored, unless `outcomeUnknown`. */
export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable'
  readonly outcomeUnknown: boolean

  constructor (message: string, options: { cause?: unknown, outcomeUnknown?: boolean } = {}) {
    super(message, { cause: options.cause })
    this.outcomeUnknown = options.outcomeUnknown ?? false
  }
}
