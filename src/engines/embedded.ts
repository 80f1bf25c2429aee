import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { EDIT, Entry, announcing, changed, targetOf, type ChatEvent, type Draft } from '../chat/event.js'
import { MAX_SEQUENCE, ORIGIN, laterId, nextId, splitId, type EventId } from '../chat/id.js'
import { DirectoryLock } from './directory-lock.js'
import {
  EngineUnavailable,
  type Amended, type Amendment, type Append, type Appended, type Engine, type Page, type Range, type RoomInfo, type Tail,
  type TailListener
} from './engine.js'
import { ForeignStore, STORE_FILE, checkFile } from './lmdb-file.js'
import { LmdbDocuments } from './lmdb-documents.js'
import { Tails } from './tails.js'
import { WriteQueue, type Batch } from './write-queue.js'

const FORMAT = 1
const KEY_TTL_MS = 24 * 60 * 60 * 1000
const TRIM_AT_ONCE = 1_000
const SWEEP_MS = 60_000
/** Rooms that a sweep looks at before others have their turn. */
const SWEEP_AT_ONCE = 500
/** Before all rooms that are ours, and after all of users: they are in order. */
const OURS = '~'

const QUOTE = 0x22
const TYPE_EDIT = `${EDIT}"`

type EventKey = [room: string, ms: number, seq: number]
type Table<K extends string | EventKey> = Database<string, K>

interface RoomRecord {
  floor: EventId
  head: EventId
  events: number
}

export interface EmbeddedOptions {
  directory: string
  /** Events that a room keeps. */
  history: number
  /** ms that a room keeps them, as long as it likes where not given. */
  historyAge?: number
  /** Rooms of ours that keep another number of events, whatever their age. */
  keeps?: ReadonlyMap<string, number>
  /** For tests: the clock, Unix time in ms. */
  now?: () => number
}

/**
 * One node's store on LMDB.
 *
 * A write is acknowledged, readable and told to the tails when its transaction is on disk, and not before: LMDB's
 * `overlappingSync`, which makes a transaction readable before its flush, is off, so that a reader's snapshot can
 * only be of what was flushed, and a flush that fails rejects the transaction and leaves nothing behind.
 */
export class EmbeddedEngine implements Engine {
  readonly durability = 'fsync'
  readonly description: string
  readonly documents: LmdbDocuments
  readonly lost: Promise<unknown>
  /** Entries that reads have looked at, for those who must know what a read costs. */
  entriesRead = 0

  readonly #now: () => number
  readonly #history: number
  readonly #historyAge: number | undefined
  readonly #keeps: ReadonlyMap<string, number>
  readonly #lock: DirectoryLock
  readonly #root: RootDatabase<string, string>
  readonly #events: Table<EventKey>
  readonly #rooms: Table<string>
  readonly #queue: WriteQueue
  readonly #tails = new Tails()
  /** Rooms to be trimmed in the next transactions. */
  readonly #full = new Set<string>()
  /** Whether a transaction that trims is asked for. */
  #trimming = false
  readonly #sweeper: NodeJS.Timeout
  #closed = false

  /**
   * @throws {DirectoryHeld} where another process has the directory
   * @throws {ForeignStore} where what is in it cannot be read
   */
  static async open (options: EmbeddedOptions): Promise<EmbeddedEngine> {
    mkdirSync(options.directory, { recursive: true, mode: 0o700 })
    const lock = await DirectoryLock.hold(options.directory)
    try {
      return new EmbeddedEngine(options, lock)
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  private constructor (options: EmbeddedOptions, lock: DirectoryLock) {
    this.#now = options.now ?? Date.now
    this.#history = options.history
    this.#historyAge = options.historyAge
    this.#keeps = options.keeps ?? new Map()
    this.#lock = lock
    this.description = `LMDB in ${resolve(options.directory)}`
    const path = join(options.directory, STORE_FILE)
    checkFile(path)
    this.#root = open<string, string>({
      path,
      encoding: 'string',
      overlappingSync: false,
      // Our transactions are batches of our own; the one that this would put around each rejects unseen when it fails.
      eventTurnBatching: false,
      maxDbs: 8
    })
    this.#events = this.#root.openDB({ name: 'events', encoding: 'string' })
    this.#rooms = this.#root.openDB({ name: 'rooms', encoding: 'string' })
    const format = this.#root.get('format')
    if (format !== undefined && Number(format) > FORMAT) {
      throw new ForeignStore(`${this.description} was written by a newer version (format ${format}, this one knows ${FORMAT})`)
    }
    let lose: (cause: unknown) => void
    this.lost = new Promise((resolve) => { lose = resolve })
    this.#queue = new WriteQueue(this.#root, {
      beforeCommit: (batch) => this.#trimFull(batch),
      afterCommit: () => this.#tails.tell(),
      onBroken: (cause) => lose(cause)
    })
    if (format === undefined) this.#root.putSync('format', String(FORMAT))
    this.documents = new LmdbDocuments({
      root: this.#root, queue: this.#queue, now: this.#now, reading: (read) => this.#reading(read)
    })
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS).unref()
    void this.#sweep()
  }

  append ({ room, draft, after, idempotency }: Append): Promise<Appended> {
    return this.#queue.write<Appended>((batch) => {
      const key = idempotency === undefined ? undefined : JSON.stringify([room, idempotency.scope, idempotency.key])
      if (key !== undefined) {
        const known = this.documents.find<{ id: EventId, fingerprint: string }>(batch, 'key', key)
        if (known !== undefined) {
          const json = batch.get(this.#events, eventKey(room, known.id))
          return () => ({ status: 'known', ...known, ...(json !== undefined && { entry: new Entry(known.id, json) }) })
        }
      }
      if (draft.replyTo !== undefined && batch.get(this.#events, eventKey(room, draft.replyTo)) === undefined) {
        return () => ({ status: 'no-original' })
      }
      const entry = this.#stage(batch, room, draft, after)
      if (key !== undefined) {
        this.documents.stage(batch, 'key', key, { id: entry.id, fingerprint: idempotency!.fingerprint }, KEY_TTL_MS)
      }
      return () => {
        this.#tails.hear(room, { entry })
        return { status: 'stored', entry }
      }
    })
  }

  amend ({ room, id, change, announcement: draft, after }: Amendment): Promise<Amended> {
    return this.#queue.write<Amended>((batch) => {
      const find = (key: EventKey): string | undefined => batch.get(this.#events, key)
      const key = eventKey(room, id)
      const json = find(key)
      if (json === undefined) return () => ({ status: 'unknown' })
      const event = JSON.parse(json) as ChatEvent
      const set = change(event)
      if (set === undefined) {
        const entry = given(room, new Entry(id, json), find)
        return () => ({ status: 'declined', entry })
      }
      const amended = Entry.of(changed(event, set))
      batch.put(this.#events, key, amended.json)
      const entry = given(room, amended, find)
      const announcement = given(room, this.#stage(batch, room, draft, after), find)
      return () => {
        this.#tails.hear(room, { entry: announcement, amended: entry })
        return { status: 'amended', entry, announcement }
      }
    })
  }

  async read (room: string, range: Range): Promise<Page> {
    return this.#reading(() => {
      const { floor, head } = this.#room(this.#rooms.get(room))
      const page: Page = { entries: [], floor, head, anchored: range.after === floor }
      const before = range.before === undefined ? end(room) : eventKey(room, range.before)
      const find = (key: EventKey): string | undefined => this.#events.get(key)
      let bytes = 0
      const rows = range.after === undefined
        ? this.#events.getRange({ start: before, end: [room, 0, -1], reverse: true, exclusiveStart: true, limit: range.limit })
        : this.#events.getRange({ start: eventKey(room, range.after), end: before, limit: range.limit + 1 })
      for (const { key, value } of rows) {
        this.entriesRead++
        const id = `${key[1]}-${key[2]}`
        if (id === range.after) {
          page.anchored = true
          continue
        }
        if (page.entries.length === range.limit) break
        const entry = given(room, new Entry(id, value), find)
        page.entries.push(entry)
        bytes += Buffer.byteLength(entry.json)
        if (range.bytes !== undefined && bytes >= range.bytes) break
      }
      if (range.after === undefined) page.entries.reverse()
      else if (!page.anchored) page.below = this.#idBefore(eventKey(room, range.after)) ?? floor
      return page
    })
  }

  async seek (room: string, where: { newest: number } | { since: number }): Promise<EventId> {
    return this.#reading(() => {
      const { floor } = this.#room(this.#rooms.get(room))
      const found = 'newest' in where ? this.#idBefore(end(room), where.newest) : this.#idBefore([room, where.since, 0])
      return found ?? floor
    })
  }

  async rooms ({ after, limit }: { after?: string, limit: number }): Promise<RoomInfo[]> {
    return this.#reading(() => {
      const rows = this.#rooms.getRange({ ...(after !== undefined && { start: after, exclusiveStart: true }), end: OURS, limit })
      return [...rows].map(({ key, value }) => ({ room: key, ...this.#room(value) }))
    })
  }

  async tail (room: string, listener: TailListener): Promise<Tail> {
    return this.#reading(() => this.#tails.listen(room, this.#room(this.#rooms.get(room)).head, listener))
  }

  async check (): Promise<void> {
    if (this.#queue.failing) await this.documents.put('check', 'write', this.#now())
  }

  async close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#sweeper)
    await this.#queue.close()
    await this.#root.close()
    await this.#lock.release()
  }

  /** Adds an event to a transaction: its id, its place in the chain, the room's record. */
  #stage (batch: Batch, room: string, draft: Draft, after: EventId | undefined): Entry {
    const record = this.#room(batch.get(this.#rooms, room))
    const id = nextId(this.#now(), laterId(record.head, after))
    const { type, user, message, replyTo, data } = draft
    const entry = Entry.of({
      id,
      prev: record.head,
      room,
      type,
      user,
      at: new Date(splitId(id).ms).toISOString(),
      ...(message !== undefined && { message }),
      ...(replyTo !== undefined && { replyTo }),
      ...(data !== undefined && { data })
    })
    batch.put(this.#events, eventKey(room, id), entry.json)
    const events = record.events + 1
    batch.put(this.#rooms, room, JSON.stringify({ floor: record.floor, head: id, events }))
    if (events > this.#historyOf(room)) this.#full.add(room)
    return entry
  }

  #room (json: string | undefined): RoomRecord {
    return json === undefined ? { floor: ORIGIN, head: ORIGIN, events: 0 } : JSON.parse(json) as RoomRecord
  }

  /**
   * Trims in the transaction that made a room too long, where it costs no flush of its own. What a transaction removes is
   * bounded, so that no append waits long for it; the rest follows in the next ones.
   */
  #trimFull (batch: Batch): void {
    let budget = TRIM_AT_ONCE
    for (const room of this.#full) {
      if (budget === 0) break
      const { removed, done } = this.#trim(batch, room, budget)
      budget -= removed
      if (done) this.#full.delete(room)
    }
    if (this.#full.size > 0) this.#trimSoon()
  }

  #trimSoon (): void {
    if (this.#trimming) return
    this.#trimming = true
    this.#queue.write(() => {
      this.#trimming = false
      return () => {}
    }).catch(() => { this.#trimming = false }) // The next append or sweep tries again.
  }

  #trim (batch: Batch, room: string, budget: number): { removed: number, done: boolean } {
    const record = this.#room(batch.get(this.#rooms, room))
    const history = this.#historyOf(room)
    const oldest = this.#historyAge === undefined || this.#keeps.has(room) ? 0 : this.#now() - this.#historyAge
    let removed = 0
    let done = true
    for (const key of this.#events.getKeys({ start: [room, 0, 0], end: end(room), limit: budget + 1 })) {
      done = record.events - removed <= history && key[1] >= oldest
      if (done || removed === budget) break
      batch.remove(this.#events, key)
      record.floor = `${key[1]}-${key[2]}`
      removed++
    }
    record.events -= removed
    if (removed > 0) batch.put(this.#rooms, room, JSON.stringify(record))
    // What this transaction itself has added cannot be seen yet: it is for the next one.
    return { removed, done: done && record.events <= history }
  }

  /** What time alone brings: rooms with events past their age, rooms over a limit since lowered, expired documents. */
  async #sweep (): Promise<void> {
    const now = this.#now()
    try {
      await this.documents.expire()
      for (let after: string | undefined; !this.#closed;) {
        const rooms = await this.rooms({ ...(after !== undefined && { after }), limit: SWEEP_AT_ONCE })
        for (const { room, events } of rooms) if (this.#due(room, events, now)) this.#full.add(room)
        if (this.#full.size > 0) this.#trimSoon()
        after = rooms.at(-1)?.room
        if (rooms.length < SWEEP_AT_ONCE) break
        await new Promise(setImmediate)
      }
    } catch {} // A store that cannot be read says so to whoever asks; the next sweep tries again.
  }

  /** The id of the last event before a place, or of one that comes so many earlier. */
  #idBefore (place: EventKey, skip = 0): EventId | undefined {
    const keys = this.#events.getKeys({ start: place, end: [place[0], 0, -1], reverse: true, exclusiveStart: true, limit: skip + 1 })
    const key = [...keys][skip]
    return key && `${key[1]}-${key[2]}`
  }

  #due (room: string, events: number, now: number): boolean {
    if (events > this.#history) return true
    if (this.#historyAge === undefined || events === 0) return false
    const [oldest] = this.#events.getKeys({ start: [room, 0, 0], end: end(room), limit: 1 })
    return oldest !== undefined && oldest[1] < now - this.#historyAge
  }

  #historyOf (room: string): number {
    return this.#keeps.get(room) ?? this.#history
  }

  #reading<T> (read: () => T): T {
    if (this.#closed) throw new EngineUnavailable('the store is closed')
    try {
      return read()
    } catch (cause) {
      throw new EngineUnavailable('the store cannot be read', { cause })
    }
  }
}

function eventKey (room: string, id: EventId): EventKey {
  const { ms, seq } = splitId(id)
  return [room, ms, seq]
}

/** An event as it is given: an `edit` says what its target has, which `find` finds. */
function given (room: string, entry: Entry, find: (key: EventKey) => string | undefined): Entry {
  if (!isEdit(room, entry)) return entry
  const target = targetOf(entry.event)
  const found = target === undefined ? undefined : find(eventKey(room, target))
  return announcing(entry, found === undefined ? undefined : JSON.parse(found) as ChatEvent)
}

/**
 * Without parsing what is read, since most events are none: as it is stored, one begins with `{"id":"…","prev":"…","room":"…","type":"…"`.
 */
function isEdit (room: string, { id, json }: Entry): boolean {
  const prev = '{"id":"","prev":"'.length + id.length
  // Mostly it is as long as the id; a look at one character costs less than a search.
  const end = json.charCodeAt(prev + id.length) === QUOTE ? prev + id.length : json.indexOf('"', prev)
  const type = end + '","room":"","type":"'.length + room.length
  return json.charCodeAt(type) === TYPE_EDIT.charCodeAt(0) && json.startsWith(TYPE_EDIT, type)
}

/** Past every event of a room. */
function end (room: string): EventKey {
  return [room, MAX_SEQUENCE, MAX_SEQUENCE]
}
