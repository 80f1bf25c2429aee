import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { errors } from '../src/errors.js'
import { schema } from '../src/plugins/config.js'
import { parseExposition } from './exposition.js'
import { call, post, startApp } from './harness.js'

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

t.test('docs/metrics.md and the dashboard have exactly Hubbub\'s metrics, and of the process\'s own only such as exist', async (t) => {
  const { url } = await startApp(t)
  const metrics = [...parseExposition((await call<string>(`${url}/metrics`)).body)].map(([name, { type }]) => ({ name, type }))
  const ours = metrics.filter(({ name }) => name.startsWith('hubbub_'))
  const text = read('docs/metrics.md')
  const rows = [...text.matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \| \S/gm)].map(([, name, type]) => `${name} ${type}`)
  t.strictSame(rows.filter((row) => row.startsWith('hubbub_')).sort(), ours.map(({ name, type }) => `${name} ${type}`).sort())

  const named = (where: string): string[] => [...where.matchAll(/\b(?:hubbub|process|nodejs)_\w+/g)].map(([name]) => name)
  const panels: any[] = JSON.parse(read('docs/grafana-dashboard.json')).panels.filter(({ type }: { type: string }) => type !== 'row')
  const asked = panels.flatMap(({ targets }) => targets.flatMap(({ expr }: { expr: string }) => named(expr)))
  for (const { name } of ours) t.ok(asked.some((one) => one.replace(/_(bucket|sum|count)$/, '') === name), `the dashboard shows ${name}`)

  if (process.platform !== 'linux') return // Some of the process's own are told on Linux only.
  const types = new Set(metrics.map(({ name, type }) => `${name} ${type}`))
  t.strictSame(rows.filter((row) => !types.has(row)), [], 'each row has its type')
  const known = new Set(metrics.flatMap(({ name, type }) => type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]))
  t.strictSame(named(text).filter((name) => !known.has(name)), [], 'the text names no other')
  t.strictSame(asked.filter((name) => !known.has(name)), [], 'the dashboard asks for no other')
})

t.test('the dashboard can be imported: its panels have a place, a unit and a data source that is chosen', async (t) => {
  const { panels, templating, schemaVersion } = JSON.parse(read('docs/grafana-dashboard.json'))
  t.ok(schemaVersion >= 36)
  t.match(templating.list[0], { name: 'DS_PROMETHEUS', type: 'datasource', query: 'prometheus' })
  t.equal(new Set(panels.map(({ id }: { id: number }) => id)).size, panels.length)
  const cells = new Set<string>()
  for (const { type, title, gridPos: { x, y, w, h }, datasource, fieldConfig, targets } of panels) {
    for (let cell = 0; cell < w * h; cell++) {
      const place = `${x + cell % w} ${y + Math.floor(cell / w)}`
      if (cells.has(place) || x + w > 24) t.fail(`${title} lies over another one`)
      cells.add(place)
    }
    if (type === 'row') continue
    t.equal(datasource.uid, '${DS_PROMETHEUS}', title)
    t.type(fieldConfig.defaults.unit, 'string', title)
    for (const { expr, legendFormat } of targets) t.ok(expr.includes('instance=~"$instance"') && legendFormat !== '', `${title}: ${expr}`)
  }
})

t.test('docs/security.md names files that are there', async (t) => {
  const text = read('docs/security.md')
  const files = [...text.matchAll(/`((?:src|test|bench|static|\.github)\/[^`\s]+|Dockerfile|[\w-]+\.yml)`/g)].map(([, path]) => path!)
  t.ok(files.length > 20)
  t.strictSame(files.filter((path) => !existsSync(new URL(`../${path}`, import.meta.url))), [])
})

t.test('what docs/security.md has an application do makes a token that is taken', async (t) => {
  const JWT_SECRET = 'a secret of another application, 32 bytes and more'
  const { url } = await startApp(t, { JWT_SECRET, PRIVATE_ROOMS: 'team-*' })
  const [, example] = /```js\n([^]*?)```/.exec(read('docs/security.md'))!
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', example!], { env: { PATH: process.env['PATH']!, JWT_SECRET } })
  const headers = { authorization: `Bearer ${stdout.trim()}` }
  t.match((await post(url, { room: 'team-red', message: 'hi' }, headers)).body.event, { user: { id: 'u-42', name: 'Ada' } })
  t.equal((await call(`${url}/rooms/team-blue/events`, { headers })).status, 200)
  t.equal((await post(url, { room: 'lobby', message: 'hi' }, headers)).status, 403)
})
