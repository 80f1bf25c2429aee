import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readLanguages } from '../src/languages.js'

const languages = readLanguages(fileURLToPath(new URL('../static/languages/', import.meta.url)))

t.test('every language says all that English says, and nothing else', async (t) => {
  t.strictSame([...languages.keys()], ['en', 'ar'])
  const keys = Object.keys(languages.get('en')!)
  for (const [tag, words] of languages) {
    t.strictSame(Object.keys(words).sort(), [...keys].sort(), tag)
    t.match(words['direction'], /^(ltr|rtl)$/, tag)
    t.strictSame(Object.keys(words).filter((key) => !/^(?:[a-z]+(?:[.-][a-z0-9]+)*|error\.HUB_[A-Z_]+)$/.test(key)), [], `${tag}: keys are dotted lower-case`)
  }
})

t.test('a text is one, or has each plural form of its language; what it is filled with is the same in all', async (t) => {
  /** What stands in braces, such as `{count}`. */
  const blanks = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g))].sort()
  for (const [tag, words] of languages) {
    const forms = new Intl.PluralRules(tag).resolvedOptions().pluralCategories
    for (const [key, english] of Object.entries(languages.get('en')!)) {
      const said = words[key]!
      t.equal(typeof said, typeof english, `${tag}: ${key}`)
      if (typeof said === 'object') t.strictSame(Object.keys(said).sort(), [...forms].sort(), `${tag}: ${key}`)
      for (const text of typeof said === 'string' ? [said] : Object.values(said)) t.ok(text.trim() === text && text !== '', `${tag}: ${key}`)
      // Of one, or of two, a language may say so in a word.
      const other = (words: typeof said): string[] => blanks(typeof words === 'string' ? words : words.other!)
      t.strictSame(other(said), other(english), `${tag}: ${key}`)
    }
  }
})
