import { LinkifyIt } from 'linkify-it'

/**
 * Endings by which a bare `example.com` is taken for an address, too. Not all that there are: of two letters, many are those of files
 * (`main.py`, `readme.md`), which people talk of.
 */
const BARE_ENDINGS = `com net org info biz xyz top shop online site store club icu live link click app dev page space fun vip win bid loan
gg io co me tv cc ly to ru cn рф`.split(/\s+/)

const links = new LinkifyIt({ fuzzyLink: true, fuzzyEmail: false, tlds: BARE_ENDINGS })
/** Unseen characters, by which an address could be broken for us and not for who reads it. */
const UNSEEN = /\p{Default_Ignorable_Code_Point}/gu
const PORT = /:\d+/g
/** What browsers take for a dot (UTS #46 §2.3). */
const DOTS = /[\u3002\uff0e\uff61]/g

/** What no address has within it. */
const BETWEEN = /[\s"<>]+/
/** What every address has: most words have none of it, and are not looked through, which takes a third of a microsecond a character. */
const TELLTALE = /\.\S|\/\/|mailto:/i

/** Whether a text has something in it that people, or their programs, follow. */
export function hasLink (text: string): boolean {
  return text.replace(UNSEEN, '').replace(DOTS, '.').normalize('NFKC').split(BETWEEN).some((word) => TELLTALE.test(word) && isLink(word))
}

function isLink (word: string): boolean {
  return links.test(word) || links.test(word.replace(PORT, '')) || /\bwww\.\S/i.test(word) || /\b[a-z][a-z0-9+.-]{1,15}:\/\/\S/i.test(word)
}
