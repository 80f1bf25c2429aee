import t from 'tap'
import { Reader, guest, startApp } from '../harness.js'
import { ask, type Told } from './ask.js'

const FRIEND = 'https://friend.example'
const varies = (header: string | undefined): string[] => (header ?? '').split(',').map((name) => name.trim().toLowerCase()).sort()

t.test('a page of CORS_ORIGINS asks first, and may send a token, a cursor, JSON', async (t) => {
  const { url } = await startApp(t, { CORS_ORIGINS: `${FRIEND},http://localhost:8000` })
  const preflight = (origin: string, headers: Record<string, string> = {}): ReturnType<typeof ask> =>
    ask(`${url}/events`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type', 'sec-fetch-site': 'cross-site', ...headers } })
  for (const origin of [FRIEND, 'http://localhost:8000']) {
    const { status, headers } = await preflight(origin)
    t.equal(status, 204)
    t.equal(headers['access-control-allow-origin'], origin)
    t.strictSame(varies(headers['access-control-allow-headers']), ['authorization', 'content-type', 'hubbub-client', 'last-event-id'])
    for (const method of ['GET', 'POST', 'PATCH', 'DELETE']) t.match(headers['access-control-allow-methods'], method)
    t.ok(Number(headers['access-control-max-age']) > 600, 'and need not ask each time')
    t.ok(varies(headers.vary).includes('origin'))
    t.notOk(headers['access-control-allow-credentials'], 'cookies are not for it')
  }
  for (const origin of ['https://evil.example', 'null', `${FRIEND}.evil.example`, 'http://friend.example']) {
    const { status, headers, body } = await preflight(origin)
    t.equal(status, 403)
    t.match(body, { code: 'HUB_CROSS_SITE', message: /CORS_ORIGINS/ })
    t.notOk(headers['access-control-allow-origin'])
  }
  t.equal((await ask(`${url}/events`, { method: 'OPTIONS' })).status, 204, 'a program that asks')
  t.equal((await ask(`${(await startApp(t)).url}/events`, { method: 'OPTIONS', headers: { origin: FRIEND } })).status, 403, 'without CORS_ORIGINS nobody may')
})

t.test('its answers can be read by it, refusals too, and are kept apart by caches', async (t) => {
  const { url } = await startApp(t, { CORS_ORIGINS: FRIEND, LIMITS: 'on', POSTS_PER_MINUTE: '1' })
  const { authorization } = await guest(url)
  const headers = { origin: FRIEND, authorization }
  const json = { ...headers, 'content-type': 'application/json' }
  const answers = [
    await ask(`${url}/events`, { method: 'POST', headers: json, body: '{"message":"hi"}' }),
    await ask(`${url}/events`, { method: 'POST', headers: json, body: '{"message":"hi"}' }),
    await ask(`${url}/events`, { method: 'POST', headers: json, body: '{"mesage":"hi"}' }),
    await ask(`${url}/users/me`, { headers: { ...headers, authorization: 'Bearer nonsense' } }),
    await ask(`${url}/rooms/lobby/events`, { headers }),
    await ask(`${url}/events?wait=0`, { headers: { ...headers, accept: 'application/json' } }),
    await ask(`${url}/nowhere`, { headers }),
    await ask(`${url}/events`, { headers }),
    await ask(`${url}/events`, { method: 'HEAD', headers })
  ]
  t.strictSame(answers.map(({ status }) => status), [201, 429, 400, 401, 200, 200, 404, 200, 200])
  for (const { status, headers } of answers) {
    t.equal(headers['access-control-allow-origin'], FRIEND, `${status}`)
    t.ok(varies(headers.vary).includes('origin'), `${status}`)
    t.match(headers['access-control-expose-headers'], 'retry-after')
    t.notOk(headers['access-control-allow-credentials'])
  }
  const { url: limited } = await startApp(t, { CORS_ORIGINS: FRIEND, LIMITS: 'on', READS_PER_MINUTE_ADDRESS: '1' })
  const counted = async (): Promise<Told> => ask(`${limited}/users`, { headers: { origin: FRIEND } })
  await counted()
  t.match(await counted(), { status: 429, headers: { 'access-control-allow-origin': FRIEND, 'retry-after': /^\d+$/ } })
  for (const options of [{}, { headers: { origin: url } }, { headers: { origin: 'https://evil.example' } }]) {
    t.notOk((await ask(`${url}/users`, options)).headers['access-control-allow-origin'])
  }
})

t.test('a stream varies by both Accept and Origin, in each representation and on each way', async (t) => {
  const { url } = await startApp(t, { CORS_ORIGINS: FRIEND, LIMITS: 'on', MAX_STREAMS: '1' })
  for (const accept of ['text/event-stream', 'application/x-ndjson', 'text/plain']) {
    const reader = await Reader.open(`${url}/events`, { headers: { accept, origin: FRIEND } })
    t.strictSame(varies(reader.response.headers.vary), ['accept', 'origin'], accept)
    t.equal(reader.response.headers['access-control-allow-origin'], FRIEND)
    if (accept === 'text/plain') {
      const turned = await (await Reader.open(`${url}/events`, { headers: { origin: FRIEND } })).end()
      t.strictSame(varies(turned.response.headers.vary), ['accept', 'origin'], 'one that is turned away')
      t.equal(turned.response.headers['access-control-allow-origin'], FRIEND)
    }
    reader.close()
    await reader.end()
    while ((await ask(`${url}/healthz`)).body.streams > 0);
  }
  t.strictSame(varies((await ask(`${url}/events`, { headers: { origin: FRIEND, accept: 'image/png' } })).headers.vary), ['accept', 'origin'])
})
