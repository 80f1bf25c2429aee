import type { User } from '../../chat/event.js'
import type { Attendance, Here, WatchListener } from '../engine.js'
import { Lease, nodesKey } from './lease.js'
import type { RedisLink } from './link.js'
import { keysOf } from './room.js'
import { RoomWatch, typingMessage, type Snapshot } from './room-watch.js'

/** ms between two writes, over which changes are gathered: less than readers wait for theirs. The first is written at once. */
const GATHER_MS = 100
/** ms between two looks at rooms in which nothing was heard: a message can be lost without a connection breaking. */
const LOOK_MS = 10_000
/** Rooms written or read at once, and users written in one go. */
const ROOMS_AT_ONCE = 50
const USERS_AT_ONCE = 500

export interface AttendanceOptions {
  link: RedisLink
  prefix: string
  /** The channel in which changes of a room are published. */
  channelOf: (room: string) => string
  /** The store has lost what this node had there. */
  onLoss: () => void
}

/** Who is in which room, in a hash for each room: what counts of it are the fields of nodes that live. */
export class RedisAttendance implements Attendance {
  readonly #options: AttendanceOptions
  readonly #lease: Lease
  #here: Here | undefined
  /** By room, users of whom the store may know something else than is so. */
  readonly #changed = new Map<string, Set<string>>()
  /** Rooms that the store knows this node to be in. */
  readonly #attended = new Set<string>()
  readonly #watches = new Set<RoomWatch>()
  /** Those that are to be synchronised. */
  readonly #behind = new Set<RoomWatch>()
  #syncing = 0
  #writing: Promise<void> | undefined
  /** `performance.now()` when it was written last. */
  #wrote = -Infinity
  #writeTimer: NodeJS.Timeout | undefined
  #lookTimer: NodeJS.Timeout | undefined
  #leaving = false

  constructor (options: AttendanceOptions) {
    this.#options = options
    let begun = false
    this.#lease = new Lease({
      link: options.link,
      prefix: options.prefix,
      begun: () => {
        this.#attended.clear()
        this.#announceAll()
        if (begun) options.onLoss()
        begun = true
      },
      renewed: () => {
        for (const watch of this.#watches) watch.bury((node) => this.#lease.dead(node))
        this.#writeSoon()
      },
      bury: (node) => this.#bury(node)
    })
    options.link.onReturn(() => {
      if (this.#here === undefined) return
      this.#lease.unsettle()
      for (const watch of this.#watches) this.#sync(watch)
      this.#lease.renew().then(() => this.#compareOwn()).catch(() => {}) // It is away again.
    })
  }

  /** This node's name, undefined while it has no lease. */
  get node (): string | undefined {
    return this.#lease.held ? this.#lease.node : undefined
  }

  async begin (here: Here): Promise<void> {
    this.#here = here
    this.#lookTimer = setInterval(() => this.#look(), LOOK_MS).unref()
    await this.#lease.begin().catch(() => {}) // It tries again.
  }

  changed (room: string, userId: string): void {
    this.#mark(room, userId)
    this.#writeSoon()
  }

  type (room: string, user: User, types: boolean): void {
    const { link, channelOf } = this.#options
    // What is said later would be said too late.
    if (link.trouble !== undefined) return
    link.call((client) => client.publish(channelOf(room), typingMessage(this.#lease.node, user, types))).catch(() => {})
  }

  async watch (room: string, listener: WatchListener): Promise<RoomWatch> {
    const watch: RoomWatch = new RoomWatch({
      listener,
      subscribe: (watch) => this.#options.link.channels.hear(this.#options.channelOf(room), {
        message: (text) => watch.hear(text),
        renewed: () => this.#sync(watch)
      }),
      versionOf: async () => await this.#options.link.ask((client) => client.hget(this.#online(room), 'version')) ?? NOBODY,
      read: () => this.#read(room),
      heard: (node) => this.#lease.meet(node),
      own: (users) => { for (const [id, name] of users) this.#compare(room, id, name) },
      isOwn: (node) => node === this.#lease.node,
      behind: (watch) => this.#sync(watch),
      closed: (watch) => this.#watches.delete(watch)
    })
    this.#watches.add(watch)
    if (await watch.sync()) this.#sync(watch)
    return watch
  }

  async read (room: string): Promise<Map<string, string>> {
    const { others } = await this.#read(room)
    return new Map([...others.values()].flatMap((users) => [...users]))
  }

  async leave (ms: number): Promise<void> {
    clearTimeout(this.#writeTimer)
    await this.#write()
    this.#leaving = true
    // Of a node through which nobody is here, nobody need know any more.
    await this.#lease.end(this.#attended.size === 0 ? 0 : ms).catch(() => {}) // Then it runs out as it is.
  }

  close (): void {
    this.#leaving = true
    clearTimeout(this.#writeTimer)
    clearInterval(this.#lookTimer)
    this.#lease.close()
  }

  #mark (room: string, userId: string): void {
    if (this.#leaving) return
    const users = this.#changed.get(room)
    if (users === undefined) this.#changed.set(room, new Set([userId]))
    else users.add(userId)
  }

  #writeSoon (): void {
    if (this.#changed.size === 0 || this.#leaving) return
    this.#writeTimer ??= setTimeout(() => void this.#write(), Math.max(0, this.#wrote + GATHER_MS - performance.now())).unref()
  }

  /** Writes what has changed. What cannot be written stays, and is so with every renewal of the lease. */
  #write (): Promise<void> {
    clearTimeout(this.#writeTimer)
    this.#writeTimer = undefined
    this.#wrote = performance.now()
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #writeAll (): Promise<void> {
    while (this.#changed.size > 0 && this.#lease.held) {
      const rooms = [...this.#changed].slice(0, ROOMS_AT_ONCE)
      const written = await Promise.all(rooms.map(async ([room, changed]) => {
        const ids = [...changed].slice(0, USERS_AT_ONCE)
        for (const id of ids) changed.delete(id)
        if (changed.size === 0) this.#changed.delete(room)
        try {
          await this.#writeRoom(room, ids)
          return true
        } catch {
          for (const id of ids) this.#mark(room, id)
          return false
        }
      }))
      if (!written.includes(true)) return
    }
  }

  async #writeRoom (room: string, ids: string[]): Promise<void> {
    const { link, channelOf } = this.#options
    const here = this.#here!
    const { node } = this.#lease
    const users = ids.flatMap((id) => [id, here.member(room, id)?.name ?? ''])
    const empty = isEmpty(here.members(room))
    const listed = this.#attended.has(room) || empty ? undefined : link.call((client) => client.sadd(this.#roomsOf(node), room))
    await Promise.all([listed, link.call((client) => client.hubbubAttend(this.#online(room), channelOf(room), node, ...users))])
    if (!empty) this.#attended.add(room)
    else if (this.#attended.delete(room)) await link.call((client) => client.srem(this.#roomsOf(node), room))
  }

  #announceAll (): void {
    for (const room of this.#here!.rooms()) for (const { id } of this.#here!.members(room)) this.changed(room, id)
  }

  /** A store that was away may have come back with an older state of rooms that nobody reads here, too. */
  async #compareOwn (): Promise<void> {
    this.#announceAll()
    const listed = await this.#options.link.ask((client) => client.smembers(this.#roomsOf(this.#lease.node)))
    const rooms = listed.filter((room) => isEmpty(this.#here!.members(room)))
    while (rooms.length > 0) {
      await Promise.all(rooms.splice(0, ROOMS_AT_ONCE).map(async (room) => {
        this.#attended.add(room)
        await this.#read(room)
      }))
    }
  }

  /** Reads a room. Who is here is compared on the way. */
  async #read (room: string): Promise<Snapshot> {
    const { version = NOBODY, ...fields } = await this.#options.link.ask((client) => client.hgetall(this.#online(room)))
    const byNode: Snapshot['others'] = new Map()
    for (const [field, name] of Object.entries(fields)) {
      const space = field.indexOf(' ')
      if (space < 1) continue // Not ours.
      const node = field.slice(0, space)
      const users = byNode.get(node) ?? new Map<string, string>()
      byNode.set(node, users.set(field.slice(space + 1), name))
    }
    const { node } = this.#lease
    const own = byNode.get(node) ?? new Map<string, string>()
    byNode.delete(node)
    if (this.#lease.held) {
      for (const [id, name] of own) this.#compare(room, id, name)
      for (const { id } of this.#here!.members(room)) if (!own.has(id)) this.changed(room, id)
    }
    if ([...byNode.keys()].some((node) => !this.#lease.lives(node))) await this.#lease.look()
    for (const node of byNode.keys()) {
      if (this.#lease.lives(node)) continue
      byNode.delete(node)
      // Whoever should have removed it has not found it.
      this.#options.link.call((client) => client.multi()
        .sadd(this.#roomsOf(node), room)
        .zadd(nodesKey(this.#options.prefix, 'dead'), 'NX', 0, node)
        .exec()).catch(() => {})
    }
    return { version, others: byNode }
  }

  /** The store knows this of a user here. */
  #compare (room: string, id: string, name: string): void {
    if ((this.#here!.member(room, id)?.name ?? '') !== name) this.changed(room, id)
  }

  #look (): void {
    for (const watch of this.#watches) {
      if (watch.quiet) this.#sync(watch)
      watch.quiet = true
    }
  }

  #sync (watch: RoomWatch): void {
    this.#behind.add(watch)
    this.#syncNext()
  }

  #syncNext (): void {
    while (this.#syncing < ROOMS_AT_ONCE) {
      const [next] = this.#behind
      if (next === undefined) return
      this.#behind.delete(next)
      this.#syncing++
      void next.sync().then((again) => {
        this.#syncing--
        if (again) this.#behind.add(next)
        this.#syncNext()
      })
    }
  }

  async #bury (node: string): Promise<void> {
    const { link, prefix } = this.#options
    const rooms = await link.ask((client) => client.smembers(this.#roomsOf(node)))
    while (rooms.length > 0) {
      await Promise.all(rooms.splice(0, ROOMS_AT_ONCE).map((room) => link.call((client) => client.hubbubForget(this.#online(room), node))))
    }
    await link.call((client) => client.multi().del(this.#roomsOf(node)).zrem(nodesKey(prefix, 'dead'), node).exec())
  }

  #online (room: string): string {
    return `${keysOf(this.#options.prefix, room).stream}:online`
  }

  #roomsOf (node: string): string {
    return nodesKey(this.#options.prefix, `rooms:${node}`)
  }
}

/** The version of a room that nobody is in. */
const NOBODY = '0'

function isEmpty (users: Iterable<unknown>): boolean {
  for (const _ of users) return false
  return true
}
