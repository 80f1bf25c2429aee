import type { User } from './event.js'
import { nameKeys } from './names.js'

/** ms for which a name that was given out is kept for its user, who is not online under it yet. */
const RESERVED_MS = 10_000

/** Which names are in use, by whom. Two names that look alike are one. */
export class NameRegister {
  /** By name key: who is online under it. A user who comes back may find another one of the same name. */
  readonly #holders = new Map<string, Set<string>>()
  /** By name key: for whom it is kept, until when by `performance.now()`. */
  readonly #reserved = new Map<string, { userId: string, until: number }>()

  /** Whether somebody else is online, or about to be, under this name. */
  taken (name: string, userId?: string): boolean {
    const now = performance.now()
    return nameKeys(name).some((key) => {
      const reserved = this.#reserved.get(key)
      if (reserved !== undefined && reserved.until > now && reserved.userId !== userId) return true
      for (const id of this.#holders.get(key) ?? []) if (id !== userId) return true
      return false
    })
  }

  /** Keeps a name for a user who will have it soon. */
  reserve (name: string, userId: string): void {
    const now = performance.now()
    for (const [key, { until }] of this.#reserved) {
      if (until > now) break
      this.#reserved.delete(key)
    }
    for (const key of nameKeys(name)) {
      this.#reserved.delete(key)
      this.#reserved.set(key, { userId, until: now + RESERVED_MS })
    }
  }

  /** The user is online under this name. */
  take ({ id, name }: User): void {
    for (const key of nameKeys(name)) {
      const holders = this.#holders.get(key) ?? new Set()
      this.#holders.set(key, holders.add(id))
      this.#reserved.delete(key)
    }
  }

  /** The user is gone, or has another name. */
  free ({ id, name }: User): void {
    for (const key of nameKeys(name)) {
      const holders = this.#holders.get(key)
      holders?.delete(id)
      if (holders?.size === 0) this.#holders.delete(key)
    }
  }
}
