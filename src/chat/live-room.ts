import type { Tail } from '../engines/engine.js'
import { Chunk } from './chunk.js'
import type { Encoding, Frame, Notice } from './frame.js'
import { Ring } from './ring.js'
import type { Subscriber } from './subscriber.js'

/** Who is in a room, as its readers are told: the last change, or the whole to one who missed a change. */
export interface PresenceUpdate {
  change: Notice
  whole: () => Notice
}

/** A room that somebody on this node reads. */
export class LiveRoom {
  readonly name: string
  readonly ring: Ring
  readonly subscribers = new Set<Subscriber>()
  /** Streams that hold this room open, those still opening included. */
  holders = 0
  /** Counts the changes of presence since the room went live. */
  presenceVersion = 0

  /**
   * The position in the ring up to which subscribers are given its frames: moved by a flush, for all at once, so that all who
   * keep up stand at the same place and share the same bytes, however long the flush takes.
   */
  flushed = 0

  readonly tail: Tail
  #presence: PresenceUpdate | undefined
  /** By encoding, and the position that each begins at. */
  readonly #chunks = new Map<Encoding, Map<number, { to: number, chunk: Chunk }>>()
  #notices = new Map<Encoding, Chunk | undefined>()

  constructor (name: string, tail: Tail) {
    this.name = name
    this.tail = tail
    this.ring = new Ring(tail.head)
  }

  /** An amended event, where the ring holds it. */
  replace (frame: Frame): void {
    this.ring.replace(frame)
    this.#chunks.clear()
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
    const parts: Buffer[] = []
    for (let position = from; position < to; position++) parts.push(encoding.frame(this.ring.at(position)))
    const chunk = new Chunk(...parts)
    chunks.set(from, { to, chunk })
    return chunk
  }

  /** Once everybody has been served, the bytes are not kept. */
  forgetChunks (): void {
    this.#chunks.clear()
  }

  setPresence (presence: PresenceUpdate): void {
    this.#presence = presence
    this.presenceVersion++
    this.#notices.clear()
  }

  /** What brings a reader who knows presence as of `seen` up to date. */
  presenceSince (seen: number, encoding: Encoding): Chunk | undefined {
    if (this.#presence === undefined || seen === this.presenceVersion) return undefined
    if (seen !== this.presenceVersion - 1) return encoding.notice(this.#presence.whole())
    if (!this.#notices.has(encoding)) this.#notices.set(encoding, encoding.notice(this.#presence.change))
    return this.#notices.get(encoding)
  }
}
