import type { User } from '../../chat/event.js'
import type { Watch, WatchListener } from '../engine.js'

/** ms after which who is missing in the store, though nobody has said that they left, is gone: a store that lost something gets it again. */
const DOUBT_MS = 10_000
/** What a message begins with that says who types; no version does. Whoever does not know it passes it over. */
const TYPING = 'typing '
/** What is published while the room is read that is kept at most: where there was more, it is read again. */
const MAX_EARLY = 1_000

/** By node, the ids and names of its users. */
export type ByNode = Map<string, Map<string, string>>

/** A room as the store has it. */
export interface Snapshot {
  version: string
  /** Of the other nodes that live. */
  others: ByNode
}

export interface Change {
  prev: string
  version: string
  node: string
  /** By id: the name, empty for one who has gone. */
  users: Map<string, string>
}

export interface RoomWatchOptions {
  listener: WatchListener
  subscribe: (watch: RoomWatch) => Promise<() => void>
  versionOf: () => Promise<string>
  read: () => Promise<Snapshot>
  /** A node has said something. */
  heard: (node: string) => void
  /** This node has said something of its own users. */
  own: (users: Change['users']) => void
  isOwn: (node: string) => boolean
  /** To be synchronised soon. */
  behind: (watch: RoomWatch) => void
  closed: (watch: RoomWatch) => void
}

/**
 * Who is in a room through other nodes, as this node knows it. What is published is a hint: it is taken if it comes right after what
 * is known; where it does not, the room is read anew, and the difference told.
 */
export class RoomWatch implements Watch {
  /** Whether nothing has been heard since it was last looked after. */
  quiet = false

  readonly #options: RoomWatchOptions
  readonly #nodes: ByNode = new Map()
  /** What is known, undefined while that is nothing. */
  #version: string | undefined
  /** What is published while the room is read, undefined where it is not. */
  #early: Change[] | undefined
  #stop: (() => void) | undefined
  /** Runs while somebody is missing in the store. */
  #doubt: NodeJS.Timeout | undefined
  /** Whether who is missing has been so for long enough. */
  #doubted = false
  #closed = false

  constructor (options: RoomWatchOptions) {
    this.#options = options
  }

  nameOf (userId: string): string | undefined {
    for (const users of this.#nodes.values()) {
      const name = users.get(userId)
      if (name !== undefined) return name
    }
    return undefined
  }

  * users (): Generator<[userId: string, name: string], void, void> {
    const nodes = [...this.#nodes.values()]
    for (const [index, users] of nodes.entries()) {
      for (const [id, name] of users) if (!nodes.slice(0, index).some((before) => before.has(id))) yield [id, name]
    }
  }

  hear (text: string): void {
    if (text.startsWith(TYPING)) return this.#hearTyping(text)
    const change = parseChange(text)
    if (change === undefined) return
    this.quiet = false
    if (this.#early !== undefined) {
      if (this.#early.length <= MAX_EARLY) this.#early.push(change)
    } else if (change.prev === this.#version) this.#take(change)
    else this.#options.behind(this)
  }

  /**
   * Comes to what the store has. Where that is away, it leaves that to the next time.
   * @returns whether it must be done again at once
   */
  async sync (): Promise<boolean> {
    if (this.#closed || this.#early !== undefined) return false
    const early: Change[] = this.#early = []
    try {
      if (this.#stop === undefined) {
        const stop = await this.#options.subscribe(this)
        if (this.#closed) stop()
        else this.#stop = stop
      }
      if (this.#version === undefined || this.#doubted || this.#doubt !== undefined || await this.#options.versionOf() !== this.#version) {
        const snapshot = await this.#options.read()
        if (!this.#closed) this.#adopt(snapshot)
      }
      if (this.#closed) return false
      // Before what was read, or right after it.
      for (const change of early) if (change.prev === this.#version) this.#take(change)
      return early.length > MAX_EARLY || (early.length > 0 && early.at(-1)!.version !== this.#version)
    } catch {
      if (this.#doubted) this.#doubtLater()
      return false
    } finally {
      this.#early = undefined
    }
  }

  /** Nodes have died, and their users with them. */
  bury (dead: (node: string) => boolean): void {
    const went = new Map<string, string>()
    for (const [node, users] of this.#nodes) if (dead(node)) this.#remove(node, users, went)
    this.#tell(new Map(), went)
  }

  close (): void {
    this.#closed = true
    clearTimeout(this.#doubt)
    this.#stop?.()
    this.#options.closed(this)
  }

  /** Nothing comes of what is lost of it, or doubled. */
  #hearTyping (text: string): void {
    const typing = parseTyping(text)
    if (typing !== undefined && !this.#options.isOwn(typing.node)) this.#options.listener.typed(typing.user, typing.types)
  }

  #take ({ version, node, users }: Change): void {
    this.#version = version
    if (this.#options.isOwn(node)) return this.#options.own(users)
    this.#options.heard(node)
    const [came, went] = [new Map<string, string>(), new Map<string, string>()]
    for (const [id, name] of users) {
      if (name === '') this.#remove(node, [[id]], went)
      else this.#add(node, id, name, came)
    }
    this.#tell(came, went)
  }

  #adopt ({ version, others }: Snapshot): void {
    this.#version = version
    const [came, went] = [new Map<string, string>(), new Map<string, string>()]
    for (const [node, users] of others) for (const [id, name] of users) this.#add(node, id, name, came)
    let missing = false
    for (const [node, users] of this.#nodes) {
      const gone = [...users].filter(([id]) => others.get(node)?.has(id) !== true)
      if (this.#doubted) this.#remove(node, gone, went)
      else missing ||= gone.length > 0
    }
    this.#doubted = false
    if (missing) this.#doubtLater()
    this.#tell(came, went)
  }

  #doubtLater (): void {
    this.#doubted = false
    this.#doubt ??= setTimeout(() => {
      this.#doubt = undefined
      this.#doubted = true
      this.#options.behind(this)
    }, DOUBT_MS).unref()
  }

  #add (node: string, id: string, name: string, came: Map<string, string>): void {
    const users = this.#nodes.get(node) ?? new Map<string, string>()
    if (this.nameOf(id) === undefined) came.set(id, name)
    this.#nodes.set(node, users.set(id, name))
  }

  #remove (node: string, gone: Iterable<readonly [id: string, ...rest: unknown[]]>, went: Map<string, string>): void {
    const users = this.#nodes.get(node)
    if (users === undefined) return
    for (const [id] of gone) {
      const name = users.get(id)
      if (name === undefined) continue
      users.delete(id)
      if (this.nameOf(id) === undefined) went.set(id, name)
    }
    if (users.size === 0) this.#nodes.delete(node)
  }

  #tell (came: Map<string, string>, went: Map<string, string>): void {
    if (came.size > 0) this.#options.listener.came(came)
    if (went.size > 0) this.#options.listener.went(went)
  }
}

/** `prev version node`, then a line for each user: `+id name` or `-id`. */
function parseChange (text: string): Change | undefined {
  const [head, ...lines] = text.split('\n')
  const [prev, version, node] = head!.split(' ')
  if (node === undefined) return undefined
  return {
    prev: prev!,
    version: version!,
    node,
    users: new Map(lines.map((line) => {
      const space = line.startsWith('+') ? line.indexOf(' ') : line.length
      return [line.slice(1, space), line.slice(space + 1)]
    }))
  }
}

/** `typing node`, then what is said as JSON. */
export function typingMessage (node: string, user: User, types: boolean): string {
  return `${TYPING}${node}\n${JSON.stringify({ user, types })}`
}

/** @returns undefined for what is none of ours: others can publish, too */
function parseTyping (text: string): { node: string, user: User, types: boolean } | undefined {
  const end = text.indexOf('\n')
  try {
    const { user: { id, name, tag, bot }, types } = JSON.parse(text.slice(end + 1))
    if ([id, name, tag].some((value) => typeof value !== 'string')) return undefined
    return { node: text.slice(TYPING.length, end), user: { id, name, tag, ...(bot === true && { bot }) }, types: types === true }
  } catch {
    return undefined
  }
}
