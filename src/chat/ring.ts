import { compareIds, type EventId } from './id.js'
import type { Entry } from './event.js'
import { Frame, type Announced } from './frame.js'

/**
 * The newest frames of one room, bounded in bytes. A frame's position stays the same, so that a reader's place stays true while
 * frames go and come at either end.
 */
export class Ring {
  /** The id before the first frame held: a reader at it, or later, has its next frame here. */
  start: EventId
  /** Bytes of memory held. */
  bytes = 0

  #frames: Frame[] = []
  /** By target: what the `edit`s held say of it, and how many they are. */
  readonly #announced = new Map<EventId, { announced: Announced, frames: number }>()
  /** Far from 0, since older frames may come before it. */
  #first = 2 ** 40

  constructor (start: EventId) {
    this.start = start
  }

  /** The position of the first frame held. */
  get first (): number {
    return this.#first
  }

  /** The position after the newest frame. */
  get next (): number {
    return this.#first + this.#frames.length
  }

  /** The id of the newest frame, or of the event before the ring. */
  get head (): EventId {
    return this.#frames.at(-1)?.id ?? this.start
  }

  at (position: number): Frame {
    return this.#frames[position - this.#first]!
  }

  push (frame: Frame): void {
    this.#share(frame)
    this.#frames.push(frame)
    this.bytes += frame.memoryBytes
  }

  /** Puts older frames before the first. @param start the id before them */
  unshift (frames: Frame[], start: EventId): void {
    this.#frames.unshift(...frames)
    this.#first -= frames.length
    this.start = start
    for (const frame of frames) {
      this.#share(frame)
      this.bytes += frame.memoryBytes
    }
  }

  /** An event has been amended: it is held as it is now, if it is, and so are those that have announced it before. */
  amend (entry: Entry): void {
    this.#announced.get(entry.id)?.announced.amend(entry.event)
    const index = this.#indexAfter(entry.id) - 1
    const held = this.#frames[index]
    if (held?.id !== entry.id) return
    const frame = new Frame(entry)
    this.#share(frame)
    this.#unshare(held)
    this.#frames[index] = frame
    this.bytes += frame.memoryBytes - held.memoryBytes
  }

  /** Lets the oldest frames go until `bytes` are held at most. */
  shrink (bytes: number): void {
    let gone = 0
    while (this.bytes > bytes && gone < this.#frames.length) {
      const frame = this.#frames[gone++]!
      this.#unshare(frame)
      this.bytes -= frame.memoryBytes
    }
    if (gone === 0) return
    this.start = this.#frames[gone - 1]!.id
    this.#first += gone
    this.#frames.splice(0, gone)
  }

  /** Goes on from another place: whoever stood anywhere in it has lost that place, also at its end. */
  restart (start: EventId): void {
    this.#first += this.#frames.length + 1
    this.#frames = []
    this.#announced.clear()
    this.bytes = 0
    this.start = start
  }

  /** The position of the first frame after `id`, undefined where frames between have gone. */
  positionAfter (id: EventId): number | undefined {
    if (id === this.head) return this.next
    return compareIds(id, this.start) < 0 ? undefined : this.#first + this.#indexAfter(id)
  }

  /** The end, `limit` at most, of what can be taken from `position` in one write of `bytes` (one frame at least). */
  reach (position: number, limit: number, bytes: number): number {
    let end = position
    let size = 0
    while (end < limit && (size += this.at(end).wireBytes) <= bytes) end++
    return Math.max(end, Math.min(position + 1, limit))
  }

  #share (frame: Frame): void {
    if (frame.announced === undefined) return
    const { target } = frame.announced
    const shared = this.#announced.get(target)
    if (shared === undefined) return void this.#announced.set(target, { announced: frame.announced, frames: 1 })
    frame.announced = shared.announced
    shared.frames++
  }

  #unshare ({ announced }: Frame): void {
    const shared = announced && this.#announced.get(announced.target)
    if (shared !== undefined && --shared.frames === 0) this.#announced.delete(announced!.target)
  }

  #indexAfter (id: EventId): number {
    let low = 0
    let high = this.#frames.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareIds(this.#frames[middle]!.id, id) <= 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
