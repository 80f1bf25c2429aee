import { Lru } from 'toad-cache'
import type { Documents } from '../engines/engine.js'
import type { User } from './event.js'

/** The kind of these documents. */
export const SPOKEN = 'spoken'
const HOUR_MS = 3_600_000
/** A day since whoever spoke has spoken last, which is noted once an hour. */
const KEPT_MS = 25 * HOUR_MS
/** Users and names of which it is known here that they are noted. */
const NOTED = 10_000

/** Who has spoken under which name in the last day, by the keys of the names. */
export class SpokenNames {
  readonly #documents: Documents
  readonly #noted = new Lru<true>(NOTED, HOUR_MS)

  constructor (documents: Documents) {
    this.#documents = documents
  }

  /**
   * Notes who has spoken, a moment later: nobody waits for it. What the store does not take is noted when the user speaks again.
   * @param keysOf the keys of a name
   */
  note ({ id, name }: User, keysOf: (name: string) => readonly string[]): void {
    const known = `${id} ${name}`
    if (this.#noted.get(known) === true) return
    this.#noted.set(known, true)
    Promise.all(keysOf(name).map(async (key) => {
      // Another may have taken the name while its user was away, and keeps it.
      const by = await this.#documents.get<string>(SPOKEN, key)
      if (by === undefined || by === id) await this.#documents.put(SPOKEN, key, id, { ttl: KEPT_MS })
    })).catch(() => this.#noted.delete(known))
  }

  /** Whether somebody else has spoken under one of the keys. @throws {EngineUnavailable} by rejection */
  async isAnothers (keys: readonly string[], userId: string): Promise<boolean> {
    const users = await Promise.all(keys.map((key) => this.#documents.get<string>(SPOKEN, key)))
    return users.some((by) => by !== undefined && by !== userId)
  }
}
