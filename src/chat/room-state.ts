import { Chunk } from './chunk.js'
import type { Encoding, Notice } from './frame.js'

/** How a room is now: the last change, or the whole to one who missed a change. */
export interface StateUpdate {
  change: Notice
  whole: () => Notice
  /** Whoever comes from now on is told, too: no `welcome` says it. */
  standing?: boolean
}

/** Something that a room's readers are told beside its log: who is there, who types. It keeps the last word alone, however far a reader is behind. */
export class RoomState {
  /** Counts the changes since the room went live. */
  version = 0
  #update: StateUpdate | undefined
  readonly #notices = new Map<Encoding, Chunk | undefined>()

  set (update: StateUpdate): void {
    this.#update = update
    this.version++
    this.#notices.clear()
  }

  /** What whoever comes now knows of it. */
  get knownToNewcomers (): number {
    return this.#update?.standing === true ? this.version - 1 : this.version
  }

  /** What brings a reader who knows it as of `seen` up to date. */
  since (seen: number, encoding: Encoding): Chunk | undefined {
    if (this.#update === undefined || seen === this.version) return undefined
    if (seen !== this.version - 1) return Chunk.of(encoding.notice(this.#update.whole()))
    if (!this.#notices.has(encoding)) this.#notices.set(encoding, Chunk.of(encoding.notice(this.#update.change)))
    return this.#notices.get(encoding)
  }
}
