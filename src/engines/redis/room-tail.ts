import { compareIds, type EventId } from '../../chat/id.js'
import type { TailItem, TailListener } from '../engine.js'

/** What is published while the log is read that is kept at most: where there was more, the log is read again. */
const MAX_EARLY = 1_000
/** The newest ids told that are remembered at least: a store that lost more than these has lost much. */
const REMEMBERED = 250

export interface TailPage {
  items: TailItem[]
  floor: EventId
  head: EventId
  anchored: boolean
  below?: EventId
}

export interface Published {
  prev: EventId
  item: TailItem
}

/**
 * What this node hears of one room. What is published is a hint: it is told if it comes right after what was told last; where it
 * does not, or where some of it may be missing, the log is read from there before anything later is told.
 */
export class RoomTail {
  readonly listeners = new Set<TailListener>()
  /** Whether nothing has been heard since it was last looked after. */
  quiet = false

  readonly #read: (after: EventId) => Promise<TailPage>
  #head: EventId
  #highest: EventId
  /** The newest ids told, oldest first. */
  #told: EventId[]
  /** What is published while the log is read, undefined where it is not. */
  #early: Published[] | undefined
  #closed = false

  /** @param read a page of the log after an id; rejects where the store is away */
  constructor (head: EventId, read: (after: EventId) => Promise<TailPage>) {
    this.#head = head
    this.#highest = head
    this.#told = [head]
    this.#read = read
  }

  /** The last id told. */
  get head (): EventId {
    return this.#head
  }

  /** The highest id ever told, which the store may have lost since. */
  get highest (): EventId {
    return this.#highest
  }

  hear (published: Published): void {
    this.quiet = false
    if (this.#early !== undefined) {
      if (this.#early.length <= MAX_EARLY) this.#early.push(published)
    } else if (!this.#take(published)) void this.catchUp(published)
  }

  /** The stream has this head: whether that is what was told last. */
  compare (head: EventId): void {
    if (head !== this.#head && this.#early === undefined) void this.catchUp()
  }

  /**
   * Reads the log from where it stands, until what is published goes on from there. Where the store is away it leaves that to the
   * next time.
   */
  async catchUp (...heard: Published[]): Promise<void> {
    if (this.#early !== undefined) return
    this.#early = heard
    try {
      let ended = false
      while (!ended && !this.#closed) {
        const page = await this.#read(this.#head)
        if (this.#closed) return
        if (!page.anchored) {
          this.#break(await this.#common(page))
          continue
        }
        this.#tell(page.items)
        // Much may have been published since. What goes on from here need not be read.
        ended = this.#head === page.head && this.#early.length <= MAX_EARLY && this.#early.every((published) => this.#take(published))
        this.#early = []
      }
    } catch {
      // It is tried again when the store is back, and every time that the tail is looked after.
    } finally {
      this.#early = undefined
    }
  }

  close (): void {
    this.#closed = true
  }

  /** @returns false where something before it is missing */
  #take ({ prev, item }: Published): boolean {
    if (compareIds(item.entry.id, this.#head) <= 0) return true // The log has been read past it.
    if (prev !== this.#head) return false
    this.#tell([item])
    return true
  }

  #tell (items: TailItem[]): void {
    const last = items.at(-1)
    if (last === undefined) return
    this.#head = last.entry.id
    for (const { entry: { id } } of items) this.#told.push(id)
    if (this.#told.length > 2 * REMEMBERED) this.#told = this.#told.slice(-REMEMBERED)
    if (compareIds(this.#head, this.#highest) > 0) this.#highest = this.#head
    for (const listener of this.listeners) listener.hear(items)
  }

  /**
   * The newest event told that is still in the log. What comes right before the head there need not be it: a node that knows
   * nothing of what was lost may have appended since, below it, where the store's clock has gone back.
   */
  async #common ({ below, floor }: TailPage): Promise<EventId> {
    for (let id = below!; ;) {
      const told = this.#told.findLast((told) => compareIds(told, id) <= 0)
      if (told === undefined || told === id || compareIds(told, floor) <= 0) return id
      const page = await this.#read(told)
      if (page.anchored) return told
      id = page.below!
    }
  }

  #break (after: EventId): void {
    this.#head = after
    this.#told = this.#told.filter((id) => compareIds(id, after) <= 0)
    for (const listener of this.listeners) listener.broken(after)
  }
}
