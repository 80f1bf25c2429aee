import { Lru } from 'toad-cache'
import type { Attendance, Nodes, Watch } from '../engines/engine.js'
import type { User } from './event.js'
import type { NameRegister } from './name-register.js'
import { tagOf } from './names.js'
import type { Typing } from './typing.js'

/** ms for each member that a change waits longer: in a room of 10,000, a change is told every two seconds. */
const GATHER_MS_PER_MEMBER = 0.2

/** Rooms looked at that are remembered, and the ms for which they are. */
const LOOKED_AT = 500
const LOOKED_MS = 1_000

interface Member {
  user: User
  /** Open streams of this user in this room. */
  streams: number
}

interface Room {
  /** Who has a stream here. */
  here: Map<string, Member>
  /** Who is there through other nodes, where there are some and somebody here reads the room. */
  elsewhere: Watch | undefined
  /** Of both together. */
  count: number
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
  /** Ids. A name is looked up when it is told: it may change meanwhile. */
  joined: Set<string>
  left: Map<string, User>
  timer: NodeJS.Timeout
}

export interface PresenceOptions {
  /** ms that a user stays online without a stream, so that a reload or a short cut does not blink. */
  graceMs: number
  /** ms over which joins and leaves are gathered into one change; in a room of many, longer. */
  gatherMs: number
  names: NameRegister
  typing: Typing
  /** Where others share the store. */
  nodes?: Nodes | undefined
  /** A room's members have changed. */
  onChange: (room: string, change: Change) => void
}

/**
 * Who is online, per user and not per tab: the first stream in a room joins it, the last one leaves it, after a grace. Where there
 * are other nodes, a user who is in a room through one of them is in it.
 */
export class Presence {
  readonly names: NameRegister
  readonly typing: Typing

  readonly #graceMs: number
  readonly #gatherMs: number
  readonly #attendance: Attendance | undefined
  readonly #onChange: PresenceOptions['onChange']
  readonly #rooms = new Map<string, Room>()
  readonly #online = new Map<string, Online>()
  /** Rooms that somebody here reads. */
  readonly #watched = new Map<string, Promise<Watch>>()
  /** Users without a stream in a room, in the order of their leaving. */
  readonly #leaving = new Map<string, { room: string, userId: string, at: number }>()
  readonly #changes = new Map<string, PendingChange>()
  readonly #looked = new Lru<ReturnType<Attendance['read']>>(LOOKED_AT, LOOKED_MS)
  #leaveTimer: NodeJS.Timeout | undefined

  constructor ({ graceMs, gatherMs, names, typing, nodes, onChange }: PresenceOptions) {
    this.#graceMs = graceMs
    this.#gatherMs = gatherMs
    this.#onChange = onChange
    this.#attendance = nodes?.attendance
    this.names = names
    this.typing = typing
    nodes?.onReturn(() => this.names.holdAll())
  }

  /** Users online here, in whatever room. */
  get users (): number {
    return this.#online.size
  }

  /** From now on the other nodes know who is here. */
  async begin (): Promise<void> {
    await this.#attendance?.begin({
      member: (room, userId) => this.#rooms.get(room)?.here.get(userId)?.user,
      members: (room) => this.#here(room),
      rooms: () => this.#rooms.keys()
    })
  }

  /** A stream of this user has opened in this room. */
  enter (room: string, user: User): void {
    const { here } = this.#room(room)
    const member = here.get(user.id)
    if (member !== undefined) {
      member.streams++
      this.#leaving.delete(`${room} ${user.id}`)
      return
    }
    here.set(user.id, { user, streams: 1 })
    const online = this.#online.get(user.id) ?? { user, rooms: [] }
    if (online.rooms.length === 0) {
      this.#online.set(user.id, online)
      this.names.take(user)
    }
    online.rooms.push(room)
    this.#attendance?.changed(room, user.id)
    if (this.#elsewhere(room, user.id) === undefined) this.#join(room, user.id)
  }

  /** A stream of this user in this room is gone. */
  leave (room: string, userId: string): void {
    const member = this.#rooms.get(room)?.here.get(userId)
    if (member === undefined || --member.streams > 0) return
    this.#leaving.set(`${room} ${userId}`, { room, userId, at: performance.now() + this.#graceMs })
    this.#leaveTimer ??= setTimeout(this.#endGrace, this.#graceMs).unref()
  }

  /** @returns the rooms in which the user has a stream here */
  rename (user: User): string[] {
    const online = this.#online.get(user.id)
    if (online === undefined) return []
    this.names.free(online.user)
    online.user = user
    this.names.take(user)
    for (const room of online.rooms) {
      this.#rooms.get(room)!.here.get(user.id)!.user = user
      this.#attendance?.changed(room, user.id)
    }
    return [...online.rooms]
  }

  /** Somebody here reads the room: who is in it through other nodes is known from now on. */
  async watch (room: string): Promise<void> {
    if (this.#attendance === undefined) return
    let begun = false
    const watching = this.#attendance.watch(room, {
      came: (users) => { if (begun) for (const [id] of users) if (!this.#isHere(room, id)) this.#join(room, id) },
      went: (users) => {
        if (begun) for (const [id, name] of users) if (!this.#isHere(room, id)) this.#part(room, { id, name, tag: tagOf(id) })
      },
      typed: (user, types) => this.typing.heard(room, user, types)
    })
    this.#watched.set(room, watching)
    const elsewhere = await watching
    if (this.#watched.get(room) !== watching) return
    begun = true
    const entry = this.#room(room)
    entry.elsewhere = elsewhere
    for (const [id] of elsewhere.users()) if (!entry.here.has(id)) entry.count++
  }

  /** Nobody here reads the room any more. */
  unwatch (room: string): void {
    this.typing.forget(room)
    const watching = this.#watched.get(room)
    if (watching === undefined) return
    this.#watched.delete(room)
    void watching.then((watch) => watch.close())
    const entry = this.#rooms.get(room)
    if (entry?.elsewhere === undefined) return
    entry.elsewhere = undefined
    entry.count = entry.here.size
    if (entry.count === 0) this.#rooms.delete(room)
  }

  /** Who is in a room that somebody here reads, or through this node. @param most users at most */
  members (room: string, most = Infinity): User[] {
    const entry = this.#rooms.get(room)
    if (entry === undefined) return []
    return together(entry.here, entry.elsewhere?.users() ?? [], most)
  }

  /** How many that are. */
  count (room: string): number {
    return this.#rooms.get(room)?.count ?? 0
  }

  /** Who is in a room, whoever reads it where. @throws {EngineUnavailable} by rejection */
  async look (room: string, most: number): Promise<{ users: User[], count: number }> {
    const entry = this.#rooms.get(room)
    if (this.#attendance === undefined || entry?.elsewhere !== undefined) return { users: this.members(room, most), count: this.count(room) }
    const elsewhere = await this.#lookedAt(room)
    const here = entry?.here ?? new Map<string, Member>()
    const alsoHere = [...here.keys()].filter((id) => elsewhere.has(id)).length
    return { users: together(here, elsewhere, most), count: elsewhere.size + here.size - alsoHere }
  }

  /** Whether a user is in a room, whoever reads it where. @throws {EngineUnavailable} by rejection */
  async isIn (room: string, userId: string): Promise<boolean> {
    if (this.#isHere(room, userId)) return true
    const elsewhere = this.#rooms.get(room)?.elsewhere
    if (this.#attendance === undefined || elsewhere !== undefined) return elsewhere?.nameOf(userId) !== undefined
    return (await this.#attendance.read(room)).has(userId)
  }

  /** The user as it is online here now. */
  get (userId: string): User | undefined {
    return this.#online.get(userId)?.user
  }

  /** The user as it is online, here or in a room that somebody here reads. */
  find (userId: string): User | undefined {
    const here = this.get(userId)
    if (here !== undefined) return here
    for (const { elsewhere } of this.#rooms.values()) {
      const name = elsewhere?.nameOf(userId)
      if (name !== undefined) return { id: userId, name, tag: tagOf(userId) }
    }
    return undefined
  }

  /** Rooms in which the user has a stream here. */
  roomsOf (userId: string): string[] {
    return [...this.#online.get(userId)?.rooms ?? []]
  }

  /** Everybody who is online here. */
  * everybody (): Generator<User, void, void> {
    for (const { user } of this.#online.values()) yield user
  }

  close (): void {
    clearTimeout(this.#leaveTimer)
    for (const { timer } of this.#changes.values()) clearTimeout(timer)
    this.names.close()
    this.typing.close()
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
    const { here } = this.#rooms.get(room)!
    const { user } = here.get(userId)!
    here.delete(userId)
    const online = this.#online.get(userId)!
    online.rooms = online.rooms.filter((name) => name !== room)
    if (online.rooms.length === 0) {
      this.#online.delete(userId)
      this.names.free(online.user)
    }
    this.#attendance?.changed(room, userId)
    if (this.#elsewhere(room, userId) === undefined) this.#part(room, user)
  }

  #room (room: string): Room {
    let entry = this.#rooms.get(room)
    if (entry === undefined) this.#rooms.set(room, entry = { here: new Map(), elsewhere: undefined, count: 0 })
    return entry
  }

  * #here (room: string): Generator<User, void, void> {
    for (const { user } of this.#rooms.get(room)?.here.values() ?? []) yield user
  }

  /** Who is elsewhere in a room that nobody here reads: a room of many costs the store much, so it is asked once a second. */
  #lookedAt (room: string): ReturnType<Attendance['read']> {
    const known = this.#looked.get(room)
    if (known !== undefined) return known
    const reading = this.#attendance!.read(room)
    this.#looked.set(room, reading)
    reading.catch(() => this.#looked.delete(room))
    return reading
  }

  #isHere (room: string, userId: string): boolean {
    return this.#rooms.get(room)?.here.has(userId) === true
  }

  /** The name of a user who is in a room through another node. */
  #elsewhere (room: string, userId: string): string | undefined {
    return this.#rooms.get(room)?.elsewhere?.nameOf(userId)
  }

  /** A user was not in the room, and is. */
  #join (room: string, userId: string): void {
    this.#room(room).count++
    const change = this.#change(room)
    if (!change.left.delete(userId)) change.joined.add(userId)
  }

  /** A user was in the room, and is not. */
  #part (room: string, user: User): void {
    const entry = this.#room(room)
    if (--entry.count === 0 && entry.elsewhere === undefined) this.#rooms.delete(room)
    this.typing.end(room, user.id)
    const change = this.#change(room)
    if (!change.joined.delete(user.id)) change.left.set(user.id, user)
  }

  #change (room: string): PendingChange {
    let change = this.#changes.get(room)
    if (change === undefined) {
      const wait = this.#gatherMs + this.count(room) * GATHER_MS_PER_MEMBER
      const timer = setTimeout(() => this.#tell(room), wait).unref()
      this.#changes.set(room, change = { joined: new Set(), left: new Map(), timer })
    }
    return change
  }

  #tell (room: string): void {
    const { joined, left } = this.#changes.get(room)!
    this.#changes.delete(room)
    if (joined.size + left.size > 0) this.#onChange(room, { joined: [...joined].flatMap((id) => this.#member(room, id) ?? []), left: [...left.values()] })
  }

  #member (room: string, id: string): User | undefined {
    const name = this.#elsewhere(room, id)
    return this.#rooms.get(room)?.here.get(id)?.user ?? (name === undefined ? undefined : { id, name, tag: tagOf(id) })
  }
}

function together (here: ReadonlyMap<string, Member>, elsewhere: Iterable<readonly [id: string, name: string]>, most: number): User[] {
  const users: User[] = []
  for (const { user } of here.values()) {
    if (users.length === most) return users
    users.push(user)
  }
  for (const [id, name] of elsewhere) {
    if (users.length >= most) return users
    if (!here.has(id)) users.push({ id, name, tag: tagOf(id) })
  }
  return users
}
