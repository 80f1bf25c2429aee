/** Nothing that cannot be seen or turns text around is part of an address, no quotation mark, and no punctuation of Chinese or Japanese. */
const ADDRESS = /(?<![a-z\d_])https?:\/\/[^\s\p{C}\p{Default_Ignorable_Code_Point}"<>\\^`{|}“”„«»‹›。、，；：！？（）【】「」『』《》]+/giu
/** What belongs to the sentence where it stands last. */
const PUNCTUATION = new Set(".,;:!?'’…")
const BRACKETS = new Map([[')', '('], [']', '[']])

/**
 * What somebody has written, with http(s) addresses as links. Everything else stays text.
 * @param {string} text
 * @returns {Array<string | HTMLAnchorElement>}
 */
export function linked (text) {
  const parts = []
  let end = 0
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const shown = withoutPunctuation(found)
    const href = targetOf(shown)
    if (href === undefined) continue
    parts.push(text.slice(end, index), link(shown, href))
    end = index + shown.length
  }
  parts.push(text.slice(end))
  return parts.filter((part) => part !== '')
}

function link (shown, href) {
  const made = document.createElement('a')
  made.href = href
  made.textContent = shown
  // Whatever is around it, its parts stay in their order.
  made.dir = 'ltr'
  made.target = '_blank'
  made.rel = 'noopener nofollow ugc'
  // Letters of other scripts may look like Latin ones.
  if (!href.includes(hostOf(shown))) made.title = href
  return made
}

/** @returns the address to go to, undefined where it is none, or would lead elsewhere than it seems to */
function targetOf (shown) {
  if (!URL.canParse(shown)) return undefined
  const { href, protocol, host, hostname } = new URL(shown)
  if (protocol !== 'http:' && protocol !== 'https:') return undefined
  const typed = hostOf(shown)
  const standard = `${hostname}:${protocol === 'http:' ? 80 : 443}`
  // example.org@evil.example, %65vil.example, 0x7f.1 and full-width letters are other hosts than they look like.
  const foreign = hostname.includes('xn--') && !/[@%]/.test(typed) && typed.normalize('NFKC') === typed
  return typed === host || typed === standard || foreign ? href : undefined
}

/** The host as it was typed, with what else stands before the path. */
function hostOf (shown) {
  return /^https?:\/\/([^/?#]*)/i.exec(shown)[1].toLowerCase()
}

/** "(see https://example.org/a_(b))." leads to a_(b). */
function withoutPunctuation (address) {
  const characters = [...address]
  const counts = new Map()
  for (const character of characters) counts.set(character, (counts.get(character) ?? 0) + 1)
  for (;;) {
    const last = characters.at(-1)
    const opening = BRACKETS.get(last)
    if (!PUNCTUATION.has(last) && !(opening !== undefined && counts.get(last) > (counts.get(opening) ?? 0))) return characters.join('')
    counts.set(last, counts.get(last) - 1)
    characters.pop()
  }
}
