import { element } from './dom.js'
import { linked } from './text.js'

/** Blocks between lines of ```, and `code` within a line. */
const CODE = /^```[^\n`]*\n([\s\S]*?)\n?```[ \t]*$\n?|`([^`\n]+)`/gm
/** What may stand before a mention, and what ends it: no address of a mail is one. */
const BEFORE = /[\p{L}\p{N}_@]$/u
const WITHIN = /^[\p{L}\p{N}_]/u
/** Emoji at most in a message that is nothing else, and shown larger. */
const FEW = 6
const ONLY_EMOJI = emojiPattern()
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/**
 * What somebody has written, as nodes: code, addresses as links, names of people who are known as mentions. Everything else stays text.
 * @param {string} text
 * @param {{ names: () => Iterable<string>, me?: string }} people names that may be mentioned, asked for where they could be, and our own
 * @returns {Array<string | Node>}
 */
export function richText (text, people) {
  const parts = []
  let end = 0
  for (const { 0: found, 1: block, 2: inline, index } of text.matchAll(CODE)) {
    parts.push(...prose(text.slice(end, index), people))
    parts.push(block === undefined ? element('code', { dir: 'ltr' }, inline) : element('pre', { dir: 'ltr' }, element('code', {}, block)))
    end = index + found.length
  }
  parts.push(...prose(text.slice(end), people))
  return parts
}

/** Whether it is a few emoji and nothing else. */
export function isEmoji (text) {
  return text.length <= 64 && ONLY_EMOJI.test(text) && [...graphemes.segment(text.replace(/\s/g, ''))].length <= FEW
}

/** Whether there are more marks on a letter than any language writes. */
export function isPiled (text) {
  return /\p{M}{5}/u.test(text)
}

/** Whether somebody is mentioned. @param {string} [name] */
export function mentions (text, name) {
  return name !== undefined && text.includes('@') && prose(text, { names: () => [name], me: name }).some((part) => part.nodeName === 'MARK')
}

function prose (text, { names, me }) {
  if (!text.includes('@')) return linked(text)
  // The longest first: "Ann Lee" is not "Ann".
  const known = [...names()].map((name) => ({ name, folded: fold(name) })).sort((a, b) => b.name.length - a.name.length)
  return linked(text).flatMap((part) => typeof part === 'string' ? mentioned(part, known, me) : [part])
}

function mentioned (text, known, me) {
  const parts = []
  let end = 0
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    if (at < end || BEFORE.test(text.slice(end, at))) continue
    const found = known.find(({ name, folded }) => fold(text.slice(at + 1, at + 1 + name.length)) === folded && !WITHIN.test(text.slice(at + 1 + name.length)))
    if (found === undefined) continue
    const after = at + 1 + found.name.length
    const isMe = me !== undefined && found.folded === fold(me)
    parts.push(text.slice(end, at), element(isMe ? 'mark' : 'span', { class: 'mention' }, element('bdi', {}, text.slice(at, after))))
    end = after
  }
  parts.push(text.slice(end))
  return parts.filter((part) => part !== '')
}

function fold (name) {
  return name.normalize('NFC').toLowerCase()
}

/** Where a browser does not know them, as before 2023, none is shown larger. */
function emojiPattern () {
  try {
    return new RegExp('^(?:\\p{RGI_Emoji}|\\s)+$', 'v')
  } catch {
    return /^(?!)/
  }
}
