/**
 * A figure, as a row of the table: what Hubbub did, against what, the outcome that a target is about. Every measured pair
 * is repeated alternating, and the outcome is the median of the pairs' own: a noisy machine disturbs both of a pair.
 *
 * Samples are `{ value, count }`, one for each repetition; `count`: of the deliveries, posts or streams behind it.
 */

export function median (values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** @param bounds `{ atLeast, aim }` or `{ atMost, aim }`, or `{ within: [low, high] }`, beyond which is better still; none for perspective only */
function judge (outcome, { atLeast, atMost, aim, within }) {
  if (within !== undefined) return outcome < within[0] ? 'no' : outcome <= within[1] ? 'yes' : 'more'
  if (atLeast !== undefined) return outcome >= (aim ?? Infinity) ? 'aim' : outcome >= atLeast ? 'yes' : 'no'
  if (atMost !== undefined) return outcome <= (aim ?? -Infinity) ? 'aim' : outcome <= atMost ? 'yes' : 'no'
  return ''
}

function row ({ what, unit, against, hubbub, other, outcome, outcomeUnit, ...bounds }) {
  return { what, unit, hubbub, ...(other !== undefined && { against, other }), outcome, outcomeUnit, ...bounds, met: judge(outcome, bounds) }
}

/** Each of Hubbub's samples with that of the other in the same repetition; of the other there may be a single one. */
const pairs = (hubbub, other, compare) => median(hubbub.map(({ value }, index) => compare(value, other[index % other.length].value)))

/** Hubbub's samples divided by another's. */
export function ratio ({ hubbub, other, ...rest }) {
  return row({ hubbub, other, outcome: pairs(hubbub, other, (a, b) => a / b), outcomeUnit: '×', ...rest })
}

/** Hubbub's samples less those of another run. */
export function difference ({ hubbub, other, ...rest }) {
  return row({ hubbub, other, outcome: pairs(hubbub, other, (a, b) => a - b), outcomeUnit: rest.unit, ...rest })
}

/** Hubbub's samples alone. */
export function absolute ({ hubbub, ...rest }) {
  return row({ hubbub, outcome: median(hubbub.map(({ value }) => value)), outcomeUnit: rest.unit, ...rest })
}

export const whole = (number) => number.toLocaleString('en')

/** A number in three or four digits. */
export function short (value) {
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(digits, 4), ...(Math.abs(value) >= 1e4 && { maximumSignificantDigits: 3 }) })
}

function cell (samples) {
  const count = samples.reduce((sum, sample) => sum + sample.count, 0)
  return `${short(median(samples.map(({ value }) => value)))} (n = ${whole(count)})`
}

const withUnit = (value, unit) => unit === '×' || unit === undefined ? `${short(value)} ×` : `${short(value)} ${unit}`

function bound ({ atLeast, atMost, within, outcomeUnit }) {
  if (within !== undefined) return `${within[0]} to ${within[1]}`
  if (atLeast !== undefined) return `≥ ${withUnit(atLeast, outcomeUnit)}`
  return atMost === undefined ? 'for perspective' : `≤ ${withUnit(atMost, outcomeUnit)}`
}

/** @param rows of all scenarios @returns a Markdown table */
export function table (rows) {
  const lines = rows.map((row) => [
    `${row.what}, ${row.unit}`,
    cell(row.hubbub),
    row.other === undefined ? '' : `${row.against}: ${cell(row.other)}`,
    row.other !== undefined ? `**${withUnit(row.outcome, row.outcomeUnit)}**` : '',
    bound(row),
    row.aim === undefined ? '' : withUnit(row.aim, row.outcomeUnit),
    row.met
  ])
  const head = ['what', 'Hubbub', 'against', 'ratio or difference', 'target', 'aim', 'met']
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
