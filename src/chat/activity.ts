import type { ResetReason } from './resume.js'
import type { ByeReason } from './subscriber.js'

/** How a post ended. `invalid`: refused for what it says, until its author changes it. `failed`: a fault of ours. */
export type PostResult = 'stored' | 'repeated' | 'invalid' | 'unauthorized' | 'forbidden' | 'limited' | 'unavailable' | 'failed'

/** What there may be only so much of, as answers and metrics call it. */
export const LIMITS = [
  'posts-per-user', 'posts-per-address', 'posts-total', 'repeats-per-user', 'slow-mode',
  'streams-per-user', 'streams-per-address', 'streams-total', 'open-streams-per-user', 'open-streams-per-address', 'open-streams-per-node',
  'guests-per-address', 'guests-total', 'renames-per-user', 'typing-per-user', 'typing-per-address', 'reports-per-user', 'open-reports-per-room',
  'reads-per-address', 'rooms-per-user',
  'connections-per-address', 'requests-per-connection'
] as const
export type LimitName = typeof LIMITS[number]

/**
 * What this node has done since it began: counted where it happens, read by whoever watches. Plain numbers, since some
 * are counted a million times a second; whoever needs each value and not their sum sets a listener.
 */
export class Activity {
  readonly posts: Record<PostResult, number> = {
    stored: 0, repeated: 0, invalid: 0, unauthorized: 0, forbidden: 0, limited: 0, unavailable: 0, failed: 0
  }

  /** Events given to streams: one event to ten readers is ten. */
  deliveries = 0
  /** Bytes of events and notices given to streams. Of what fastify-sse-v2 writes, while a stream catches up, the JSON alone. */
  bytes = 0
  /** Readers told that some events are missing. */
  readonly resets: Record<ResetReason, number> = { trimmed: 0, lost: 0, unknown: 0, future: 0, malformed: 0, 'other-room': 0 }
  /** Streams sent off. */
  readonly farewells: Record<ByeReason, number> = { stalled: 0, shutdown: 0, expired: 0, revoked: 0, banned: 0, forbidden: 0 }

  /** Refusals, by what limit. Of the last two, connections that were closed. */
  readonly limited = Object.fromEntries(LIMITS.map((name) => [name, 0])) as Record<LimitName, number>

  /** A post is durable, `ms` after the engine was asked. */
  onAppend: (ms: number) => void = () => {}
  /** A room's readers have been given what was new: `events`, none where only who is there or types was told, over `ms`. */
  onFlush: (events: number, ms: number) => void = () => {}
}
