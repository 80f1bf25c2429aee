import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import t from 'tap'

const { madeFrom } = await import(new URL('../docs/screenshots.js', import.meta.url).href) as { madeFrom: () => string }
const at = (path: string): URL => new URL(`../${path}`, import.meta.url)

t.test('docs/screenshots/ shows the page as it is now', async (t) => {
  t.equal(readFileSync(at('docs/screenshots/made-from.txt'), 'utf8').trim(), madeFrom(), 'npm run screenshots takes them anew')
  const sizes = readdirSync(at('docs/screenshots/')).map((name) => statSync(at(`docs/screenshots/${name}`)).size)
  t.ok(sizes.reduce((sum, size) => sum + size, 0) < 600_000, 'and they are small')
})

t.test('the README shows some of them, and says what they show', async (t) => {
  const images = [...readFileSync(at('README.md'), 'utf8').matchAll(/<img src="([^"]+)"([^>]*)>/g)]
  t.equal(images.length, 2)
  for (const [, path, rest] of images) {
    t.ok(existsSync(at(path!)), path!)
    t.match(rest, / alt="[^"]{10,}"/, path!)
  }
})
