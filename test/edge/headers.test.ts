import { createHash } from 'node:crypto'
import t from 'tap'
import { Reader, call, startApp } from '../harness.js'
import { ask } from './ask.js'

/** A content security policy by its directives. */
function directives (policy: unknown): Record<string, string> {
  return Object.fromEntries(String(policy).split(';').map((directive) => {
    const [name, ...values] = directive.trim().split(' ')
    return [name, values.join(' ')]
  }))
}

const PATHS = ['/', '/embed', '/app.js', '/vendor/eventsource-parser.js', '/app.css', '/favicon.svg', '/join/abc', '/docs', '/docs/json', '/docs/static/swagger-ui-bundle.js', '/docs/static/swagger-initializer.js', '/events', '/users/me', '/users', '/rooms',
  '/rooms/lobby/events', '/healthz', '/readyz', '/metrics', '/nowhere', '/events?room=!', '/docs/nowhere']

t.test('every answer says what it must not do, and nothing is unsafe', async (t) => {
  const { url } = await startApp(t, { CORS_ORIGINS: 'https://friend.example' })
  for (const path of PATHS) {
    const { headers } = await ask(`${url}${path}`)
    t.equal(headers['x-content-type-options'], 'nosniff', path)
    t.equal(headers['referrer-policy'], 'same-origin', path)
    t.equal(headers['x-robots-tag'], 'noindex', path)
    t.match(headers['cross-origin-resource-policy'], /^(same|cross)-origin$/, path)
    const policy = String(headers['content-security-policy'])
    t.match(policy, /^default-src 'none';/, path)
    t.notMatch(policy, /unsafe|\*|https?:/, path)
    t.equal(directives(policy)['base-uri'], "'none'", path)
  }
  for (const [name, value] of [['host', 'evil.example'], ['origin', 'https://evil.example']] as const) t.ok((await ask(`${url}/users`, { headers: { [name]: value } })).headers['content-security-policy'], 'also what is refused')
  for (const method of ['POST', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD']) t.ok((await ask(`${url}/events`, { method })).headers['content-security-policy'], method)
})

t.test('the page\'s policy, an answer\'s and the documentation\'s', async (t) => {
  const { url } = await startApp(t)
  const policyAt = async (path: string): Promise<Record<string, string>> => directives((await ask(`${url}${path}`)).headers['content-security-policy'])
  const self = "'self'"
  const none = "'none'"
  const common = { 'default-src': none, 'connect-src': self, 'base-uri': none }
  const page = { ...common, 'script-src': self, 'style-src': self, 'img-src': self, 'font-src': self, 'manifest-src': self, 'worker-src': self, 'form-action': self, 'frame-ancestors': self }
  const typed = { 'require-trusted-types-for': "'script'", 'trusted-types': none }
  for (const path of ['/', '/embed', '/app.js', '/join/abc']) t.strictSame(await policyAt(path), { ...page, ...typed }, path)
  t.match(await policyAt('/docs'), { ...page, 'style-src': /^'self' 'sha256-[^' ]+'$/, 'img-src': "'self' data:" })
  t.strictSame(Object.keys(await policyAt('/docs')).sort(), Object.keys(page).sort())
  for (const path of ['/users', '/events', '/metrics']) t.strictSame(await policyAt(path), { ...common, 'form-action': none, 'frame-ancestors': none }, path)
  const corp = async (path: string): Promise<unknown> => (await ask(`${url}${path}`)).headers['cross-origin-resource-policy']
  for (const path of ['/', '/app.js']) t.equal(await corp(path), 'cross-origin', path)
  for (const path of ['/docs', '/users', '/events', '/metrics']) t.equal(await corp(path), 'same-origin', path)
})

t.test('what is for HTTPS only is not said by HTTP, where it would break the page or be warned of', async (t) => {
  const only = ['strict-transport-security', 'cross-origin-opener-policy', 'origin-agent-cluster']
  const { url } = await startApp(t, { PUBLIC_URL: 'https://example.org/', TRUST_PROXY: 'loopback' })
  for (const path of ['/', '/docs', '/users']) {
    const { headers } = await ask(`${url}${path}`)
    for (const name of only) t.notOk(headers[name], `${path} ${name}`)
    t.notMatch(headers['content-security-policy'], /upgrade-insecure-requests/)
  }
  for (const path of ['/', '/docs']) {
    const { headers } = await ask(`${url}${path}`, { headers: { host: 'example.org' } })
    t.match(headers, { 'strict-transport-security': 'max-age=31536000', 'cross-origin-opener-policy': 'same-origin', 'origin-agent-cluster': '?1', 'content-security-policy': /;upgrade-insecure-requests/ }, path)
    t.notMatch(headers['strict-transport-security'], /includeSubDomains/, 'other hosts are not ours')
  }
  t.ok((await ask(`${url}/users`, { headers: { host: 'example.org' } })).headers['strict-transport-security'])
  const reader = await Reader.open(`${url}/events`, { headers: { host: 'example.org' } })
  t.ok(reader.response.headers['strict-transport-security'], 'a stream, too')
  reader.close()
  for (const PUBLIC_URL of ['https://localhost', 'https://192.0.2.1/', 'https://localhost:8443']) {
    const local = await startApp(t, { PUBLIC_URL, TRUST_PROXY: 'loopback' })
    const { headers } = await ask(`${local.url}/`, { headers: { host: new URL(PUBLIC_URL).host } })
    t.match(headers['content-security-policy'], /upgrade-insecure-requests/)
    t.notOk(headers['strict-transport-security'], `${PUBLIC_URL}: what else is there would be kept to HTTPS`)
  }
})

t.test('EMBED_ORIGINS and CSP_REPORT_URI', async (t) => {
  const { url } = await startApp(t, { EMBED_ORIGINS: 'https://friend.example,http://localhost:8000', CSP_REPORT_URI: 'https://reports.example/csp?x=1' })
  for (const path of ['/', '/app.js', '/join/abc']) {
    const { headers } = await ask(`${url}${path}`)
    t.match(directives(headers['content-security-policy']), { 'frame-ancestors': "'self' https://friend.example http://localhost:8000", 'report-uri': 'https://reports.example/csp?x=1' }, path)
    t.notOk(headers['x-frame-options'], 'it could name none of them')
  }
  for (const path of ['/docs', '/docs/json']) t.match((await ask(`${url}${path}`)).headers, { 'x-frame-options': 'SAMEORIGIN', 'content-security-policy': /frame-ancestors 'self'(;|$)/ }, path)
  t.match((await ask(`${url}/users`)).headers['content-security-policy'], /frame-ancestors 'none'/)
  const { headers } = await ask(`${(await startApp(t)).url}/`)
  t.equal(headers['x-frame-options'], 'SAMEORIGIN')
  t.notMatch(headers['content-security-policy'], 'report-uri')
})

t.test('what a stream sends is one answer\'s headers, each once', async (t) => {
  const { url } = await startApp(t)
  for (const accept of ['text/event-stream', 'application/x-ndjson', 'text/plain']) {
    const reader = await Reader.open(`${url}/events`, { headers: { accept } })
    const { rawHeaders, headers } = reader.response
    const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
    t.strictSame(names, [...new Set(names)], accept)
    t.match(headers, { 'content-type': new RegExp(`^${accept}`), vary: 'Accept', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' })
    reader.close()
  }
  t.equal((await call(`${url}/events?wait=0`, { headers: { accept: 'application/json' } })).headers.get('vary'), 'Accept')
})

t.test('ROBOTS=index lets search engines list the page, and nothing else', async (t) => {
  const { url } = await startApp(t, { ROBOTS: 'index' })
  const robots = async (path: string): Promise<unknown> => (await ask(`${url}${path}`)).headers['x-robots-tag']
  for (const path of ['/', '/?room=tea']) t.equal(await robots(path), undefined, path)
  for (const path of ['/embed', '/join/abc', '/app.js', '/docs', '/events', '/rooms', '/nowhere']) t.equal(await robots(path), 'noindex', path)
})

t.test('ACCENT_COLOR is a style in the page, and the only one that may be there', async (t) => {
  for (const ACCENT_COLOR of ['#1A7F5a', '1a7f5a']) {
    const { url } = await startApp(t, { ACCENT_COLOR })
    for (const path of ['/', '/embed', '/join/abc']) {
      const { headers, body } = await ask(`${url}${path}`)
      const styles = [...body.matchAll(/<style>(.*?)<\/style>/gs)].map(([, style]) => style)
      t.strictSame(styles, [':root{--brand:#1a7f5a}'], path)
      t.equal(directives(headers['content-security-policy'])['style-src'], `'self' 'sha256-${createHash('sha256').update(styles[0]).digest('base64')}'`, path)
    }
    t.notMatch(directives((await ask(`${url}/users`)).headers['content-security-policy'])['style-src'], 'sha256')
  }
  t.notMatch((await ask(`${(await startApp(t)).url}/`)).body, '<style')
})
