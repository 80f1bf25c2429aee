const FORM = /^([0-9]{1,6})(ms|s|m|h|d)$/
const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * @param text a number and a unit, such as `15s`
 * @returns ms, undefined where the text is no duration
 */
export function parseDuration (text: string): number | undefined {
  const [, count, unit] = FORM.exec(text) ?? []
  return unit === undefined ? undefined : Number(count) * UNITS[unit as keyof typeof UNITS]
}

/** For people: in the largest unit of which it is a whole number. @param ms */
export function inWords (ms: number): string {
  const [unit, length] = ([['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000]] as const).find(([, length]) => ms % length === 0) ?? ['second', 1_000]
  const count = ms / length
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
