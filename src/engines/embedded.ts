import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { open, type Database, type RootDatabase } from 'lmdb'
import { Entry, type ChatEvent, type Draft } from '../chat/event.js'
import { MAX_SEQUENCE, ORIGIN, compareIds, laterId, nextId, splitId, type EventId } from '../chat/id.js'
import { DirectoryLock } from './directory-lock.js'
import {
  EngineUnavailable,
  type Amendment, type Append, type Appended, type Documents, type Engine, type Page, type Range, type RoomInfo, type Tail,
  type TailItem
} from './engine.js'
import { ForeignStore, checkFile } from './lmdb-file.js'
import { WriteQueue, type Batch } from './write-queue.js'

const FORMAT = 1
const KEY_TTL_MS = 24 * 60 * 60 * 1000
const TRIM_AT_ONCE = 1_000
const SWEEP_MS = 60_000
/** Rooms that a sweep looks at before others have their turn. */
const SWEEP_AT_ONCE = 500

type EventKey = [room: string, ms: number, seq: number]
type Table<K extends string | EventKey | [string, string] | [number, string, string]> = Database<string, K>

interface RoomRecord {
  floor: EventId
  head: EventId
  events: number
}

interface DocumentRecord<T = unknown> {
  value: T
  /** Unix time in ms. */
  expires?: number
}

export interface EmbeddedOptions {
  directory: string
  /** Events that a room keeps. */
  history: number
  /** ms that a room keeps them, as long as it likes where not given. */
  historyAge?: number
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
  readonly documents: Documents
  readonly lost: Promise<unknown>
  /** Entries that reads have looked at, for those who must know what a read costs. */
  entriesRead = 0

  readonly #now: () => number
  readonly #history: number
  readonly #historyAge: number | undefined
  readonly #lock: DirectoryLock
  readonly #root: RootDatabase<string, string>
  readonly #events: Table<EventKey>
  readonly #rooms: Table<string>
  readonly #documents: Table<[string, string]>
  readonly #expiries: Table<[number, string, string]>
  readonly #queue: WriteQueue
  readonly #tails = new Map<string, Set<(items: TailItem[]) => void>>()
  readonly #heard = new Map<string, TailItem[]>()
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
    mkdirSync(options.directory, { recursive: true })
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
    this.#lock = lock
    this.description = `LMDB in ${resolve(options.directory)}`
    const path = join(options.directory, 'hubbub.mdb')
    checkFile(path)
    this.#root = open<string, string>({
      path,
      encoding: 'string',
      overlappingSync: false,
      // Our transactions are batches of our own; the one that this would put around each rejects unseen when it fails.
      eventTurnBatching: false,
      maxDbs: 8
    })
    const table = <K extends EventKey | string | [string, string] | [number, string, string]>(name: string) =>
      this.#root.openDB<string, K>({ name, encoding: 'string' })
    this.#events = table('events')
    this.#rooms = table('rooms')
    this.#documents = table('documents')
    this.#expiries = table('expiries')
    const format = this.#root.get('format')
    if (format !== undefined && Number(format) > FORMAT) {
      throw new ForeignStore(`${this.description} was written by a newer version (format ${format}, this one knows ${FORMAT})`)
    }
    let lose: (cause: unknown) => void
    this.lost = new Promise((resolve) => { lose = resolve })
    this.#queue = new WriteQueue(this.#root, {
      beforeCommit: (batch) => this.#trimFull(batch),
      afterCommit: () => this.#tell(),
      onBroken: (cause) => lose(cause)
    })
    if (format === undefined) this.#root.putSync('format', String(FORMAT))
    this.documents = {
      get: async (kind, id) => this.#reading(() => this.#document(this.#documents.get([kind, id]))),
      put: (kind, id, value, { ttl, ifAbsent } = {}) => this.#queue.write((batch) => {
        const present = ifAbsent === true ? this.#document<typeof value>(batch.get(this.#documents, [kind, id])) : undefined
        if (present !== undefined) return () => present
        this.#putDocument(batch, kind, id, value, ttl)
        return () => value
      }),
      delete: (kind, id) => this.#queue.write((batch) => {
        batch.remove(this.#documents, [kind, id])
        return () => {}
      }),
      list: async (kind, options) => this.#reading(() => this.#listDocuments(kind, options))
    }
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS).unref()
    void this.#sweep()
  }

  append ({ room, draft, after, idempotency }: Append): Promise<Appended> {
    return this.#queue.write<Appended>((batch) => {
      const key: [string, string] | undefined =
        idempotency === undefined ? undefined : ['key', JSON.stringify([room, idempotency.scope, idempotency.key])]
      if (key !== undefined) {
        const known = this.#document<{ id: EventId, fingerprint: string }>(batch.get(this.#documents, key))
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
        this.#putDocument(batch, ...key, { id: entry.id, fingerprint: idempotency!.fingerprint }, KEY_TTL_MS)
      }
      return () => {
        this.#hear(room, { entry })
        return { status: 'stored', entry }
      }
    })
  }

  amend ({ room, id, set, announcement: draft, after }: Amendment): Promise<{ entry: Entry, announcement: Entry } | undefined> {
    return this.#queue.write((batch) => {
      const json = batch.get(this.#events, eventKey(room, id))
      if (json === undefined) return () => undefined
      const changed = { ...JSON.parse(json), ...set }
      const kept = Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== null))
      const entry = Entry.of(kept as unknown as ChatEvent)
      batch.put(this.#events, eventKey(room, id), entry.json)
      const announcement = this.#stage(batch, room, draft, after)
      return () => {
        this.#hear(room, { entry: announcement, amended: entry })
        return { entry, announcement }
      }
    })
  }

  async read (room: string, range: Range): Promise<Page> {
    return this.#reading(() => {
      const { floor, head } = this.#room(this.#rooms.get(room))
      const page: Page = { entries: [], floor, head, anchored: range.after === floor }
      const before = range.before === undefined ? end(room) : eventKey(room, range.before)
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
        page.entries.push(new Entry(id, value))
        bytes += value.length
        if (range.bytes !== undefined && bytes >= range.bytes) break
      }
      if (range.after === undefined) page.entries.reverse()
      return page
    })
  }

  async seek (room: string, where: { newest: number } | { since: number }): Promise<EventId> {
    return this.#reading(() => {
      const { floor } = this.#room(this.#rooms.get(room))
      const [start, skip] = 'newest' in where ? [end(room), where.newest] : [[room, where.since, 0] as EventKey, 0]
      const keys = this.#events.getKeys({ start, end: [room, 0, -1], reverse: true, exclusiveStart: true, limit: skip + 1 })
      const before = [...keys][skip]
      return before === undefined ? floor : `${before[1]}-${before[2]}`
    })
  }

  async rooms ({ after, limit }: { after?: string, limit: number }): Promise<RoomInfo[]> {
    return this.#reading(() => {
      const rows = this.#rooms.getRange({ ...(after !== undefined && { start: after, exclusiveStart: true }), limit })
      return [...rows].map(({ key, value }) => ({ room: key, ...this.#room(value) }))
    })
  }

  async tail (room: string, listener: (items: TailItem[]) => void): Promise<Tail> {
    return this.#reading(() => {
      const { head } = this.#room(this.#rooms.get(room))
      const listeners = this.#tails.get(room) ?? new Set()
      // A transaction can be read a moment before its tails are told of it: this one begins after what it could read.
      let begun = false
      const hear = (items: TailItem[]): void => {
        const later = begun ? items : items.filter(({ entry }) => compareIds(entry.id, head) > 0)
        if (later.length === 0) return
        begun = true
        listener(later)
      }
      this.#tails.set(room, listeners.add(hear))
      return {
        head,
        close: () => {
          listeners.delete(hear)
          if (listeners.size === 0 && this.#tails.get(room) === listeners) this.#tails.delete(room)
        }
      }
    })
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
    if (events > this.#history) this.#full.add(room)
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
    const oldest = this.#historyAge === undefined ? 0 : this.#now() - this.#historyAge
    let removed = 0
    let done = true
    for (const key of this.#events.getKeys({ start: [room, 0, 0], end: end(room), limit: budget + 1 })) {
      done = record.events - removed <= this.#history && key[1] >= oldest
      if (done || removed === budget) break
      batch.remove(this.#events, key)
      record.floor = `${key[1]}-${key[2]}`
      removed++
    }
    record.events -= removed
    if (removed > 0) batch.put(this.#rooms, room, JSON.stringify(record))
    // What this transaction itself has added cannot be seen yet: it is for the next one.
    return { removed, done: done && record.events <= this.#history }
  }

  /** What time alone brings: rooms with events past their age, rooms over a limit since lowered, expired documents. */
  async #sweep (): Promise<void> {
    const now = this.#now()
    try {
      this.#expire(now)
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

  #due (room: string, events: number, now: number): boolean {
    if (events > this.#history) return true
    if (this.#historyAge === undefined || events === 0) return false
    const [oldest] = this.#events.getKeys({ start: [room, 0, 0], end: end(room), limit: 1 })
    return oldest !== undefined && oldest[1] < now - this.#historyAge
  }

  #expire (now: number): void {
    const due = [...this.#expiries.getKeys({ end: [now, '', ''], limit: TRIM_AT_ONCE })]
    if (due.length === 0) return
    this.#queue.write((batch) => {
      for (const key of due) {
        const [, kind, id] = key
        batch.remove(this.#expiries, key)
        const json = batch.get(this.#documents, [kind, id])
        const expires = json === undefined ? undefined : (JSON.parse(json) as DocumentRecord).expires
        if (expires !== undefined && expires <= now) batch.remove(this.#documents, [kind, id])
      }
      return () => { if (due.length === TRIM_AT_ONCE && !this.#closed) this.#expire(now) }
    }).catch(() => {}) // The next sweep tries again.
  }

  #document<T> (json: string | undefined): T | undefined {
    if (json === undefined) return undefined
    const { value, expires } = JSON.parse(json) as DocumentRecord<T>
    return expires !== undefined && expires <= this.#now() ? undefined : value
  }

  #putDocument (batch: Batch, kind: string, id: string, value: unknown, ttl: number | undefined): void {
    const expires = ttl === undefined ? undefined : this.#now() + ttl
    batch.put(this.#documents, [kind, id], JSON.stringify({ value, expires }))
    if (expires !== undefined) batch.put(this.#expiries, [expires, kind, id], '')
  }

  #listDocuments<T> (kind: string, { after, limit }: { after?: string, limit: number }): Array<{ id: string, value: T }> {
    const found: Array<{ id: string, value: T }> = []
    for (const { key, value } of this.#documents.getRange({ start: [kind, after ?? ''], exclusiveStart: after !== undefined })) {
      if (key[0] !== kind || found.length === limit) break
      const document = this.#document<T>(value)
      if (document !== undefined) found.push({ id: key[1], value: document })
    }
    return found
  }

  #hear (room: string, item: TailItem): void {
    if (!this.#tails.has(room)) return
    const items = this.#heard.get(room)
    if (items === undefined) this.#heard.set(room, [item])
    else items.push(item)
  }

  /** Once per transaction, when it is on disk. */
  #tell (): void {
    for (const [room, items] of this.#heard) {
      for (const listener of this.#tails.get(room) ?? []) listener(items)
    }
    this.#heard.clear()
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

/** Past every event of a room. */
function end (room: string): EventKey {
  return [room, MAX_SEQUENCE, MAX_SEQUENCE]
}
