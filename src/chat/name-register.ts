import { Lru } from 'toad-cache'
import type { User } from './event.js'
import { nameKeys } from './names.js'

/** ms for which a name that was given out is kept for its user, who is not online under it yet. */
const RESERVED_MS = 10_000
/** Names whose keys are remembered: a new one is asked for, reserved and taken within a moment. */
const KEYS_KNOWN = 1_000

/** Which names are in use, by whom. Two names that look alike are one. */
export class NameRegister {
  /** By name key: who is online under it. A user who comes back may find another one of the same name. */
  readonly #holders = new Map<string, string[]>()
  /** By name key: for whom it is kept, until when by `performance.now()`. */
  readonly #reserved = new Map<string, { userId: string, until: number }>()

  readonly #keys = new Lru<string[]>(KEYS_KNOWN)

  /** Whether somebody else is online, or about to be, under this name. */
  taken (name: string, userId?: string): boolean {
    const now = performance.now()
    return this.#keysOf(name).some((key) => {
      const reserved = this.#reserved.get(key)
      if (reserved !== undefined && reserved.until > now && reserved.userId !== userId) return true
      return this.#held(key, userId).length > 0
    })
  }

  /** Keeps a name for a user who will have it soon. */
  reserve (name: string, userId: string): void {
    const now = performance.now()
    for (const [key, { until }] of this.#reserved) {
      if (until > now) break
      this.#reserved.delete(key)
    }
    for (const key of this.#keysOf(name)) {
      this.#reserved.delete(key)
      this.#reserved.set(key, { userId, until: now + RESERVED_MS })
    }
  }

  /** The user is online under this name. */
  take ({ id, name }: User): void {
    for (const key of this.#keysOf(name)) {
      this.#holders.set(key, [...this.#held(key, id), id])
      this.#reserved.delete(key)
    }
  }

  /** The user is gone, or has another name. */
  free ({ id, name }: User): void {
    for (const key of this.#keysOf(name)) {
      const others = this.#held(key, id)
      if (others.length === 0) this.#holders.delete(key)
      else this.#holders.set(key, others)
    }
  }

  #keysOf (name: string): string[] {
    let keys = this.#keys.get(name)
    if (keys === undefined) this.#keys.set(name, keys = nameKeys(name))
    return keys
  }

  /** Who but this user is online under a name key. Hardly ever more than one, so an array is enough. */
  #held (key: string, userId: string | undefined): string[] {
    return this.#holders.get(key)?.filter((id) => id !== userId) ?? []
  }
}
