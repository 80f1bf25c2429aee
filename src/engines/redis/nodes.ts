import type { Nodes } from '../engine.js'
import { RedisAttendance } from './attendance.js'
import { RedisCounters } from './counters.js'
import type { RedisLink } from './link.js'
import { RedisNameClaims } from './name-claims.js'
import { RedisOpenStreams } from './open-streams.js'

export interface NodesOptions {
  link: RedisLink
  prefix: string
  /** The channel in which a room's changes are published. */
  channelOf: (room: string) => string
}

export class RedisNodes implements Nodes {
  readonly attendance: RedisAttendance
  readonly names: RedisNameClaims
  readonly streams: RedisOpenStreams
  readonly counters: RedisCounters
  readonly #returned = new Set<() => void>()

  constructor ({ link, prefix, channelOf }: NodesOptions) {
    const tell = (): void => { for (const listener of this.#returned) listener() }
    this.names = new RedisNameClaims(link, prefix)
    this.attendance = new RedisAttendance({ link, prefix, channelOf, onLoss: tell })
    this.streams = new RedisOpenStreams({ link, prefix, node: () => this.attendance.node })
    this.counters = new RedisCounters(link, prefix)
    this.onReturn(() => this.streams.changedAll())
    link.onReturn(tell)
  }

  onReturn (listener: () => void): void {
    this.#returned.add(listener)
  }

  close (): void {
    this.attendance.close()
    this.streams.close()
  }
}
