import { EngineUnavailable, type OpenHere, type OpenStreams } from '../engine.js'
import { nodesKey } from './lease.js'
import type { RedisLink } from './link.js'

/** ms over which changes are gathered. */
const GATHER_MS = 100
/** ms after which is tried again what could not be written. */
const RETRY_MS = 1_000
/** ms for which a key is kept that nobody writes: what a dead node has left in it goes with it. */
const KEPT_MS = 30 * 60_000
/** ms after which all that are in use are written again. */
const RENEW_MS = KEPT_MS / 3
/** Keys and fields written in one go, about. */
const KEYS_AT_ONCE = 200
const FIELDS_AT_ONCE = 500

export interface OpenStreamsOptions {
  link: RedisLink
  prefix: string
  /** This node's name, undefined while it has no lease. */
  node: () => string | undefined
}

/** The streams open under each key, in a hash: what counts of it are the fields of nodes that live. */
export class RedisOpenStreams implements OpenStreams {
  readonly #options: OpenStreamsOptions
  #here: OpenHere | undefined
  /** By key, users of whom the store may know something else than is so. */
  readonly #changed = new Map<string, Set<string>>()
  #writing: Promise<void> | undefined
  #writeTimer: NodeJS.Timeout | undefined
  #renewTimer: NodeJS.Timeout | undefined
  #closed = false

  constructor (options: OpenStreamsOptions) {
    this.#options = options
  }

  begin (here: OpenHere): void {
    this.#here = here
    this.#renewTimer = setInterval(() => this.changedAll(), RENEW_MS).unref()
  }

  async fit (wishes: ReadonlyArray<{ key: string, most: number }>): Promise<string | undefined> {
    const { link, prefix, node: nameOf } = this.#options
    const node = nameOf()
    if (node === undefined || link.trouble !== undefined) throw new EngineUnavailable(`the store cannot be used: ${link.trouble ?? 'no lease'}`)
    const counts = wishes.flatMap(({ key, most }) => [this.#here!.count(key), most])
    const keys = [nodesKey(prefix, 'leases'), ...wishes.map(({ key }) => this.#at(key))]
    const exceeded = await link.call((client) => client.hubbubFit(keys.length, ...keys, node, KEPT_MS, ...counts))
    return wishes[exceeded - 1]?.key
  }

  changed (key: string, userId?: string): void {
    this.#mark(key, userId === undefined ? [] : [userId])
    this.#writeSoon(GATHER_MS)
  }

  /** The store was away, or has lost what it had: what is so is written again. */
  changedAll (): void {
    for (const key of this.#here?.keys() ?? []) {
      this.#mark(key, this.#here!.users(key))
    }
    if (this.#changed.size > 0) this.#writeSoon(GATHER_MS)
  }

  async users (key: string): Promise<ReadonlySet<string>> {
    const { link, prefix, node } = this.#options
    const [fields, living] = await link.ask((client) => Promise.all([client.hkeys(this.#at(key)), client.zrange(nodesKey(prefix, 'leases'), '0', '-1')]))
    const others = new Set(living)
    others.delete(node() ?? '')
    const users = new Set<string>()
    for (const field of fields) {
      const space = field.indexOf(' ')
      if (space > 0 && others.has(field.slice(0, space))) users.add(field.slice(space + 1))
    }
    return users
  }

  async leave (): Promise<void> {
    await this.#writing
    await this.#write()
    this.close()
  }

  close (): void {
    this.#closed = true
    clearTimeout(this.#writeTimer)
    clearInterval(this.#renewTimer)
  }

  #mark (key: string, users: Iterable<string>): void {
    const marked = this.#changed.get(key)
    if (marked === undefined) this.#changed.set(key, new Set(users))
    else for (const userId of users) marked.add(userId)
  }

  #writeSoon (ms: number): void {
    if (!this.#closed) this.#writeTimer ??= setTimeout(() => void this.#write(), ms).unref()
  }

  #write (): Promise<void> {
    clearTimeout(this.#writeTimer)
    this.#writeTimer = undefined
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined
      if (this.#changed.size > 0) this.#writeSoon(RETRY_MS)
    })
    return this.#writing
  }

  /** Writes what has changed, as it is now. */
  async #writeAll (): Promise<void> {
    const { link, node: nameOf } = this.#options
    for (let node = nameOf(); node !== undefined && this.#changed.size > 0; node = nameOf()) {
      const keys: string[] = []
      const fields: Array<string | number> = []
      const taken: Array<[key: string, users: Set<string>]> = []
      for (const [key, users] of this.#changed) {
        this.#changed.delete(key)
        taken.push([key, users])
        const place = keys.push(this.#at(key))
        fields.push(place, node, this.#here!.count(key) || '')
        for (const userId of users) fields.push(place, `${node} ${userId}`, this.#here!.has(key, userId) ? '1' : '')
        if (keys.length >= KEYS_AT_ONCE || fields.length >= 3 * FIELDS_AT_ONCE) break
      }
      try {
        await link.call((client) => client.hubbubSetFields(keys.length, ...keys, KEPT_MS, ...fields))
      } catch {
        for (const [key, users] of taken) this.#mark(key, users)
        return
      }
    }
  }

  #at (key: string): string {
    return nodesKey(this.#options.prefix, `streams:${key}`)
  }
}
