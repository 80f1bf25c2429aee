import t from 'tap'
import { Reader, call, eventually, guest, post, startApp } from '../harness.js'

t.test('posts beyond the limit of a user are 429 with Retry-After, and others may post', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE: '3' })
  const [a, b] = [await guest(url), await guest(url)]
  const statuses = []
  for (let index = 0; index < 5; index++) statuses.push((await post(url, { message: `${index}` }, { authorization: a.authorization })).status)
  t.strictSame(statuses, [201, 201, 201, 429, 429])
  const { headers, body } = await post(url, { message: 'x' }, { authorization: a.authorization })
  t.match(body, { statusCode: 429, code: 'HUB_TOO_MANY_REQUESTS', error: 'Too Many Requests', message: /\d+ s/ })
  const seconds = Number(headers.get('retry-after'))
  t.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, `${seconds}`)
  t.equal((await post(url, { message: 'x' }, { authorization: b.authorization })).status, 201)
  t.equal((await call(`${url}/rooms/lobby/events`)).body.events.length, 4)
})

t.test('new guests beyond the limit of an address are 429, and those who are known come in', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', GUESTS_PER_MINUTE: '2' })
  const known = await guest(url)
  await guest(url)
  for (const answer of [await call(`${url}/users/me`), await post(url, { message: 'x' }),
    await call(`${url}/events`, { headers: { accept: 'application/x-ndjson' } }), await call(`${url}/events?wait=0`, { headers: { accept: 'application/json' } })]) {
    t.equal(answer.status, 429)
    t.equal(answer.body.code, 'HUB_TOO_MANY_REQUESTS')
    t.match(answer.headers.get('retry-after'), /^[1-9]\d*$/)
  }
  t.equal((await post(url, { message: 'x' }, { authorization: known.authorization })).status, 201)
  const bare = await Reader.open(`${url}/events`)
  await bare.end()
  t.equal(bare.response.statusCode, 200, 'an EventSource would give up on anything else')
  t.match(bare.notices('bye'), [{ type: 'bye', message: String }])
  t.ok(bare.retry! >= 10_000)
  const lurker = await Reader.open(`${url}/events?lurk=1`)
  t.teardown(() => lurker.close())
  await lurker.until((reader) => reader.notices('welcome').length === 1)
})

t.test('300 behind one address join and talk by default', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on' })
  const answers = await Promise.all(Array.from({ length: 300 }, (_, index) => post(url, { message: `${index}` })))
  t.ok(answers.every(({ status }) => status === 201))
})

t.test('a full server: a program gets 503, a bare EventSource a long retry and bye; a place that is free again is given', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', MAX_STREAMS: '2' })
  const open = await Promise.all([1, 2].map(() => Reader.open(`${url}/events`)))
  for (const reader of open) {
    t.teardown(() => reader.close())
    await reader.until(({ received }) => received.length > 0)
  }
  const program: Array<Record<string, string>> = [{ accept: '*/*' }, { accept: 'application/x-ndjson' }, { accept: 'application/json' }, { accept: 'text/plain' },
    { accept: 'text/event-stream', 'hubbub-client': '1' }]
  for (const headers of program) {
    const { status, body, headers: answered } = await call(`${url}/events`, { headers })
    t.equal(status, 503, `${headers['accept']}`)
    t.match(body, { statusCode: 503, code: 'HUB_NODE_FULL', error: 'Service Unavailable' })
    t.match(answered.get('retry-after'), /^[1-9]\d*$/)
    t.notOk(answered.get('set-cookie'))
  }
  const bare = await Reader.open(`${url}/events`)
  await bare.end()
  t.equal(bare.response.statusCode, 200)
  t.equal(bare.response.headers['content-type'], 'text/event-stream; charset=utf-8')
  t.strictSame(bare.received.map(({ event }) => event), ['bye'])
  t.ok(bare.retry! >= 10_000, `${bare.retry}`)
  t.type(bare.notices('bye')[0].reason, 'string')
  t.equal((await post(url, { message: 'x' })).status, 201, 'posting goes on')
  open[0]!.close()
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 1, 'one has gone')
  const next = await Reader.open(`${url}/events`)
  t.teardown(() => next.close())
  await next.until((reader) => reader.notices('welcome').length === 1)
})

t.test('a rush does not get more streams than there are', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', MAX_STREAMS: '3' })
  const readers = await Promise.all(Array.from({ length: 20 }, () => Reader.open(`${url}/events`)))
  for (const reader of readers) {
    t.teardown(() => reader.close())
    await reader.until(({ received }) => received.length > 0)
  }
  t.equal(readers.filter((reader) => reader.notices('welcome').length > 0).length, 3)
})

t.test('LIMITS=off turns them off', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'off', POSTS_PER_MINUTE: '1', GUESTS_PER_MINUTE: '1', MAX_STREAMS: '1' })
  const { authorization } = await guest(url)
  await guest(url)
  for (let index = 0; index < 5; index++) t.equal((await post(url, { message: 'x' }, { authorization })).status, 201)
  for (let index = 0; index < 3; index++) {
    const reader = await Reader.open(`${url}/events`)
    t.teardown(() => reader.close())
    await reader.until((reader) => reader.notices('welcome').length === 1)
  }
})
