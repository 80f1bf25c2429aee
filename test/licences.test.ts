import { readFileSync } from 'node:fs'
import t from 'tap'

interface Package { name: string, version: string, licence: string }
const { ALLOWED, deployed, licences } = await import(new URL('../docs/licences.js', import.meta.url).href) as {
  ALLOWED: string[], deployed: () => Package[], licences: () => string
}

t.test('docs/licences.md lists what is deployed', async (t) => {
  t.equal(readFileSync(new URL('../docs/licences.md', import.meta.url), 'utf8'), licences(), 'npm run licences writes it anew')
  const { dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const names = deployed().map(({ name }) => name)
  t.strictSame(Object.keys(dependencies).filter((name) => !names.includes(name)), [])
})

t.test('what is deployed may be used and passed on by anybody', async (t) => {
  t.strictSame(deployed().filter(({ licence }) => !ALLOWED.includes(licence)), [])
})
