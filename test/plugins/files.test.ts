import { readFileSync } from 'node:fs'
import t from 'tap'
import { ask } from '../edge/ask.js'
import { startApp, type Environment } from '../harness.js'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

t.test('the parser is sent as it is in its package, and in Node the file of its address is the same', async (t) => {
  const { url } = await startApp(t)
  const { status, headers, body } = await ask(`${url}/vendor/eventsource-parser.js`)
  t.equal(status, 200)
  t.match(headers, { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': 'private, no-cache', etag: /^W\/"[^"]+"$/, 'cross-origin-resource-policy': 'cross-origin' })
  const { version } = JSON.parse(read('node_modules/eventsource-parser/package.json'))
  const [first, ...rest] = body.split('\n')
  t.match(first, `// eventsource-parser ${version}, MIT licence, `)
  t.notMatch(body, /sourceMappingURL|\bimport\b/, 'all of it, without what is not here')
  t.ok(read('node_modules/eventsource-parser/dist/index.js').startsWith(rest.join('\n').trimEnd()))
  t.equal((await ask(`${url}/vendor/eventsource-parser.js`, { headers: { 'if-none-match': headers.etag! } })).status, 304)
  t.match(await ask(`${url}/vendor/eventsource-parser.js`, { method: 'HEAD' }), { status: 200, body: '' })

  const sent = await import(`data:text/javascript,${encodeURIComponent(body)}`)
  const inNode = await import(new URL('../../static/vendor/eventsource-parser.js', import.meta.url).href)
  t.strictSame(Object.keys(sent).sort(), Object.keys(inNode).sort())
  t.ok('createParser' in sent)
})

t.test('files are everybody\'s: also a script of a page of another site, which is not in CORS_ORIGINS, reads them', async (t) => {
  for (const environment of [{}, { CORS_ORIGINS: 'https://friend.example' }] as Environment[]) {
    const { url } = await startApp(t, environment)
    for (const origin of [undefined, 'https://friend.example', 'https://evil.example', 'null', url]) {
      const headers = { ...(origin !== undefined && { origin }), 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'script' }
      for (const path of ['/embed.js', '/app.js', '/app.css', '/vendor/eventsource-parser.js']) {
        const { status, headers: answered } = await ask(`${url}${path}`, { headers })
        t.equal(status, 200, `${path} ${origin}`)
        t.equal(answered['access-control-allow-origin'], '*', `${path} ${origin}`)
        t.notOk(answered['access-control-allow-credentials'])
        t.notOk(answered['set-cookie'])
      }
      for (const path of ['/', '/embed', '/users', '/rooms', '/docs/json', '/nowhere.js']) t.not((await ask(`${url}${path}`, { headers })).headers['access-control-allow-origin'], '*', `${path} ${origin}`)
    }
  }
})
