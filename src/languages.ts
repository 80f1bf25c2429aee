import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** A language's texts by key, such as `composer.send`: one, or one for each plural form that the language has (Intl.PluralRules). */
export type Words = Record<string, string | Partial<Record<Intl.LDMLPluralRule, string>>>

/** What everybody is spoken to in where no language of theirs is here. */
export const DEFAULT_LANGUAGE = 'en'

/**
 * The languages there are: each is a file of its texts.
 * @param directory of files such as `en.json`
 * @returns by language tag (BCP 47), the default first
 */
export function readLanguages (directory: string): Map<string, Words> {
  const tags = readdirSync(directory).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -'.json'.length))
  const others = tags.filter((tag) => tag !== DEFAULT_LANGUAGE).sort()
  return new Map([DEFAULT_LANGUAGE, ...others].map((tag) => [tag, JSON.parse(readFileSync(join(directory, `${tag}.json`), 'utf8'))]))
}

/** Groups of keys that a page does not begin with: those of menus and dialogs, and those that are in its markup already. */
const LATER = /^(?:about|announce|command|embed|join|moderation|notify|page|people|rename|reports?|restrictions|room|rooms|shortcuts?|welcome)\./

/** The words that a page begins with. It fetches all of them, as the file that they are in, when it has shown what was said. */
export function firstWords (words: Words): Words {
  return Object.fromEntries(Object.entries(words).filter(([key]) => !LATER.test(key)))
}
