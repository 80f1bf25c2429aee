import t, { type Test } from 'tap'
import { errors } from '../../src/errors.js'
import { Reader, call, eventually, guest, post, startApp } from '../harness.js'

async function opened (t: Test, url: string, options: { query?: string, headers?: Record<string, string> } = {}): Promise<Reader> {
  const reader = await Reader.open(`${url}/events${options.query ?? ''}`, { headers: options.headers ?? {} })
  t.teardown(() => reader.close())
  return await reader.until(({ received, ended }) => received.length > 0 || ended)
}

const welcomed = (reader: Reader): boolean => reader.notices('welcome').length === 1

t.test('a full server: a program gets 503, a bare EventSource a long retry and bye; a place that is free again is given', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', MAX_STREAMS: '2' })
  const open = await Promise.all([1, 2].map(() => opened(t, url)))
  const program: Array<Record<string, string>> = [{ accept: '*/*' }, { accept: 'application/x-ndjson' }, { accept: 'application/json' }, { accept: 'text/plain' },
    { accept: 'text/event-stream', 'hubbub-client': '1' }]
  for (const headers of program) {
    const { status, body, headers: answered } = await call(`${url}/events`, { headers })
    t.equal(status, 503, `${headers['accept']}`)
    t.match(body, { statusCode: 503, code: 'HUB_NODE_FULL', error: 'Service Unavailable', limit: 'open-streams-per-node' })
    t.match(answered.get('retry-after'), /^[1-9]\d*$/)
    t.notOk(answered.get('set-cookie'))
  }
  const bare = await Reader.open(`${url}/events`)
  await bare.end()
  t.equal(bare.response.statusCode, 200)
  t.equal(bare.response.headers['content-type'], 'text/event-stream; charset=utf-8')
  t.strictSame(bare.received.map(({ event }) => event), ['bye'])
  t.ok(bare.retry! >= 30_000, `${bare.retry}`)
  t.type(bare.notices('bye')[0].reason, 'string')
  t.equal((await post(url, { message: 'x' })).status, 201, 'posting goes on')
  open[0]!.close()
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 1, 'one has gone')
  t.ok(welcomed(await opened(t, url)))
})

t.test('a rush does not get more streams than there are', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', MAX_STREAMS: '3' })
  const readers = await Promise.all(Array.from({ length: 20 }, () => opened(t, url)))
  t.equal(readers.filter(welcomed).length, 3)
})

t.test('as many as a user may have, however they are read; and no stream of anybody else', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', MAX_STREAMS_PER_USER: '3' })
  const [user, other] = [await guest(url), await guest(url)]
  const headers = { authorization: user.authorization }
  const first = await opened(t, url, { headers })
  await opened(t, url, { headers, query: '?lurk=1' })
  // A poll is a stream while it waits.
  const waiting = call(`${url}/events?wait=60`, { headers: { ...headers, accept: 'application/json' } })
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 3, 'it waits')
  const more = await call(`${url}/events`, { headers: { ...headers, accept: 'application/x-ndjson' } })
  t.match(more, { status: 429, body: { code: 'HUB_TOO_MANY_STREAMS', limit: 'open-streams-per-user', message: /by you/ } })
  t.match(more.headers.get('retry-after'), /^[1-9]\d*$/)
  t.ok(welcomed(await opened(t, url, { headers: { authorization: other.authorization } })))
  const bare = await opened(t, url, { headers })
  t.match(bare.notices('bye'), [{ limit: 'open-streams-per-user' }])
  await post(url, { message: 'hi' }, { authorization: other.authorization })
  t.equal((await waiting).body.events.length, 1)
  t.ok(welcomed(await opened(t, url, { headers })), 'in place of the poll')
  first.close()
  await eventually(async () => welcomed(await opened(t, url, { headers })), 'in place of one that was closed')
})

t.test('as many as an address may have: nobody is made a guest for one that is not opened', async (t) => {
  const { url, app } = await startApp(t, { LIMITS: 'on', MAX_STREAMS_PER_ADDRESS: '2' })
  const [first] = [await opened(t, url), await opened(t, url)]
  const more = await call(`${url}/events`, { headers: { accept: 'application/x-ndjson' } })
  t.match(more, { status: 429, body: { code: 'HUB_TOO_MANY_STREAMS', limit: 'open-streams-per-address' } })
  t.notOk(more.headers.get('set-cookie'))
  t.equal((await app.inject({ path: '/events?wait=0', headers: { accept: 'application/json' }, remoteAddress: '192.0.2.1' })).statusCode, 200, 'another address')
  first!.close()
  await eventually(async () => welcomed(await opened(t, url)), 'in place of one that was closed')
})

t.test('a stream that does not come about leaves its place', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', MAX_STREAMS_PER_ADDRESS: '1', GUESTS_PER_MINUTE: '1' })
  const { authorization } = await guest(url)
  for (let index = 0; index < 3; index++) {
    t.match(await call(`${url}/events`, { headers: { accept: 'application/x-ndjson' } }), { status: 429, body: { limit: 'guests-per-address' } })
  }
  t.ok(welcomed(await opened(t, url, { headers: { authorization } })))
})

t.test('streams opened in a minute, by a user, an address and all', async (t) => {
  for (const [variable, limit] of [['STREAMS_PER_MINUTE', 'streams-per-user'], ['STREAMS_PER_MINUTE_ADDRESS', 'streams-per-address'], ['STREAMS_PER_MINUTE_TOTAL', 'streams-total']] as const) {
    const { url } = await startApp(t, { LIMITS: 'on', [variable]: '2' })
    const { authorization } = await guest(url)
    const poll = (): ReturnType<typeof call> => call(`${url}/events?wait=0`, { headers: { accept: 'application/json', authorization } })
    t.strictSame([(await poll()).status, (await poll()).status], [200, 200])
    const { status, body, headers } = await poll()
    t.match({ status, body }, { status: 429, body: { code: 'HUB_TOO_MANY_REQUESTS', limit } })
    t.match(headers.get('retry-after'), /^[1-9]\d*$/)
  }
})

t.test('how many are online behind an address, each once, also with LIMITS=off', async (t) => {
  const { app, url } = await startApp(t)
  const behind = async (): Promise<number> => (await app.places.behind(app.hashOfAddress('127.0.0.1'))).size
  t.equal(await behind(), 0)
  const user = await guest(url)
  const both = [await opened(t, url, { headers: { authorization: user.authorization } }), await opened(t, url, { headers: { authorization: user.authorization } })]
  await opened(t, url, { query: '?lurk=1' })
  t.equal(await behind(), 1)
  await opened(t, url)
  t.equal(await behind(), 2)
  both[0]!.close()
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 3, 'closed')
  t.equal(await behind(), 2)
  both[1]!.close()
  await eventually(async () => await behind() === 1, 'gone')
  t.equal((await app.places.behind(app.hashOfAddress('192.0.2.1'))).size, 0)
})

t.test('a stream that is refused in the last moment takes nobody else\'s presence along', async (t) => {
  const { app, url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  const user = await guest(url)
  const headers = { authorization: user.authorization }
  await opened(t, url, { headers })
  const { refusal } = app.access
  const witness = await opened(t, url)
  app.access.refusal = (session, right, room, address) => room === 'den' ? new errors.RoomUnknown(room) : refusal(session, right, room, address)
  t.equal((await call(`${url}/events?room=den&room=lobby`, { headers: { ...headers, accept: 'application/x-ndjson' } })).status, 404)
  const third = await opened(t, url)
  await witness.until((reader) => reader.notices('presence').some(({ count }) => count === 3))
  third.close()
  // Who leaves later is told of later.
  await witness.until((reader) => reader.notices('presence').some(({ left = [] }) => left.length > 0))
  t.ok((await call(`${url}/users`)).body.users.some(({ id }: any) => id === user.id), 'the user is still here')
})
