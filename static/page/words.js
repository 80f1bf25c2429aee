/**
 * What the server has put into the page: whose place this is, and every word of the page in its language.
 * @type {{ name: string, welcome?: string, rules?: string, privacy?: string, language: string, words: Record<string, string | Record<string, string>> }}
 */
export const site = JSON.parse(document.getElementById('site').textContent)

const { language, words } = site
/** The page's language as it is written where somebody is, for times and numbers. */
const locale = navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language
const plural = new Intl.PluralRules(language)
const integer = new Intl.NumberFormat(locale)
const twoDigits = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2 })
const conjunction = new Intl.ListFormat(language, { type: 'conjunction' })

/** Fetches those words, too, that a page does not begin with. */
export async function fetchWords () {
  const answer = await fetch(`languages/${language}.json`)
  if (!answer.ok) throw new Error(`The page's words were answered with ${answer.status}.`)
  Object.assign(words, await answer.json())
}

/** In the language's own way. `list`: of texts and nodes, as an array of these and what stands between them. */
export const format = {
  number: (number) => integer.format(number),
  list: (items) => conjunction.formatToParts(items.map((_, index) => String(index))).map(({ type, value }) => type === 'element' ? items[value] : value),
  time: formatter({ hour: 'numeric', minute: '2-digit' }),
  day: formatter({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' }),
  exact: formatter({ dateStyle: 'full', timeStyle: 'long' }),
  duration,
  countdown
}

/**
 * A message of the page.
 * @param {string} key as in languages/en.json
 * @param {Record<string, string | number>} [values] for its `{places}`; `count` also chooses the plural form
 */
export function t (key, values = {}) {
  return phrase(key, values).join('')
}

/**
 * The same with elements in it, which the language puts where they belong.
 * @param {Record<string, string | number | Node>} values
 * @returns {Array<string | Node>}
 */
export function phrase (key, values = {}) {
  const forms = words[key]
  const text = typeof forms === 'object' ? forms[plural.select(values.count)] ?? forms.other : forms ?? key
  return text.split(/\{(\w+)\}/).map((part, index) => {
    if (index % 2 === 0) return part
    const value = values[part]
    return typeof value === 'number' ? format.number(value) : value ?? ''
  }).filter((part) => part !== '')
}

/** What went wrong, in the page's language where it knows the code, and in the server's own words where it does not. */
export function reasonOf ({ code, message, status }) {
  if (code !== undefined && Object.hasOwn(words, `error.${code}`)) return t(`error.${code}`, { message })
  if (status === undefined && code === undefined) return t('error.no-answer')
  return message
}

function formatter (options) {
  const format = new Intl.DateTimeFormat(locale, options)
  return (date) => format.format(date)
}

const UNITS = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], ['second', 1_000]]

/** About how long, in the largest unit that fits. @param {number} ms */
function duration (ms) {
  const [unit, size] = UNITS.find(([, size]) => ms >= size) ?? UNITS.at(-1)
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long', maximumFractionDigits: 0 }).format(Math.round(ms / size))
}

/** As a clock counts down: 45, 9:05, 1:00:00. @param {number} s */
function countdown (s) {
  const parts = [Math.floor(s / 3_600), Math.floor(s / 60) % 60, s % 60]
  const from = parts.findIndex((part, index) => part > 0 || index === 2)
  return parts.slice(from).map((part, index) => (index === 0 ? integer : twoDigits).format(part)).join(':')
}
