import { foldCase, skeleton } from './look-alikes.js'

/** Scripts that write without spaces: there a word is found inside a text. */
const UNSPACED = '[\\p{scx=Hani}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Bopo}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}\\p{scx=Tibt}\\p{scx=Java}\\p{scx=Bali}]'
/** A part of a word of the others. */
const PART = `[[\\p{L}\\p{M}\\p{N}]--${UNSPACED}]`
const [BEGINS_WORD, ENDS_WORD] = [new RegExp(`^${PART}`, 'v'), new RegExp(`${PART}$`, 'v')]

const UNSEEN = /\p{Default_Ignorable_Code_Point}+/gu
/** Marks that no letter has by itself: struck through, or piled up. */
const DECORATION = /[\u0300-\u036F\p{Me}]+/gu
/** Two signs that are taken apart into 8 and 18 letters: a message of these would take ten times as long as any other. */
const PHRASE_SIGN = /[\uFDFA\uFDFB]/g
const CAPITAL = /\p{Lu}/u

/**
 * Words that the host does not want: as whole words, in whatever case, also in letters that Unicode's confusables take for theirs;
 * nothing is guessed beyond that. A word may be several, and in scripts without spaces it is found anywhere. One is made at the
 * start; an empty list costs nothing.
 */
export class BlockedWords {
  readonly #words: readonly string[]
  readonly #small: RegExp | undefined
  /** For what is seen in capitals alone: a 1 is no small i, but is taken for a capital one. */
  readonly #capital: RegExp | undefined

  constructor (words: readonly string[]) {
    this.#words = words.filter((word) => partsOf(small(bare(word))).length > 0)
    if (this.#words.length === 0) return
    this.#small = matcher(this.#words.map((word) => small(bare(word))))
    const capitals = this.#words.map((word) => bare(word).toUpperCase()).filter((word) => word.includes('I'))
    if (capitals.length > 0) this.#capital = matcher(capitals.map(skeleton))
  }

  /** @returns the word of the list that is in a message, a user's or a room's name, undefined where none is */
  find (text: string): string | undefined {
    if (this.#small === undefined) return undefined
    const seen = bare(text)
    const folded = small(seen)
    if (this.#small.test(folded)) return this.#which(small, folded)
    if (!CAPITAL.test(seen)) return undefined
    const shown = skeleton(seen)
    if (this.#small.test(shown.toLowerCase())) return this.#which(small, shown.toLowerCase())
    return this.#capital?.test(shown) === true ? this.#which((word) => skeleton(word.toUpperCase()), shown) : undefined
  }

  #which (formOf: (word: string) => string, text: string): string | undefined {
    return this.#words.find((word) => matcher([formOf(bare(word))]).test(text))
  }
}

function bare (text: string): string {
  return text.replace(PHRASE_SIGN, ' ').normalize('NFKC').replace(UNSEEN, '').replace(DECORATION, '')
}

function small (seen: string): string {
  return skeleton(foldCase(seen)).toLowerCase()
}

function partsOf (word: string): string[] {
  return word.split(/[\s\p{Pd}_]+/u).filter((part) => part !== '')
}

/** @param words as their skeletons */
function matcher (words: readonly string[]): RegExp {
  const byEdges = new Map<string, string[]>()
  for (const word of words) {
    const parts = partsOf(word)
    const edges = `${BEGINS_WORD.test(parts[0]!) ? `(?<!${PART})` : ''}(?:#)${ENDS_WORD.test(parts.at(-1)!) ? `(?!${PART})` : ''}`
    const source = parts.map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('[^\\p{L}\\p{M}\\p{N}]+')
    byEdges.set(edges, [...byEdges.get(edges) ?? [], source])
  }
  return new RegExp([...byEdges].map(([edges, sources]) => edges.replace('#', () => sources.join('|'))).join('|'), 'v')
}
