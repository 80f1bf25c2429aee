import type { BlockedWords } from './blocked-words.js'
import { cleanName } from './names.js'
import { ReservedNames } from './reserved-names.js'
import { mixesScripts } from './scripts.js'

export type Checked =
  | { name: string, flaw?: undefined }
  /** Cannot be shown as a name; mixes scripts within a word. */
  | { flaw: 'invalid' | 'mixed' }
  | { flaw: 'blocked', word: string }

/** Which names can be taken. What another application signs is not asked about here: its names are its own business. */
export class NameRules {
  readonly #reserved: Record<'user' | 'thing', ReservedNames>
  readonly #blocked: BlockedWords

  /** @param options.reserved names beside those that are reserved everywhere */
  constructor ({ reserved, blocked }: { reserved: readonly string[], blocked: BlockedWords }) {
    this.#reserved = { user: new ReservedNames(reserved, 'user'), thing: new ReservedNames(reserved, 'thing') }
    this.#blocked = blocked
  }

  /** The name as it is kept, or what is wrong with it. */
  check (text: string): Checked {
    const name = cleanName(text)
    if (name === undefined) return { flaw: 'invalid' }
    if (mixesScripts(name)) return { flaw: 'mixed' }
    const word = this.#blocked.find(name)
    return word === undefined ? { name } : { flaw: 'blocked', word }
  }

  /** Whether the name is only for those who speak for the host, or looks like one that is. @param whose a room and a program are things */
  isReserved (name: string, whose: 'user' | 'thing' = 'user'): boolean {
    return this.#reserved[whose].has(name)
  }
}
