import { setTimeout as delay } from 'node:timers/promises'
import rateLimit, { type RateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { LimitName } from '../chat/activity.js'
import type { Limited } from '../errors.js'
import { within } from '../within.js'

const MINUTE_MS = 60_000
/** Counters of each rate that are kept in memory, of some 200 bytes: one that is pushed out begins anew. */
const COUNTERS = 50_000
/** ms for which the other nodes' counts are waited for: then this node's own decide. */
const PATIENCE_MS = 1_000
/** ms by which a refusal is late once twice as much has come as may: whoever does not wait is made to. */
export const LATE_MS = 1_000

/** s until it is over, and whether whoever is refused goes on all the same; undefined where one more fits. */
type Verdict = { seconds: number, persistent: boolean } | undefined
type Check = (request: FastifyRequest, who: string) => Promise<Verdict>

/** At most so many in a window of time, for each whom it counts for. */
export interface Rate {
  readonly name: LimitName
  readonly here: Check
  /** The same over all nodes. */
  readonly everywhere: Check | undefined
  /** What is said to whoever is refused. */
  readonly refusal: (seconds: number) => Error
}

export interface RateOptions {
  max: number
  /** A minute where not given; of the user or address that is counted for, where it differs. */
  windowMs?: number | ((who: string) => number)
  /** Counted by each node alone. */
  alone?: boolean
  refusal: Rate['refusal']
}

export interface Rates {
  make (name: LimitName, options: RateOptions): Rate
  /**
   * Counts one more of each rate, in this order, until one is refused: what a user may not do does not count for the address, nor
   * for all. What fits here is then asked of all nodes, in one go. While they cannot be asked, this node's own counts stand.
   * @throws what the rate says, by rejection
   */
  count (request: FastifyRequest, wanted: ReadonlyArray<readonly [rate: Rate, who: string]>): Promise<void>
  /** @throws the error by rejection, with the limit that it is about */
  refuse (name: LimitName, error: Error, seconds: number, persistent?: boolean): Promise<never>
}

declare module 'fastify' {
  interface FastifyInstance {
    rates: Rates
  }
  interface FastifyRequest {
    /** Whom a rate counts for. */
    limited: string
  }
}

/**
 * Fixed windows, counted in memory, and where there are other nodes in the store as well. A window begins with its first request, so that
 * at most twice as much comes within a moment as may in a window.
 */
export default fp(async (fastify) => {
  const { activity, engine: { nodes } } = fastify
  fastify.decorateRequest('limited', '')
  const here = await checks(fastify, {})
  const everywhere = nodes && await checks(fastify, { redis: nodes.counters, nameSpace: '' })

  async function refuse (name: LimitName, error: Error & Limited, seconds: number, persistent = false): Promise<never> {
    activity.limited[name]++
    if (persistent) await delay(LATE_MS)
    throw Object.assign(error, { limit: name, retryAfter: seconds })
  }

  fastify.decorate('rates', {
    refuse,
    make: (name, { max, windowMs = MINUTE_MS, alone = false, refusal }) => ({
      name, refusal, here: here(name, max, windowMs), everywhere: alone ? undefined : everywhere?.(name, max, windowMs)
    }),
    count: async (request, wanted) => {
      for (const [{ name, here, refusal }, who] of wanted) {
        const verdict = await here(request, who)
        if (verdict !== undefined) await refuse(name, refusal(verdict.seconds), verdict.seconds, verdict.persistent)
      }
      const shared = wanted.filter(([{ everywhere }]) => everywhere !== undefined)
      if (shared.length === 0) return
      const verdicts: Verdict[] = []
      const asked = shared.map(async ([{ everywhere }, who], index) => {
        verdicts[index] = await everywhere!(request, who).catch(() => undefined)
      })
      // Of a cluster, a part may answer.
      await within<unknown>(PATIENCE_MS, Promise.all(asked), undefined)
      for (const [index, [{ name, refusal }]] of shared.entries()) {
        const verdict = verdicts[index]
        if (verdict !== undefined) await refuse(name, refusal(verdict.seconds), verdict.seconds, verdict.persistent)
      }
    }
  })
}, { name: 'rates', dependencies: ['activity', 'engine'] })

/** Makes checks that count in one store. It has the library to itself, which takes one store for an instance. */
async function checks (fastify: FastifyInstance, store: { redis?: unknown, nameSpace?: string }): Promise<(name: LimitName, max: number, windowMs: number | ((who: string) => number)) => Check> {
  let make: FastifyInstance['createRateLimit']
  await fastify.register(async (own) => {
    await own.register(rateLimit, { ...store, global: false })
    make = own.createRateLimit
  })
  return (name, max, windowMs) => {
    const prefix = `${name} `
    const options: RateLimitOptions = {
      max,
      ban: max,
      cache: COUNTERS,
      timeWindow: typeof windowMs === 'number' ? windowMs : (_request, key) => windowMs(key.slice(prefix.length)),
      keyGenerator: ({ limited }) => prefix + limited
    }
    const check = make(options)
    return async (request, who) => {
      request.limited = who // Read before anything else happens.
      const result = await check(request)
      if (result.isAllowed || !result.isExceeded) return undefined
      return { seconds: Math.max(1, result.ttlInSeconds), persistent: result.isBanned }
    }
  }
}
