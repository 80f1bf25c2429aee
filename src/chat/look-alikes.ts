import { hash } from 'node:crypto'
import unhomoglyph from 'unhomoglyph'

/** UTF-16 units of a key at most: a store's own keys have a limit. */
const MAX_KEY = 128
/** White space, punctuation, accents that stand alone, and what cannot be seen: joiners, selectors. */
const LOOSE = /[\s\p{P}\p{Default_Ignorable_Code_Point}[\p{Sk}--\p{Emoji_Modifier}]]+/gv

/**
 * What names that look alike have in common: one of these is equal. Each is a skeleton of UTS #39 §4, without spaces and punctuation;
 * taken after the case is folded and before, since a capital I looks like a small l, and its small i does not.
 */
export function nameKeys (name: string): string[] {
  const compatible = name.normalize('NFKC')
  const plain = tight(compatible)
  const folded = foldCase(plain)
  const forms = [folded]
  if (plain !== folded) forms.push(plain)
  // Letters whose compatible form looks otherwise: \u03F9 is a sigma, and looks like a C.
  if (compatible !== name) forms.push(tight(name))
  return forms.length === 1 ? [keyOf(folded)] : [...new Set(forms.map(keyOf))]
}

function tight (name: string): string {
  return name.replace(LOOSE, '') || name
}

function keyOf (text: string): string {
  const shown = skeleton(text)
  const small = shown.toLowerCase()
  // It may have become a capital letter whose small one looks like another.
  const key = shown === small ? small : skeleton(small).toLowerCase()
  return key.length > MAX_KEY ? hash('sha256', key, 'base64url') : key
}

/** The same for a text in capitals and in small letters, also where one of them has become two (ß). */
export function foldCase (text: string): string {
  return text.toUpperCase().toLowerCase()
}

/**
 * What texts that look alike have in common, by Unicode's confusables. `unhomoglyph` has those of Unicode 13: no other
 * package was found to have newer ones.
 */
export function skeleton (text: string): string {
  // The dot is there already: UTS #39 §5.4.
  return unhomoglyph(text.normalize('NFD')).normalize('NFD').replace(/([ij])\u0307/g, '$1')
}
