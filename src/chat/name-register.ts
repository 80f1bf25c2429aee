import { Lru } from 'toad-cache'
import type { NameClaims } from '../engines/engine.js'
import type { User } from './event.js'
import { nameKeys } from './look-alikes.js'
import type { NameRules } from './name-rules.js'
import { generateName } from './names.js'
import type { SpokenNames } from './spoken-names.js'

/** ms for which a name that was given out is kept for its user, who is not online under it yet. */
const RESERVED_MS = 10_000
/** Names whose keys are remembered: a new one is asked for, reserved and taken within a moment. */
const KEYS_KNOWN = 1_000
/** ms for which a claim holds on the other nodes: a node that dies leaves its users' names free after that. */
const CLAIM_MS = 45_000
/** ms after which the names of all who are online are claimed again. */
const HOLD_MS = CLAIM_MS / 3
/** ms over which names are gathered whose users have just come online. */
const GATHER_MS = 250

export interface NameRegisterOptions {
  rules: NameRules
  spoken: SpokenNames
  /** Where there are other nodes. */
  claims?: NameClaims | undefined
}

/**
 * Which names are in use, by whom: of who is online, and of who has spoken in the last day. Two names that look alike are one. Where
 * there are other nodes, a name is claimed from them before it is given out; when its user has gone, the claim runs out by itself,
 * since the user may be online through another node.
 */
export class NameRegister {
  readonly rules: NameRules

  /** By name key: who is online under it. A user who comes back may find another one of the same name. */
  readonly #holders = new Map<string, string[]>()
  /** By name key: for whom it is kept, until when by `performance.now()`. */
  readonly #reserved = new Map<string, { userId: string, until: number }>()

  readonly #keys = new Lru<string[]>(KEYS_KNOWN)

  readonly #spoken: SpokenNames
  readonly #claims: NameClaims | undefined
  /** Keys and users that have just come online. */
  #fresh: Array<[key: string, userId: string]> = []
  #freshTimer: NodeJS.Timeout | undefined
  readonly #holdTimer: NodeJS.Timeout | undefined

  constructor ({ rules, spoken, claims }: NameRegisterOptions) {
    this.rules = rules
    this.#spoken = spoken
    this.#claims = claims
    if (claims !== undefined) this.#holdTimer = setInterval(() => this.holdAll(), HOLD_MS).unref()
  }

  /** The claims may have run out while the store was away, or be lost: whoever is online here has them again. */
  holdAll (): void {
    this.#hold([...this.#all()])
  }

  /**
   * Keeps a name for a user who will have it soon.
   * @returns false where somebody else is online, or about to be, or has spoken in the last day under this name
   * @throws {EngineUnavailable} by rejection
   */
  async claim (name: string, userId: string): Promise<boolean> {
    if (this.#taken(name, userId)) return false
    this.#reserve(name, userId) // Two may ask for it at once.
    const keys = this.#keysOf(name)
    try {
      if (!(await this.#spoken.isAnothers(keys, userId)) && await (this.#claims?.claim(keys, userId, CLAIM_MS) ?? true)) return true
    } catch (error) {
      this.#unreserve(name, userId)
      throw error
    }
    this.#unreserve(name, userId)
    return false
  }

  /** A friendly name for a new user, as if claimed. @throws {EngineUnavailable} by rejection */
  async generate (userId: string): Promise<string> {
    return await generateName(async (name) =>
      'name' in this.rules.check(name) && !this.rules.isReserved(name) && await this.claim(name, userId))
  }

  /** The user has said something under this name, which is nobody else's for a day. */
  spoke (user: User): void {
    this.#spoken.note(user, this.#keysOf)
  }

  /** A name is not the user's any more, who has another one now. */
  async release (name: string, { id, name: now }: User): Promise<void> {
    const kept = this.#keysOf(now)
    await this.#claims?.release(this.#keysOf(name).filter((key) => !kept.includes(key)), id)
  }

  /** The user is online under this name. */
  take ({ id, name }: User): void {
    for (const key of this.#keysOf(name)) {
      this.#holders.set(key, [...this.#held(key, id), id])
      this.#reserved.delete(key)
      if (this.#claims === undefined) continue
      this.#fresh.push([key, id])
      this.#freshTimer ??= setTimeout(() => {
        this.#freshTimer = undefined
        this.#hold(this.#fresh.splice(0))
      }, GATHER_MS).unref()
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

  close (): void {
    clearInterval(this.#holdTimer)
    clearTimeout(this.#freshTimer)
  }

  #taken (name: string, userId: string): boolean {
    const now = performance.now()
    return this.#keysOf(name).some((key) => {
      const reserved = this.#reserved.get(key)
      if (reserved !== undefined && reserved.until > now && reserved.userId !== userId) return true
      return this.#held(key, userId).length > 0
    })
  }

  #reserve (name: string, userId: string): void {
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

  #unreserve (name: string, userId: string): void {
    for (const key of this.#keysOf(name)) if (this.#reserved.get(key)?.userId === userId) this.#reserved.delete(key)
  }

  /** What the store does not take now, it is asked again in some seconds. */
  #hold (held: Array<[key: string, userId: string]>): void {
    this.#claims!.hold(held, CLAIM_MS).catch(() => {})
  }

  * #all (): Generator<[key: string, userId: string], void, void> {
    for (const [key, ids] of this.#holders) for (const id of ids) yield [key, id]
  }

  readonly #keysOf = (name: string): string[] => {
    let keys = this.#keys.get(name)
    if (keys === undefined) this.#keys.set(name, keys = nameKeys(name))
    return keys
  }

  /** Who but this user is online under a name key. Hardly ever more than one, so an array is enough. */
  #held (key: string, userId: string): string[] {
    return this.#holders.get(key)?.filter((id) => id !== userId) ?? []
  }
}
