import type { Engine } from '../engines/engine.js'
import type { Notice } from './frame.js'
import { compareIds, type EventId } from './id.js'
import type { LiveRoom } from './live-room.js'

/** Why a cursor could not be honoured. */
export type ResetReason = 'trimmed' | 'lost' | 'unknown' | 'future' | 'malformed' | 'other-room'

/** Where a reader wishes to start in a room; without any of these, at what comes next. */
export interface Wish {
  /** The last event it has had. */
  cursor?: EventId
  /** Its cursor says nothing about this room. */
  unusable?: 'malformed' | 'other-room'
  /** That many events first. */
  history?: number
  /** What came at this Unix time (ms) or later first. */
  since?: number
}

export interface Start {
  /** The event after which it goes on. */
  id: EventId
  /** Whether its cursor was honoured: then nothing is missing. */
  resumed: boolean
  reset?: ResetReason
  /** The room's, when this was found. */
  era: number
}

/**
 * Finds where a reader starts. A cursor is honoured if its id is in the log or is the room's floor; otherwise the reader
 * gets what is still kept after it, or, where the cursor has no place in this log, what a reader without one would get.
 */
export async function findStart (engine: Engine, room: LiveRoom, wish: Wish): Promise<Start> {
  const { era } = room
  return { ...await placeOf(engine, room, wish), era }
}

async function placeOf (engine: Engine, room: LiveRoom, wish: Wish): Promise<Omit<Start, 'era'>> {
  if (wish.cursor === undefined) {
    return { id: await freshStart(engine, room, wish), resumed: false, ...(wish.unusable && { reset: wish.unusable }) }
  }
  const { anchored, floor, head, below } = await engine.read(room.name, { after: wish.cursor, limit: 1 })
  if (anchored) return { id: wish.cursor, resumed: true }
  if (compareIds(wish.cursor, head) > 0) {
    return { id: await freshStart(engine, room, wish), resumed: false, reset: 'future' }
  }
  if (compareIds(wish.cursor, floor) < 0) return { id: floor, resumed: false, reset: 'trimmed' }
  return { id: below!, resumed: false, reset: 'unknown' }
}

async function freshStart (engine: Engine, room: LiveRoom, { history = 0, since }: Wish): Promise<EventId> {
  if (since !== undefined) return engine.seek(room.name, { since: Math.max(since, 0) })
  return history > 0 ? engine.seek(room.name, { newest: history }) : room.ring.head
}

const EXPLANATIONS: Record<ResetReason, string> = {
  trimmed: 'Events after your cursor are no longer kept; what is still kept follows.',
  lost: 'The store has lost the newest events that you have had, as when a replica takes over that was behind; forget those after the place from which the stream goes on.',
  unknown: 'Your cursor is no event of this room; what is kept after its place follows.',
  future: 'Your cursor is later than this room\'s newest event: the room\'s history is another one. Forget what you have of it.',
  malformed: 'Your cursor could not be read; send the id of an event as you got it. The stream goes on from here.',
  'other-room': 'Your cursor is of other rooms than this stream\'s. The stream goes on from here.'
}

export function explainReset (room: string, reason: ResetReason, from: EventId): Notice {
  return { type: 'reset', at: new Date().toISOString(), room, reason, from, message: EXPLANATIONS[reason] }
}
