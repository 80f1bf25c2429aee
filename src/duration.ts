import { errors } from './errors.js'

const DAY_MS = 86_400_000
/** ms for which what somebody is given may be good, where it ends at all: an invitation, an API token. */
export const LONGEST_GRANT_MS = 365 * DAY_MS

const FORM = /^([0-9]{1,6})(ms|s|m|h|d)$/
const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS }

/**
 * @param text a number and a unit, such as `15s`
 * @returns ms, undefined where the text is no duration
 */
export function parseDuration (text: string): number | undefined {
  const [, count, unit] = FORM.exec(text) ?? []
  return unit === undefined ? undefined : Number(count) * UNITS[unit as keyof typeof UNITS]
}

/**
 * A duration that a request gives, of the form of one.
 * @param most ms
 * @returns ms
 * @throws {errors.InvalidBody} where it is none at all, or longer
 */
export function durationWithin (most: number, field: string, text: string): number {
  const ms = parseDuration(text)!
  if (ms < 1 || ms > most) throw new errors.InvalidBody(`"${field}" is a time of up to ${most / DAY_MS} days`)
  return ms
}

/** For people: in the largest unit of which it is a whole number. @param ms */
export function inWords (ms: number): string {
  const [unit, length] = ([['day', DAY_MS], ['hour', 3_600_000], ['minute', 60_000]] as const).find(([, length]) => ms % length === 0) ?? ['second', 1_000]
  const count = ms / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
