import { readFileSync } from 'node:fs'
import t from 'tap'
import { errors } from '../src/errors.js'
import { schema } from '../src/plugins/config.js'

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
const readme = read('README.md')

const variables = Object.entries(schema.properties).map(([name, form]) => [name, String(form.default ?? '')] as const)

t.test('the README lists exactly the variables there are, with their defaults', async (t) => {
  const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\|/gm)].map(([, name, value]) => [name, value ?? ''])
  t.strictSame(rows, variables)
})

t.test('.env.example has exactly the variables there are, with their defaults and what they are for', async (t) => {
  const text = read('.env.example')
  t.strictSame([...text.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]), variables)
  for (const [name, { description }] of Object.entries(schema.properties)) t.ok(text.includes(description!), `${name}: ${description}`)
})

t.test('the README lists exactly the errors there are, with their statuses', async (t) => {
  const rows = [...readme.matchAll(/^\| `(HUB_[A-Z_]+)` \| (\d+) \|/gm)].map(([, code, status]) => `${code} ${status}`)
  const catalogue = Object.values(errors).map((CatalogueError) => {
    const { code, statusCode } = new CatalogueError('', '', '')
    return `${code} ${statusCode}`
  })
  t.strictSame(rows, catalogue)
  t.equal(new Set(catalogue).size, catalogue.length)
})
