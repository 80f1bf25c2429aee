import type { EventId } from '../../chat/id.js'
import type { Tail, TailListener } from '../engine.js'
import type { RedisLink } from './link.js'
import { RoomTail, type Published, type TailPage } from './room-tail.js'
import { parseMessage, passOverSpoilt } from './room.js'

/** ms between two looks at rooms in which nothing was heard: a message can be lost without a connection breaking. */
const LOOK_MS = 5_000
/** Rooms that one look takes at most, in turn: 12,000 quiet ones in each would cost a node a tenth of a core. */
const LOOKED_AT = 1_000
/** Of these, so many at once. */
const LOOKED_AT_ONCE = 50
/** Rooms that catch up at once: whoever posts meanwhile does not wait behind all of them. */
const READ_AT_ONCE = 200

export interface TailsOptions {
  link: RedisLink
  /** The channel in which a room's events are published. */
  channelOf: (room: string) => string
  headOf: (room: string) => Promise<EventId>
  /** A page of a room's log after an id. */
  read: (room: string, after: EventId) => Promise<TailPage>
}

interface OpenTail {
  tail: RoomTail
  stop: () => void
}

/** The tails of the rooms that somebody on this node reads; the node subscribes to no others. */
export class RedisTails {
  readonly #options: TailsOptions
  readonly #open = new Map<string, Promise<OpenTail>>()
  readonly #tails = new Map<string, RoomTail>()
  readonly #timer: NodeJS.Timeout
  /** How far the last look has come among the quiet rooms. */
  #looked = 0
  #reading = 0
  /** Who waits for their turn to read. */
  readonly #waiting: Array<() => void> = []

  constructor (options: TailsOptions) {
    this.#options = options
    options.link.onReturn(() => { for (const tail of this.#tails.values()) void tail.catchUp() })
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  /** The highest id that was ever heard in a room, undefined where nobody here reads it. */
  highest (room: string): EventId | undefined {
    return this.#tails.get(room)?.highest
  }

  async listen (room: string, listener: TailListener): Promise<Tail> {
    let opening = this.#open.get(room)
    if (opening === undefined) {
      opening = this.#begin(room)
      this.#open.set(room, opening)
      opening.catch(() => this.#open.delete(room))
    }
    const { tail, stop } = await opening
    // It may have been closed while this waited, by whoever listened before.
    if (this.#tails.get(room) !== tail) return this.listen(room, listener)
    tail.listeners.add(listener)
    return {
      head: tail.head,
      close: () => {
        tail.listeners.delete(listener)
        if (tail.listeners.size > 0 || this.#tails.get(room) !== tail) return
        this.#tails.delete(room)
        this.#open.delete(room)
        tail.close()
        stop()
      }
    }
  }

  close (): void {
    clearInterval(this.#timer)
    for (const tail of this.#tails.values()) tail.close()
  }

  async #begin (room: string): Promise<OpenTail> {
    const { link, channelOf, headOf } = this.#options
    // What is published before the head is known waits for it.
    const early: Published[] = []
    let tail: RoomTail | undefined
    const stop = await link.channels.hear(channelOf(room), {
      message: (text) => {
        const published = parseMessage(room, text)
        if (published === undefined) return
        if (tail === undefined) early.push(published)
        else tail.hear(published)
      },
      renewed: () => void tail?.catchUp()
    })
    try {
      tail = new RoomTail(await headOf(room), (after) => this.#read(room, after))
    } catch (error) {
      stop()
      throw error
    }
    this.#tails.set(room, tail)
    for (const published of early) tail.hear(published)
    return { tail, stop }
  }

  async #read (room: string, after: EventId): Promise<TailPage> {
    if (this.#reading < READ_AT_ONCE) this.#reading++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await this.#options.read(room, after)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#reading--
      else next()
    }
  }

  async #look (): Promise<void> {
    const all = [...this.#tails].filter(([, tail]) => tail.quiet)
    this.#looked %= Math.max(all.length, 1)
    const quiet = [...all.slice(this.#looked), ...all.slice(0, this.#looked)].slice(0, LOOKED_AT)
    this.#looked += quiet.length
    for (const [, tail] of this.#tails) tail.quiet = true
    try {
      while (quiet.length > 0) {
        await Promise.all(quiet.splice(0, LOOKED_AT_ONCE).map(async ([room, tail]) => {
          const head = await this.#options.headOf(room).catch(passOverSpoilt)
          if (head !== undefined) tail.compare(head)
        }))
      }
    } catch {} // The store is away: what was missed is read when it is back.
  }
}
