import t from 'tap'
import { Reader, call, post, startApp } from '../harness.js'
import { ask } from './ask.js'

const JSON_TYPE = { 'content-type': 'application/json' }
const MESSAGE = '{"message":"hi"}'
const EVIL = 'https://evil.example'
/** What browsers send with each kind of request, as far as it tells where that comes from. */
const FETCH = { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
const IMAGE = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }
const LINK = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'upgrade-insecure-requests': '1' }
const FRAME = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe', 'upgrade-insecure-requests': '1' }
const FIREFOX = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'accept-language': 'en-US,en;q=0.5' }

t.test('programs, which say nothing of where they come from, are let in', async (t) => {
  const { url } = await startApp(t)
  t.equal((await post(url, { message: 'by fetch' })).status, 201)
  const programs: Array<Record<string, string>> = [{}, { 'user-agent': 'curl/8.5.0' }, { 'user-agent': 'Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1' }, { 'accept-language': '*', 'sec-fetch-mode': 'cors', 'user-agent': 'node' }]
  for (const headers of programs) {
    t.equal((await ask(`${url}/events`, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: MESSAGE })).status, 201, JSON.stringify(headers))
    t.equal((await ask(`${url}/events`, { headers })).status, 200, JSON.stringify(headers))
  }
})

t.test('what writes, from another origin', async (t) => {
  const { app, url } = await startApp(t, { CORS_ORIGINS: 'https://friend.example' })
  const { host } = new URL(url)
  const write = (headers: Record<string, string>, method = 'POST', path = '/events'): ReturnType<typeof ask> =>
    ask(`${url}${path}`, { method, headers: { ...JSON_TYPE, ...headers }, body: MESSAGE })
  const refused: Array<Record<string, string>> = [
    { origin: EVIL }, { origin: 'null' }, { origin: '' }, { origin: `${url}, ${EVIL}` }, { origin: `${url}0` }, { origin: `http://${host}.evil.example` }, { origin: 'http://127.0.0.1' },
    { origin: 'http://localhost:3000' }, { origin: 'https://friend.example.evil.example' }, { origin: 'http://friend.example' }, { origin: `ftp://${host}` },
    { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'same-origin, cross-site' },
    { origin: url, 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'cross-site', ...LINK }, { origin: EVIL, 'sec-fetch-site': 'none' },
    // By HTTP, an old form, from a page that hides where it is.
    FIREFOX
  ]
  for (const headers of refused) {
    for (const [method, path] of [['POST', '/events'], ['PATCH', '/users/me'], ['DELETE', '/tokens/x'], ['POST', '/join/abc'], ['PUT', '/app.js'], ['POST', '/']] as const) {
      const { status, body, headers: answered } = await write(headers, method, path)
      t.equal(status, 403, `${method} ${path} ${JSON.stringify(headers)}`)
      t.match(body, { code: 'HUB_CROSS_SITE', message: /CORS_ORIGINS/ })
      t.notOk(answered['set-cookie'])
    }
  }
  t.equal((await write({ origin: EVIL })).body.message, `This comes from a page of another site (${EVIL}). Only that of PUBLIC_URL and those in CORS_ORIGINS may do that.`)
  t.equal(app.registry.users, 0)
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [])

  const taken: Array<Record<string, string>> = [{ origin: url }, { origin: url, 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, { origin: `https://${host}` },
    { origin: 'https://friend.example' }, { origin: 'https://friend.example', 'sec-fetch-site': 'cross-site' }, { referer: `${url}/`, ...FIREFOX }, { 'hubbub-client': 'page', ...FIREFOX }]
  for (const headers of taken) {
    t.equal((await write(headers)).status, 201, JSON.stringify(headers))
  }
})

t.test('what reads, from another site: nobody becomes a guest, or is shown to be here', async (t) => {
  const { app, url } = await startApp(t, { CORS_ORIGINS: 'https://friend.example', PRESENCE_GRACE: '0ms' })
  const watcher = await Reader.open(`${url}/events?lurk=1`)
  t.teardown(() => watcher.close())
  const accept = 'image/avif,image/webp,*/*;q=0.8'
  const refused: Array<[string, Record<string, string>]> = [
    ['an image', { 'sec-fetch-site': 'cross-site', accept, ...IMAGE }],
    ['an image of a neighbour', { 'sec-fetch-site': 'same-site', accept, ...IMAGE }],
    ['a script', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }],
    ['a fetch', { origin: EVIL, 'sec-fetch-site': 'cross-site', ...FETCH }],
    ['an EventSource by plain HTTP', { origin: EVIL, accept: 'text/event-stream', ...FIREFOX }],
    ['a sandboxed page', { origin: 'null', ...FIREFOX }],
    ['a frame', { 'sec-fetch-site': 'cross-site', ...FRAME }],
    ['a link that is fetched ahead of time', { 'sec-fetch-site': 'cross-site', 'sec-purpose': 'prefetch;prerender', ...LINK }],
    ['an image by plain HTTP', { accept, ...FIREFOX, referer: 'http://evil.example/' }],
    ['an image by plain HTTP that says nothing', { accept, ...FIREFOX }],
    ['a simple fetch by plain HTTP', { accept: 'text/event-stream', ...FIREFOX }],
    ['one with a Referer that is none', { ...FIREFOX, referer: 'nonsense' }]
  ]
  for (const [what, headers] of refused) {
    for (const path of ['/events', '/users/me', '/users', '/rooms', '/']) {
      const { status, body, headers: answered } = await ask(`${url}${path}`, { headers })
      t.match({ status, body }, { status: 403, body: { code: 'HUB_CROSS_SITE', message: /CORS_ORIGINS/ } }, `${what}: ${path}`)
      t.notOk(answered['set-cookie'], `${what}: ${path}`)
    }
  }
  t.equal(app.registry.users, 0)
  t.equal(app.broadcaster.streams, 1, 'the watcher\'s')

  const welcome: Array<[string, Record<string, string>]> = [
    ['our page', { 'sec-fetch-site': 'same-origin', ...FETCH }],
    ['our page by plain HTTP', { ...FIREFOX, referer: `${url}/` }],
    ['our page by plain HTTP, in a browser that hides where it is', { ...FIREFOX, 'hubbub-client': 'page' }],
    ['an address that was typed', { 'sec-fetch-site': 'none', ...LINK }],
    ['a link', { 'sec-fetch-site': 'cross-site', ...LINK }],
    ['a page of CORS_ORIGINS', { origin: 'https://friend.example', 'sec-fetch-site': 'cross-site', ...FETCH }]
  ]
  for (const [what, headers] of welcome) {
    for (const path of ['/users/me', '/events', '/']) t.equal((await ask(`${url}${path}`, { headers })).status, 200, `${what}: ${path}`)
  }
  const visit = { ...FIREFOX, 'upgrade-insecure-requests': '1' }
  for (const path of ['/', '/rooms', '/docs']) t.equal((await ask(`${url}${path}`, { headers: visit })).status, 200, `a visit by plain HTTP: ${path}`)
  for (const path of ['/events', '/users/me']) t.equal((await ask(`${url}${path}`, { headers: visit })).status, 403, `it may as well be a frame: ${path}`)
  for (const [what, headers] of [...refused, ...welcome]) {
    t.equal((await ask(`${url}/app.js`, { headers })).status, 200, `a file is everybody's: ${what}`)
    t.equal((await ask(`${url}/healthz`, { headers })).status, 200, `and so is the server's health: ${what}`)
  }
})

t.test('a page is shown in the frames of EMBED_ORIGINS, and only a page', async (t) => {
  const { url } = await startApp(t, { EMBED_ORIGINS: 'https://friend.example' })
  const headers = { 'sec-fetch-site': 'cross-site', ...FRAME }
  for (const path of ['/', '/embed']) t.equal((await ask(`${url}${path}`, { headers })).status, 200, path)
  for (const path of ['/events', '/users/me', '/docs', '/docs/json']) t.match(await ask(`${url}${path}`, { headers }), { status: 403, body: { message: /EMBED_ORIGINS/ } }, path)
  t.equal((await ask(`${url}/`, { headers: { 'sec-fetch-site': 'cross-site', ...IMAGE } })).status, 403)
})

t.test('which origin is ours', async (t) => {
  const write = (url: string, headers: Record<string, string>): ReturnType<typeof ask> => ask(`${url}/events`, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: MESSAGE })
  const { url } = await startApp(t, { PUBLIC_URL: 'https://chat.example.org/', TRUST_PROXY: 'loopback' })
  const host = 'chat.example.org'
  const origin = `https://${host}`
  t.equal((await write(url, { host, origin })).status, 201)
  t.equal((await write(url, { origin })).status, 201, 'also where the proxy asks by our address')
  t.equal((await write(url, { host: `${host}:443`, origin })).status, 201)
  t.equal((await write(url, { host, origin: `http://${host}` })).status, 403, 'whoever is on the way could have made a page that came by HTTP')
  t.equal((await write(url, { host: 'localhost', 'x-forwarded-proto': 'https', origin: 'http://localhost' })).status, 403)
  t.equal((await write(url, { host: 'localhost', origin: 'http://localhost' })).status, 201)
  t.equal((await write(url, { host, origin: `https://${host}:8443` })).status, 403, 'another port is another origin')
})

t.test('only JSON is taken, by whatever header it claims to be that', async (t) => {
  const { app, url } = await startApp(t)
  const types = ['text/plain', 'text/plain;charset=UTF-8', 'text/plain; application/json', 'text/plain, application/json', 'text/plain;a="application/json"', 'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x', 'application/jsonx', 'application/ json', 'application/json/x', 'application/vnd.api+json', 'json', ';application/json', 'application/json, text/plain', 'APPLICATION/JSON X', '']
  for (const type of types) {
    for (const [method, path] of [['POST', '/events'], ['PATCH', '/users/me']] as const) {
      const { status, body, headers } = await ask(`${url}${path}`, { method, headers: { 'content-type': type }, body: MESSAGE })
      t.match({ status, body }, { status: 415, body: { code: 'HUB_UNSUPPORTED_MEDIA_TYPE' } }, `${method} ${path}: ${type}`)
      t.notOk(headers['set-cookie'])
    }
  }
  t.equal((await ask(`${url}/events`, { method: 'POST', body: MESSAGE })).status, 415, 'a fetch of a Blob has no type')
  t.equal((await ask(`${url}/events`, { method: 'POST', headers: { 'transfer-encoding': 'chunked' }, body: MESSAGE })).status, 415)
  t.equal((await ask(`${url}/events`, { method: 'POST' })).status, 400, 'nothing at all')
  t.equal((await ask(`${url}/events`, { method: 'POST', headers: { 'content-type': 'application/json' } })).status, 400)
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [])
  t.equal(app.registry.users, 0)
  for (const type of ['application/json', 'application/json;charset=utf-8', 'Application/JSON; charset="UTF-8"', 'application/json ;q=1']) {
    t.equal((await ask(`${url}/events`, { method: 'POST', headers: { 'content-type': type }, body: MESSAGE })).status, 201, type)
  }
})
