import { randomBytes } from 'node:crypto'
import type { RedisLink } from './link.js'
import type { LeaseReply } from './node-scripts.js'

/** ms for which a node counts as living after it was last heard of. */
const LEASE_MS = 20_000
/** ms between two renewals: others notice within one of theirs that a lease has run out, so within 25 s of a node's death. */
const RENEW_MS = 5_000
/**
 * ms after trouble with the store during which nobody is thought dead: when it was away, all leases may have run out, and when it
 * has lost them, each node must first come back by itself.
 */
const SETTLE_MS = 2 * RENEW_MS

export interface LeaseOptions {
  link: RedisLink
  prefix: string
  /** It has a lease under a name that nobody knows yet. */
  begun: () => void
  /** It knows anew who lives. */
  renewed: () => void
  /** The node is dead, and it is for this one to remove what it has left. */
  bury: (node: string) => Promise<void>
}

/**
 * This node's place among those that live, and which these are. A node whose lease was taken comes back as another one: what it has
 * written under its former name is nobody's, however late it arrives.
 */
export class Lease {
  readonly #options: LeaseOptions
  #node = makeName()
  #held = false
  /** `performance.now()` since when. */
  #heldSince = 0
  #living: ReadonlySet<string> = new Set()
  /** Nodes that have been living, and those that were met: if the next answer does not name them, they are dead. */
  #known = new Set<string>()
  #met = new Set<string>()
  /** `performance.now()` from which who has no lease is dead. */
  #settledAt = 0
  #renewing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #ended = false

  constructor (options: LeaseOptions) {
    this.#options = options
  }

  /** This node. */
  get node (): string {
    return this.#node
  }

  get held (): boolean {
    return this.#held
  }

  lives (node: string): boolean {
    return this.#living.has(node)
  }

  /** Whether a node has been living and does so no longer. */
  dead (node: string): boolean {
    return this.#settled && this.#known.has(node) && !this.#living.has(node)
  }

  begin (): Promise<void> {
    this.#timer = setInterval(() => this.renew().catch(() => {}), RENEW_MS).unref()
    return this.renew()
  }

  /** There was trouble with the store: for some time nobody is thought dead. */
  unsettle (): void {
    this.#settledAt = performance.now() + SETTLE_MS
  }

  /** A node has said something. If it is none of those that live, the next answer tells whether it does. */
  meet (node: string): void {
    if (!this.#living.has(node)) this.#met.add(node)
  }

  /** @throws {EngineUnavailable} by rejection */
  renew (): Promise<void> {
    this.#renewing ??= this.#renew().finally(() => { this.#renewing = undefined })
    return this.#renewing
  }

  /** The same, asked from now on: an answer that is on its way may be older than what made this necessary. */
  async look (): Promise<void> {
    await this.#renewing?.catch(() => {})
    await this.renew()
  }

  /** The last word of this node: its lease runs out in so many ms. */
  async end (ms: number): Promise<void> {
    this.close()
    await this.#renewing?.catch(() => {})
    if (this.#held) await this.#ask(ms)
  }

  close (): void {
    this.#ended = true
    clearInterval(this.#timer)
  }

  async #renew (): Promise<void> {
    for (const node of this.#met) this.#known.add(node)
    this.#met.clear()
    const [kept, valid, living, dead] = await this.#ask(LEASE_MS)
    if (this.#ended) return
    if (this.#held && valid === 0) this.unsettle()
    if (kept === 0) {
      const former = this.#node
      this.#node = makeName()
      this.#held = false
      // What is still on its way under the former name is found when that one is buried once more.
      await this.#options.link.call((client) => client.zadd(this.#key('dead'), 0, former))
      return this.#renew()
    }
    const begun = !this.#held
    if (begun) this.#heldSince = performance.now()
    this.#held = true
    this.#living = new Set(living)
    this.#options.renewed()
    this.#known = new Set(this.#settled ? living : [...this.#known, ...living])
    if (begun) this.#options.begun()
    // If it fails another node is asked to.
    if (dead !== null) this.#options.bury(dead).catch(() => {})
  }

  get #settled (): boolean {
    return performance.now() >= this.#settledAt
  }

  #ask (ms: number): Promise<LeaseReply> {
    // A node that has just started does not know what there was before it.
    const judge = this.#held && this.#settled && performance.now() - this.#heldSince > SETTLE_MS
    return this.#options.link.call((client) =>
      client.hubbubLease(this.#key('leases'), this.#key('dead'), this.#node, ms, this.#held ? 1 : 0, judge ? 1 : 0))
  }

  #key (name: string): string {
    return nodesKey(this.#options.prefix, name)
  }
}

/** No room's name begins with a tilde. */
export function nodesKey (prefix: string, name: string): string {
  return `${prefix}:{~nodes}:${name}`
}

function makeName (): string {
  return randomBytes(9).toString('base64url')
}
