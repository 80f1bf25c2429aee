import type { NameClaims } from '../engine.js'
import type { RedisLink } from './link.js'

/** Keys that are held by one script. */
const HELD_AT_ONCE = 250

/** Each key of a name as a string that holds its user. All are on one server of a cluster, so that a name is taken whole. */
export class RedisNameClaims implements NameClaims {
  readonly #link: RedisLink
  readonly #prefix: string

  constructor (link: RedisLink, prefix: string) {
    this.#link = link
    this.#prefix = prefix
  }

  async claim (keys: readonly string[], userId: string, ms: number): Promise<boolean> {
    return await this.#link.call((client) => client.hubbubClaim(keys.length, ...this.#at(keys), userId, ms)) === 1
  }

  async hold (held: ReadonlyArray<readonly [key: string, userId: string]>, ms: number): Promise<void> {
    for (let from = 0; from < held.length; from += HELD_AT_ONCE) {
      const some = held.slice(from, from + HELD_AT_ONCE)
      const keys = this.#at(some.map(([key]) => key))
      await this.#link.call((client) => client.hubbubHold(keys.length, ...keys, ms, ...some.map(([, userId]) => userId)))
    }
  }

  async release (keys: readonly string[], userId: string): Promise<void> {
    if (keys.length > 0) await this.#link.call((client) => client.hubbubRelease(keys.length, ...this.#at(keys), userId))
  }

  #at (keys: readonly string[]): string[] {
    return keys.map((key) => `${this.#prefix}:{~names}:${key}`)
  }
}
