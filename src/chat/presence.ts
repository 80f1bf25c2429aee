import type { User } from './event.js'
import { NameRegister } from './name-register.js'

/** ms for each member that a change waits longer: in a room of 10,000, a change is told every two seconds. */
const GATHER_MS_PER_MEMBER = 0.2

interface Member {
  user: User
  /** Open streams of this user in this room. */
  streams: number
}

interface Online {
  user: User
  /** Few: an array costs a fifth of a set. */
  rooms: string[]
}

export interface Change {
  joined: User[]
  left: User[]
}

interface PendingChange {
  joined: Map<string, User>
  left: Map<string, User>
  timer: NodeJS.Timeout
}

export interface PresenceOptions {
  /** ms that a user stays online without a stream, so that a reload or a short cut does not blink. */
  graceMs: number
  /** ms over which joins and leaves are gathered into one change; in a room of many, longer. */
  gatherMs: number
  /** A room's members have changed. */
  onChange: (room: string, change: Change) => void
}

/**
 * Who is online, per user and not per tab: the first stream in a room joins it, the last one leaves it, after a grace.
 */
export class Presence {
  readonly names = new NameRegister()

  readonly #graceMs: number
  readonly #gatherMs: number
  readonly #onChange: PresenceOptions['onChange']
  readonly #rooms = new Map<string, Map<string, Member>>()
  readonly #online = new Map<string, Online>()
  /** Users without a stream in a room, in the order of their leaving. */
  readonly #leaving = new Map<string, { room: string, userId: string, at: number }>()
  readonly #changes = new Map<string, PendingChange>()
  #leaveTimer: NodeJS.Timeout | undefined

  constructor ({ graceMs, gatherMs, onChange }: PresenceOptions) {
    this.#graceMs = graceMs
    this.#gatherMs = gatherMs
    this.#onChange = onChange
  }

  /** Users online, in whatever room. */
  get users (): number {
    return this.#online.size
  }

  /** A stream of this user has opened in this room. */
  enter (room: string, user: User): void {
    const members = this.#rooms.get(room) ?? new Map<string, Member>()
    this.#rooms.set(room, members)
    const member = members.get(user.id)
    if (member !== undefined) {
      member.streams++
      this.#leaving.delete(`${room} ${user.id}`)
      return
    }
    members.set(user.id, { user, streams: 1 })
    const online = this.#online.get(user.id) ?? { user, rooms: [] }
    if (online.rooms.length === 0) {
      this.#online.set(user.id, online)
      this.names.take(user)
    }
    online.rooms.push(room)
    const change = this.#change(room)
    if (!change.left.delete(user.id)) change.joined.set(user.id, user)
  }

  /** A stream of this user in this room is gone. */
  leave (room: string, userId: string): void {
    const member = this.#rooms.get(room)?.get(userId)
    if (member === undefined || --member.streams > 0) return
    this.#leaving.set(`${room} ${userId}`, { room, userId, at: performance.now() + this.#graceMs })
    this.#leaveTimer ??= setTimeout(this.#endGrace, this.#graceMs).unref()
  }

  /** @returns the rooms in which the user has a stream */
  rename (user: User): string[] {
    const online = this.#online.get(user.id)
    if (online === undefined) return []
    this.names.free(online.user)
    online.user = user
    this.names.take(user)
    for (const room of online.rooms) {
      this.#rooms.get(room)!.get(user.id)!.user = user
      const joined = this.#changes.get(room)?.joined
      if (joined?.has(user.id) === true) joined.set(user.id, user)
    }
    return [...online.rooms]
  }

  members (room: string): User[] {
    return [...(this.#rooms.get(room)?.values() ?? [])].map(({ user }) => user)
  }

  count (room: string): number {
    return this.#rooms.get(room)?.size ?? 0
  }

  /** The user as it is online now. */
  get (userId: string): User | undefined {
    return this.#online.get(userId)?.user
  }

  close (): void {
    clearTimeout(this.#leaveTimer)
    for (const { timer } of this.#changes.values()) clearTimeout(timer)
  }

  readonly #endGrace = (): void => {
    this.#leaveTimer = undefined
    const now = performance.now()
    for (const [key, { room, userId, at }] of this.#leaving) {
      if (at > now) {
        this.#leaveTimer = setTimeout(this.#endGrace, at - now).unref()
        return
      }
      this.#leaving.delete(key)
      this.#remove(room, userId)
    }
  }

  #remove (room: string, userId: string): void {
    const members = this.#rooms.get(room)!
    const { user } = members.get(userId)!
    members.delete(userId)
    if (members.size === 0) this.#rooms.delete(room)
    const online = this.#online.get(userId)!
    online.rooms = online.rooms.filter((name) => name !== room)
    if (online.rooms.length === 0) {
      this.#online.delete(userId)
      this.names.free(online.user)
    }
    const change = this.#change(room)
    if (!change.joined.delete(userId)) change.left.set(userId, user)
  }

  #change (room: string): PendingChange {
    let change = this.#changes.get(room)
    if (change === undefined) {
      const wait = this.#gatherMs + this.count(room) * GATHER_MS_PER_MEMBER
      const timer = setTimeout(() => this.#tell(room), wait).unref()
      this.#changes.set(room, change = { joined: new Map(), left: new Map(), timer })
    }
    return change
  }

  #tell (room: string): void {
    const { joined, left } = this.#changes.get(room)!
    this.#changes.delete(room)
    if (joined.size + left.size > 0) this.#onChange(room, { joined: [...joined.values()], left: [...left.values()] })
  }
}
