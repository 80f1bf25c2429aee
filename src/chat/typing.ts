import type { TailItem } from '../engines/engine.js'
import { NAME, isSaid, type User } from './event.js'

/** ms for which somebody types who has said so: whoever goes on says it again in time, and of whoever has gone nobody need tell. */
const TYPES_MS = 6_000
/** ms for which a room is told nothing more after it was told. */
const REST_MS = 500
/** Users who are named. */
const NAMED = 5

/** Who types in a room: some of them, none in a crowd, and how many. */
export interface Typists {
  users?: User[]
  count: number
}

interface Room {
  /** By id, in the order in which they began. */
  users: Map<string, User>
  /** What it was told last, as text. */
  told: string
  /** Runs while it is told nothing more. */
  rest: NodeJS.Timeout | undefined
}

export interface TypingOptions {
  /** Whether somebody here reads a room: of others nothing is kept. */
  isRead: (room: string) => boolean
  /** Whether a room in which so many type has too many for names. */
  isCrowd: (room: string, count: number) => boolean
  /** What was said here, for the other nodes. */
  tell: (room: string, user: User, types: boolean) => void
  /** Others type in a room than it was told last. */
  onChange: (room: string, who: Typists) => void
}

/**
 * Who types in which room, on whatever node. Nothing of it is ever stored: who says nothing for a time does not type any more, by each
 * node's own reckoning, so that what is lost on the way mends itself. A post ends it where it arrives, together with the post.
 */
export class Typing {
  readonly #options: TypingOptions
  readonly #rooms = new Map<string, Room>()
  /** Until when each types, by `performance.now()`: the first to end first. */
  readonly #ends = new Map<string, { room: string, userId: string, at: number }>()
  #endTimer: NodeJS.Timeout | undefined

  constructor (options: TypingOptions) {
    this.#options = options
  }

  /** Rooms in which somebody types, or did a moment ago, and how many do, each once in each of them. */
  get memory (): { rooms: number, users: number } {
    return { rooms: this.#rooms.size, users: this.#ends.size }
  }

  /** A user has said here that they type, or no longer. */
  say (room: string, user: User, types: boolean): void {
    this.#options.tell(room, user, types)
    this.heard(room, user, types)
  }

  /** The same, on whatever node. */
  heard (room: string, user: User, types: boolean): void {
    if (!types) return this.end(room, user.id)
    if (!this.#options.isRead(room)) return
    const key = keyOf(room, user.id)
    this.#ends.delete(key)
    this.#ends.set(key, { room, userId: user.id, at: performance.now() + TYPES_MS })
    this.#endTimer ??= setTimeout(this.#endThoseDue, TYPES_MS).unref()
    let entry = this.#rooms.get(room)
    if (entry === undefined) this.#rooms.set(room, entry = { users: new Map(), told: '', rest: undefined })
    this.#set(room, entry, user)
  }

  /** A user does not type there any more, if they did. */
  end (room: string, userId: string): void {
    const entry = this.#rooms.get(room)
    if (entry?.users.delete(userId) !== true) return
    this.#ends.delete(keyOf(room, userId))
    this.#changed(room, entry)
  }

  /** The same in all rooms of which that is so. */
  endWhere (isSo: (room: string) => boolean, userId: string): void {
    for (const [room, { users }] of this.#rooms) if (users.has(userId) && isSo(room)) this.end(room, userId)
  }

  /** What has been said in a room, and which names were taken, by whatever node. */
  arrived (room: string, items: readonly TailItem[]): void {
    const entry = this.#rooms.get(room)
    if (entry === undefined) return
    for (const { entry: { event } } of items) {
      if (event.type === NAME) {
        if (entry.users.has(event.user.id)) this.#set(room, entry, event.user)
      } else if (isSaid(event)) this.end(room, event.user.id)
    }
  }

  /** Nobody here reads the room any more. */
  forget (room: string): void {
    const entry = this.#rooms.get(room)
    if (entry === undefined) return
    clearTimeout(entry.rest)
    for (const userId of entry.users.keys()) this.#ends.delete(keyOf(room, userId))
    this.#rooms.delete(room)
  }

  close (): void {
    clearTimeout(this.#endTimer)
    for (const { rest } of this.#rooms.values()) clearTimeout(rest)
  }

  #set (room: string, entry: Room, user: User): void {
    if (entry.users.get(user.id)?.name === user.name) return
    entry.users.set(user.id, user)
    this.#changed(room, entry)
  }

  /** At once where it was told nothing just now. */
  #changed (room: string, entry: Room): void {
    if (entry.rest === undefined) this.#tell(room, entry)
  }

  #tell (room: string, entry: Room): void {
    const { users: { size: count } } = entry
    const who: Typists = this.#options.isCrowd(room, count) ? { count } : { users: [...entry.users.values()].slice(0, NAMED), count }
    const text = JSON.stringify(who)
    entry.rest = undefined
    if (text === entry.told) {
      if (count === 0) this.#rooms.delete(room)
      return
    }
    entry.told = text
    entry.rest = setTimeout(() => this.#tell(room, entry), REST_MS).unref()
    this.#options.onChange(room, who)
  }

  readonly #endThoseDue = (): void => {
    this.#endTimer = undefined
    const now = performance.now()
    for (const { room, userId, at } of this.#ends.values()) {
      if (at > now) {
        this.#endTimer = setTimeout(this.#endThoseDue, at - now).unref()
        return
      }
      this.end(room, userId)
    }
  }
}

function keyOf (room: string, userId: string): string {
  return `${room} ${userId}`
}
