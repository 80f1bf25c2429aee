import type { Engine } from '../engines/engine.js'
import type { Activity } from './activity.js'
import { Chunk } from './chunk.js'
import { formatCursor } from './cursor.js'
import type { Entry } from './event.js'
import { Frame, type Encoding, type Notice } from './frame.js'
import { compareIds, type EventId } from './id.js'
import type { LiveRoom } from './live-room.js'
import { Pace } from './pace.js'
import type { Place } from './places.js'
import { explainReset, type ResetReason, type Start } from './resume.js'

/** Bytes of one write at most, but for a single event that is larger. */
const WRITE_BYTES = 64 * 1024
/** Entries of one read of the log at most. */
const PAGE = 500
/** ms after which what was read of the log is read again before it is given, where something was amended meanwhile. */
const FRESH_MS = 100
/** ms until the log is asked again after it could not be read. */
const RETRY_MS = 1_000
/** ms that a timer is set to at most: some 24 days would overflow it. */
const LONGEST_TIMER_MS = 3_600_000

/** Where a subscriber's bytes go. It knows nothing of the subscriber but when to wake it: `drained`. */
export interface Sink {
  /** @returns false where it is full: then nothing more is written until it has drained */
  write (chunk: Chunk): boolean
  end (): void
}

export type ByeReason = 'shutdown' | 'stalled' | 'expired' | 'revoked' | 'banned' | 'forbidden'

/** One thing that a catch-up brings: an event that was missed, or word that some are gone. `id`: the place in its room after it. */
type Missed = ({ entry: Entry } | { reset: Notice }) & { id: EventId, cursor: string }

interface MissedPage {
  missed: Missed[]
  /** The room's count before it was read. */
  amendments: number
}

/** A subscriber's place in one room. */
interface Feed {
  room: LiveRoom
  /** The last event it was given. */
  id: EventId
  /** Why it does not start where its reader asked, until that is said. */
  reset: ResetReason | undefined
  /** The position of the next one in the room's ring; before the ring's first where the log must be asked. */
  position: number
  /** Whether it has read, from the log, past what the room's tail has told. */
  ahead: boolean
  /** The room's when its place was last known to be in the log. */
  era: number
  presenceSeen: number
  typingSeen: number
}

export interface SubscriberOptions {
  engine: Engine
  activity: Activity
  encoding: Encoding
  sink: Sink
  /** Called once, when its stream is gone. Shared by all, so that a stream keeps nothing else alive. */
  onClose: (subscriber: Subscriber) => void
  /** Whom it counts for. */
  place: Place
  /** Whose it is, where it counts as present. */
  userId?: string
  /** Where it starts in each of its rooms, sorted by room. */
  starts: Array<{ room: LiveRoom, start: Start }>
  /** Replays what was missed at this multiple of its original pace; at once where not given. */
  speed?: number
}

/**
 * One open stream: its rooms, its cursor, its queue. The queue is the cursor, a place in each room's ring, and holds no
 * copy of anything.
 *
 * It catches up first, by being pulled (`catchUp`), and is then `live`, when the broadcaster pushes. A sink that is full
 * leaves it where it is; once drained it goes on from its cursor, from the log where the ring has moved on.
 */
export class Subscriber {
  readonly encoding: Encoding
  readonly place: Place
  readonly userId: string | undefined
  /** `performance.now()` when it was last given anything. */
  lastWrite = performance.now()

  readonly #engine: Engine
  readonly #activity: Activity
  readonly #sink: Sink
  readonly #feeds: Feed[]
  readonly #speed: number | undefined
  readonly #onClose: (subscriber: Subscriber) => void
  #closed = false
  /** Whether its stream has begun, so that something can be written to it. */
  #begun = false
  #live = false
  #farewell: { reason: ByeReason, retry: number, message: string | undefined } | undefined
  #full = false
  /** Whether the live writer is reading a room's log. */
  #paging = false
  /** Ends what it waits for: the sink's drain, or time. */
  #wake: (() => void) | undefined

  constructor ({ engine, activity, encoding, sink, onClose, place, userId, starts, speed }: SubscriberOptions) {
    this.encoding = encoding
    this.place = place
    this.userId = userId
    this.#engine = engine
    this.#activity = activity
    this.#sink = sink
    this.#speed = speed
    this.#onClose = onClose
    this.#feeds = starts.map(({ room, start }) => ({
      room, id: start.id, reset: start.reset, position: -1, ahead: false, era: start.era, presenceSeen: room.presence.knownToNewcomers, typingSeen: room.typing.knownToNewcomers
    }))
  }

  get closed (): boolean {
    return this.#closed
  }

  get rooms (): LiveRoom[] {
    return this.#feeds.map(({ room }) => room)
  }

  /** Its position, as the `id:` field carries it. */
  get cursor (): string {
    return formatCursor(this.#feeds.map(({ room, id }) => ({ room: room.name, id })))
  }

  /** Whether it reads the log, and not yet or no longer a ring. */
  get catchingUp (): boolean {
    return !this.#live || this.#paging
  }

  /** Events that it has not been given yet, once it is live; at least so many where it has lost its place in the ring. */
  get lag (): number {
    let lag = 0
    for (const { room: { ring }, position } of this.#live ? this.#feeds : []) lag += ring.next - (position < 0 ? ring.first : position)
    return lag
  }

  /** Whether it has missed what only the log has. */
  get behind (): boolean {
    return this.#feeds.some((feed) => this.#behind(feed))
  }

  /**
   * What it has missed, in order, room by room, until each room's ring takes over. To be followed by `goLive`, with
   * everything given so far in the sink. Never throws.
   */
  async * catchUp (): AsyncGenerator<Missed, void, undefined> {
    this.#begun = true
    yield * this.#resets()
    for (const feed of this.#feeds) {
      if (!this.#behind(feed)) continue
      for await (const { missed: page, amendments } of this.#pages(feed)) {
        const fresh = performance.now() + FRESH_MS
        for (const [index, missed] of page.entries()) {
          this.lastWrite = performance.now()
          // A reader may be slow to pull what has been deleted meanwhile.
          if (index > 0 && this.lastWrite > fresh && feed.room.amendments !== amendments) {
            feed.id = page[index - 1]!.id
            break
          }
          if ('entry' in missed) {
            this.#activity.deliveries++
            this.#activity.bytes += Buffer.byteLength(missed.entry.json)
          }
          yield missed
        }
      }
    }
  }

  /** The one handover: from now on the broadcaster pushes. */
  goLive (): void {
    if (this.closed || this.#live) return
    this.#begun = true
    this.#live = true
    if (this.#farewell !== undefined) return this.bye(this.#farewell.reason, this.#farewell.retry, this.#farewell.message)
    for (const missed of this.#resets()) this.#write(new Chunk(this.#encode(missed)))
    for (const feed of this.#feeds) this.#takePlace(feed)
    this.flush()
  }

  /** Writes what there is, as far as the sink takes it. */
  flush (): void {
    for (const feed of this.#feeds) this.#flush(feed)
  }

  /** Called by whoever empties the sink. */
  drained (): void {
    this.#full = false
    this.#wake?.()
    if (this.#live) this.flush()
  }

  /**
   * Writes a notice in its encoding, where the sink takes it now: a reader that is behind has no use for it.
   * @param chunk the same notice, already encoded
   */
  notify (chunk: Chunk | undefined): void {
    if (chunk !== undefined && !this.closed && !this.#full) this.#write(chunk)
  }

  /**
   * Sends it off, once its stream has begun: it comes back from its cursor.
   * @param retry ms after which it should
   * @param message for people, where the reason alone does not say enough
   */
  bye (reason: ByeReason, retry: number, message?: string): void {
    if (this.closed) return
    if (!this.#begun) {
      this.#farewell = { reason, retry, message }
      return
    }
    this.close()
    this.#activity.farewells[reason]++
    const farewell = Chunk.of(this.encoding.notice({ type: 'bye', at: new Date().toISOString(), reason, retry, ...(message !== undefined && { message }) }))
    if (farewell !== undefined) this.#sink.write(farewell)
    this.#sink.end()
  }

  /** Its stream is gone. May be called more than once. */
  close (): void {
    if (this.#closed) return
    this.#closed = true
    this.#wake?.()
    this.#onClose(this)
  }

  #flush (feed: Feed): void {
    if (!this.#live || this.#full || this.#paging || this.closed) return
    const { room } = feed
    const { ring } = room
    if (feed.ahead) this.#skipKnown(feed)
    while (feed.position < room.flushed) {
      if (feed.position < ring.first) {
        void this.#readOn(feed)
        return
      }
      const from = feed.position
      const to = ring.reach(from, room.flushed, WRITE_BYTES)
      feed.position = to
      this.#activity.deliveries += to - from
      if (!this.#write(this.#frames(feed, from, to))) return
    }
    const presence = room.presence.since(feed.presenceSeen, this.encoding)
    feed.presenceSeen = room.presence.version
    if (presence !== undefined && !this.#write(presence)) return
    const typing = room.typing.since(feed.typingSeen, this.encoding)
    feed.typingSeen = room.typing.version
    if (typing !== undefined) this.#write(typing)
  }

  #frames (feed: Feed, from: number, to: number): Chunk {
    const { room } = feed
    if (this.#feeds.length === 1 || this.encoding.frameAt === undefined) {
      feed.id = room.ring.at(to - 1).id
      return room.chunk(this.encoding, from, to)
    }
    let text = ''
    for (let position = from; position < to; position++) {
      const frame = room.ring.at(position)
      feed.id = frame.id
      text += this.encoding.frameAt(frame, this.cursor)
    }
    return new Chunk(text)
  }

  #write (chunk: Chunk): boolean {
    if (chunk.bytes.length === 0) return !this.#full // A chunk of no bytes would end the response.
    this.#activity.bytes += chunk.bytes.length
    this.lastWrite = performance.now()
    if (!this.#sink.write(chunk)) this.#full = true
    return !this.#full
  }

  #takePlace (feed: Feed): void {
    const { ring } = feed.room
    const lead = compareIds(feed.id, ring.head)
    // At a pace of its own it goes through the log, whatever the ring has.
    const place = (this.#speed !== undefined && lead < 0) || feed.era !== feed.room.era ? undefined : ring.positionAfter(feed.id)
    feed.position = place ?? -1
    feed.ahead = lead > 0
  }

  /** The log is readable a moment before the tail tells of it: what was read there is not given again. */
  #skipKnown (feed: Feed): void {
    const { ring } = feed.room
    while (feed.position < ring.next && feed.position >= ring.first && compareIds(ring.at(feed.position).id, feed.id) <= 0) {
      feed.position++
    }
    feed.ahead = compareIds(feed.id, ring.head) > 0
  }

  /** The live writer's own way through the log, for a reader that the ring has left behind. */
  async #readOn (feed: Feed): Promise<void> {
    this.#paging = true
    for await (const { missed: page } of this.#pages(feed)) {
      const text = page.map((missed) => this.#encode(missed)).join('')
      for (const missed of page) if ('entry' in missed) this.#activity.deliveries++
      if (!this.#write(new Chunk(text)) && !this.closed) await this.#wait()
      if (this.closed) return
    }
    this.#paging = false
    this.#takePlace(feed)
    this.flush()
  }

  #encode (missed: Missed): string {
    if ('reset' in missed) return this.encoding.notice(missed.reset, missed.cursor) ?? ''
    const frame = new Frame(missed.entry)
    return this.#feeds.length === 1 || this.encoding.frameAt === undefined
      ? this.encoding.frame(frame)
      : this.encoding.frameAt(frame, missed.cursor)
  }

  /** Waits until the sink has drained, or `ms`, or the end. */
  #wait (ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => this.#wake?.(), ms).unref()
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  /** Pages of the log after the feed's place, until the ring has what comes next. */
  async * #pages (feed: Feed): AsyncGenerator<MissedPage, void, undefined> {
    const { room } = feed
    const pace = this.#speed === undefined ? undefined : new Pace(this.#speed)
    while (!this.closed && this.#behind(feed)) {
      const { amendments, era } = room
      let page
      try {
        page = await this.#engine.read(room.name, { after: feed.id, limit: pace === undefined ? PAGE : 1, bytes: WRITE_BYTES })
      } catch {
        // The store is away: the stream stays open and quiet until it is back.
        await this.#wait(RETRY_MS)
        continue
      }
      if (this.closed) return
      const early = pace !== undefined && page.entries[0] !== undefined ? pace.earliness(page.entries[0]) : 0
      if (early > 0) {
        // It is read again when it is due: it may have been amended, or trimmed, meanwhile.
        await this.#wait(Math.min(early, LONGEST_TIMER_MS))
        continue
      }
      if (room.era !== era) continue // What was read is of before or after.
      const { restartedAfter } = room
      const stale = feed.era !== era
      feed.era = era
      // The floor and the entries are of one read: a reader that trimming has overtaken is told so, and one that has had what the
      // store has lost since.
      if (!page.anchored && compareIds(feed.id, page.floor) >= 0) {
        const below = page.below!
        const last = stale && restartedAfter !== undefined && compareIds(restartedAfter, below) < 0 ? restartedAfter : below
        yield { missed: [this.#reset(feed, 'lost', last)], amendments }
        continue
      }
      if (room.amendments === amendments) room.recall(page.entries)
      const missed: Missed[] = []
      if (!page.anchored) missed.push(this.#reset(feed, 'trimmed', page.floor))
      for (const entry of page.entries) {
        feed.id = entry.id
        if (feed.position >= 0) feed.position++
        missed.push({ entry, id: entry.id, cursor: this.cursor })
      }
      if (missed.length > 0) yield { missed, amendments }
      // A long way through the log leaves others their turn.
      await new Promise(setImmediate)
    }
  }

  /**
   * Whether the ring no longer has what comes next, or cannot know. At a pace of its own it reads the log to its end, also what
   * the ring has.
   */
  #behind ({ room: { ring, era: current }, id, era }: Feed): boolean {
    if (era !== current) return true
    return this.#speed === undefined ? ring.positionAfter(id) === undefined : compareIds(id, ring.head) < 0
  }

  /** All of them before any event: the cursor of an event vouches for every room of the stream. */
  * #resets (): Generator<Missed, void, undefined> {
    for (const feed of this.#feeds) {
      if (feed.reset !== undefined) yield this.#reset(feed, feed.reset, feed.id)
      feed.reset = undefined
    }
  }

  /** Moves a feed, and says so. */
  #reset (feed: Feed, reason: ResetReason, id: EventId): Missed {
    feed.id = id
    feed.position = -1
    this.#activity.resets[reason]++
    return { reset: explainReset(feed.room.name, reason, id), id, cursor: this.cursor }
  }
}
