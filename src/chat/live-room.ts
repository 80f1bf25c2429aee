import type { Tail, TailItem } from '../engines/engine.js'
import { Chunk } from './chunk.js'
import type { Entry } from './event.js'
import { Frame, type Encoding } from './frame.js'
import type { EventId } from './id.js'
import { Ring } from './ring.js'
import { RoomState } from './room-state.js'
import type { Subscriber } from './subscriber.js'

/** How much of a ring, or of all of them, stays when it has outgrown its bound: some slack, so that not every push shrinks it. */
export const KEPT = 0.75

/** How much of a ring may come before its readers have had what was before that. */
const UNFLUSHED = 0.3

/** Chunks of one encoding that are kept for whoever stands at the same place: readers who come back stand at many. */
const MAX_CHUNKS = 16

/** Bytes that the rings of a node hold, and may hold. */
export interface RingBudget {
  used: number
  readonly room: number
  readonly node: number
}

/** A room that somebody on this node reads. */
export class LiveRoom {
  readonly name: string
  readonly ring: Ring
  readonly subscribers = new Set<Subscriber>()
  /** Streams that hold this room open, those still opening included. */
  holders = 0
  /** Counts how often something was amended since the room went live: what was read from the log before is not to be recalled after it. */
  amendments = 0
  /** Counts how often the log went on from another place than what was heard last: a place from before may not be in it any more. */
  era = 0
  /** The place from which it went on the last time. */
  restartedAfter: EventId | undefined
  /** Who is there. */
  readonly presence = new RoomState()
  /** Who types. */
  readonly typing = new RoomState()
  /**
   * The position in the ring up to which subscribers are given its frames: moved by a flush, for all at once, so that all who
   * keep up stand at the same place and share the same bytes, however long the flush takes.
   */
  flushed: number
  /** `waiting`: what has come waits for one. `notBefore`: `performance.now()` before which it does not start. */
  readonly flush: { waiting: boolean, running: boolean, notBefore: number, timer?: NodeJS.Timeout } = { waiting: false, running: false, notBefore: 0 }

  /** Bytes of memory that have come since the last flush began. */
  #unflushed = 0
  /** Who waits for a flush to begin. */
  #held: Array<() => void> = []
  readonly #tail: Tail
  readonly #budget: RingBudget
  /** By encoding, and the position that each begins at. */
  readonly #chunks = new Map<Encoding, Map<number, { to: number, chunk: Chunk }>>()

  constructor (name: string, tail: Tail, budget: RingBudget) {
    this.name = name
    this.#tail = tail
    this.#budget = budget
    this.ring = new Ring(tail.head)
    this.flushed = this.ring.next
  }

  /** What the tail has told. */
  hear (items: TailItem[]): void {
    const { ring } = this
    const before = ring.bytes
    const latest = new Map<EventId, Entry>()
    for (const { entry, amended } of items) {
      const frame = new Frame(entry)
      ring.push(frame)
      this.#unflushed += frame.memoryBytes
      if (amended !== undefined) latest.set(amended.id, amended)
    }
    if (latest.size > 0) {
      this.amendments++
      this.#chunks.clear()
      for (const amended of latest.values()) ring.amend(amended)
    }
    if (ring.bytes > this.#budget.room) ring.shrink(this.#budget.room * KEPT)
    this.#budget.used += ring.bytes - before
  }

  /** A flush begins: it is for everything that has come. @returns how many events that is */
  beginFlush (): number {
    const events = this.ring.next - this.flushed
    this.flushed = this.ring.next
    this.#unflushed = 0
    for (const go of this.#held.splice(0)) go()
    return events
  }

  /**
   * Waits where so much has come since the last flush began that readers could lose their place in the ring: each of them would
   * have to read the log, and nobody would get anything for seconds. @param ms it waits no longer than this
   */
  async keepPace (ms: number): Promise<void> {
    if (this.#unflushed <= this.#budget.room * UNFLUSHED) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref()
      this.#held.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /**
   * Keeps what a reader has fetched from the log, where it reaches the place at which the ring begins and there is room:
   * readers who come back together, as after a restart, fetch it once.
   */
  recall (entries: Entry[]): void {
    const { ring } = this
    // They may go on into what the ring has.
    const older = entries.slice(0, entries.findIndex(({ id }) => id === ring.start) + 1)
    if (older[0] === undefined) return
    const frames = older.map((entry) => new Frame(entry))
    const bytes = frames.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
    if (ring.bytes + bytes > this.#budget.room * KEPT || this.#budget.used + bytes > this.#budget.node * KEPT) return
    ring.unshift(frames, older[0].event.prev)
    this.#budget.used += bytes
  }

  /** Lets the oldest frames go until `bytes` of memory are held at most. */
  shrink (bytes: number): void {
    const before = this.ring.bytes
    this.ring.shrink(bytes)
    this.#budget.used += this.ring.bytes - before
  }

  /**
   * The log goes on from another place than what was heard last: nothing that is held may be given any more. Readers ask the log,
   * and hear from it what is missing.
   */
  restart (after: EventId): void {
    this.era++
    this.restartedAfter = after
    this.#budget.used -= this.ring.bytes
    this.ring.restart(after)
    this.#chunks.clear()
  }

  /** Nobody here reads it any more. */
  close (): void {
    clearTimeout(this.flush.timer)
    for (const go of this.#held.splice(0)) go()
    this.#tail.close()
    this.#budget.used -= this.ring.bytes
  }

  /**
   * The bytes of the frames from `from` up to `to`, for a stream of this room alone: made once for all who stand at the
   * same place, which most do.
   */
  chunk (encoding: Encoding, from: number, to: number): Chunk {
    let chunks = this.#chunks.get(encoding)
    if (chunks === undefined) this.#chunks.set(encoding, chunks = new Map())
    const made = chunks.get(from)
    if (made?.to === to) return made.chunk
    let text = ''
    for (let position = from; position < to; position++) text += encoding.frame(this.ring.at(position))
    const chunk = new Chunk(text)
    if (chunks.size === MAX_CHUNKS) chunks.clear()
    chunks.set(from, { to, chunk })
    return chunk
  }

  /** Once everybody has been served; and now and then, since readers that drain between two flushes make some too. */
  forgetChunks (): void {
    this.#chunks.clear()
  }
}
