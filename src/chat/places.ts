import type { OpenHere, OpenStreams } from '../engines/engine.js'
import { within } from '../within.js'

/** ms for which the other nodes' counts are waited for: then this node's own decide. */
const PATIENCE_MS = 1_000

/** How many streams may be open, at most. */
export interface Caps {
  node: number
  user: number
  address: number
}

/** What has no room for another stream: this node, the user, the address. */
export type Full = keyof Caps

/** An open stream, or one that is about to be: whom it counts for. */
export interface Place {
  /** As a keyed hash. */
  readonly address: string
  /** The user, also of one who only reads along and is not online by it. */
  userId: string | undefined
  /** Whether the user is online by it. */
  online: boolean
  left: boolean
}

interface Address {
  streams: number
  /** Users who are online behind it, and by how many streams each. */
  users: Map<string, number>
}

/**
 * Open streams by user and by address: how many there are, and who is behind an address, over all nodes. Long polls are streams
 * while they wait.
 */
export class Places implements OpenHere {
  readonly #nodes: OpenStreams | undefined
  #streams = 0
  readonly #users = new Map<string, number>()
  readonly #addresses = new Map<string, Address>()

  /** @param nodes where there are other nodes */
  constructor (nodes?: OpenStreams) {
    this.#nodes = nodes
    nodes?.begin(this)
  }

  /** Takes a place for a stream that is about to open. To be given back with `leave`. */
  async take (address: string, userId: string | undefined, caps: Caps): Promise<Place | Full> {
    const { node, address: most, user } = caps
    if (this.#streams >= node) return 'node'
    const place: Place = { address, userId: undefined, online: false, left: false }
    this.#enter(place)
    if (userId !== undefined) this.#give(place, userId)
    const wishes = [...(userId === undefined ? [] : [{ key: ofUser(userId), most: user }]), { key: ofAddress(address), most }]
    const full = wishes.find(({ key, most }) => this.count(key) > most)?.key ?? await this.#fullElsewhere(wishes)
    if (full === undefined) return place
    this.leave(place)
    return full === ofAddress(address) ? 'address' : 'user'
  }

  /** The stream of a place is a user's, who is online by it. */
  seat (place: Place, userId: string): void {
    if (place.userId === undefined) {
      this.#give(place, userId)
      this.#nodes?.changed(ofUser(userId))
    }
    place.online = true
    const { users } = this.#addresses.get(place.address)!
    users.set(userId, (users.get(userId) ?? 0) + 1)
    if (users.get(userId) === 1) this.#nodes?.changed(ofAddress(place.address), userId)
  }

  /** May be called more than once. */
  leave (place: Place): void {
    if (place.left) return
    place.left = true
    this.#streams--
    const { userId } = place
    const address = this.#addresses.get(place.address)!
    address.streams--
    if (userId !== undefined) {
      lower(this.#users, userId)
      this.#nodes?.changed(ofUser(userId))
      if (place.online) lower(address.users, userId)
    }
    if (address.streams === 0) this.#addresses.delete(place.address)
    this.#nodes?.changed(ofAddress(place.address), place.online ? userId : undefined)
  }

  /**
   * Who is online behind an address, over all nodes: the users' ids.
   * @param address as a keyed hash
   * @throws {EngineUnavailable} by rejection
   */
  async behind (address: string): Promise<Set<string>> {
    const users = new Set(await this.#nodes?.users(ofAddress(address)))
    for (const userId of this.users(ofAddress(address))) users.add(userId)
    return users
  }

  count (key: string): number {
    const { user, address } = read(key)
    return user !== undefined ? this.#users.get(user) ?? 0 : this.#addresses.get(address)?.streams ?? 0
  }

  has (key: string, userId: string): boolean {
    return this.#addresses.get(read(key).address ?? '')?.users.has(userId) ?? false
  }

  users (key: string): Iterable<string> {
    return this.#addresses.get(read(key).address ?? '')?.users.keys() ?? []
  }

  * keys (): Iterable<string> {
    for (const userId of this.#users.keys()) yield ofUser(userId)
    for (const address of this.#addresses.keys()) yield ofAddress(address)
  }

  /** Which of these is full by what is open through other nodes. While they cannot be asked, what is open here decides alone. */
  async #fullElsewhere (wishes: Array<{ key: string, most: number }>): Promise<string | undefined> {
    if (this.#nodes === undefined || wishes.every(({ most }) => most === Infinity)) return undefined
    const answer = await within(PATIENCE_MS, this.#nodes.fit(wishes).then((full) => ({ full })), undefined)
    if (answer === undefined) for (const { key } of wishes) this.#nodes.changed(key)
    return answer?.full
  }

  #enter (place: Place): void {
    this.#streams++
    const address = this.#addresses.get(place.address)
    if (address === undefined) this.#addresses.set(place.address, { streams: 1, users: new Map() })
    else address.streams++
  }

  #give (place: Place, userId: string): void {
    place.userId = userId
    this.#users.set(userId, (this.#users.get(userId) ?? 0) + 1)
  }
}

const ofUser = (userId: string): string => `user:${userId}`
const ofAddress = (address: string): string => `address:${address}`

function read (key: string): { user: string, address?: never } | { user?: never, address: string } {
  return key.startsWith('user:') ? { user: key.slice('user:'.length) } : { address: key.slice('address:'.length) }
}

function lower (counts: Map<string, number>, key: string): void {
  const count = counts.get(key)! - 1
  if (count === 0) counts.delete(key)
  else counts.set(key, count)
}
