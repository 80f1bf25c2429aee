/**
 * An event id, `<milliseconds>-<sequence>`: both decimal, without leading zeros, at most 15 digits each, so
 * that both are exact as numbers. Ids of one room strictly increase; the form is the same in every engine.
 */
export type EventId = string

/** The id before the first event of a room: its floor where nothing has been trimmed. */
export const ORIGIN: EventId = '0-0'

export const EVENT_ID_PATTERN = '^(?:0|[1-9][0-9]{0,14})-(?:0|[1-9][0-9]{0,14})$'
const FORM = new RegExp(EVENT_ID_PATTERN)

/** The greatest sequence number an id can carry: with it, an id is past every event of its millisecond. */
export const MAX_SEQUENCE = 999_999_999_999_999

interface IdParts {
  /** Unix time in ms. */
  ms: number
  seq: number
}

/** @returns the two numbers, or undefined where the text is no event id. */
export function parseId (text: string): IdParts | undefined {
  return FORM.test(text) ? splitId(text) : undefined
}

/** Like {@link parseId}, for ids that are known to be well formed. */
export function splitId (id: EventId): IdParts {
  const dash = id.indexOf('-')
  return { ms: Number(id.slice(0, dash)), seq: Number(id.slice(dash + 1)) }
}

/** @returns less than 0, 0 or more than 0, as for `Array.prototype.sort`. */
export function compareIds (a: EventId, b: EventId): number {
  if (a === b) return 0
  const left = splitId(a)
  const right = splitId(b)
  return left.ms - right.ms || left.seq - right.seq
}

/** The greater of two ids; `b` may be missing. */
export function laterId (a: EventId, b: EventId | undefined): EventId {
  return b !== undefined && compareIds(b, a) > 0 ? b : a
}

/**
 * The id for an event appended now: strictly after `last` also when the clock has stepped back.
 * @param now Unix time in ms
 */
export function nextId (now: number, last: EventId): EventId {
  const { ms, seq } = splitId(last)
  return now > ms ? `${now}-0` : `${ms}-${seq + 1}`
}
