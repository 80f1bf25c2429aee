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

/** The same backwards, in the largest unit of which it is a whole number. @param ms a whole number */
export function formatDuration (ms: number): string {
  const [unit, length] = Object.entries(UNITS).findLast(([, length]) => ms % length === 0)!
  return `${ms / length}${unit}`
}
