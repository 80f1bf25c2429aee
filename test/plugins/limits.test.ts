import t, { type Test } from 'tap'
import { askServer } from '../../src/operator-socket.js'
import { scrape } from '../exposition.js'
import { SECRET, bearer } from '../host-application.js'
import { Reader, call, eventually, guest, post, startApp, startServer, temporaryDirectory, type Answer, type Environment } from '../harness.js'

/** Whether an answer is a refusal of a limit, in all that it has to say. */
function refused (t: Test, { status, body, headers }: Answer, limit: string, code = 'HUB_TOO_MANY_REQUESTS'): void {
  t.match({ status, body }, { status: 429, body: { statusCode: 429, code, error: 'Too Many Requests', limit, message: /\d+ s/ } })
  const seconds = Number(headers.get('retry-after'))
  t.ok(Number.isInteger(seconds) && seconds >= 1, `Retry-After: ${headers.get('retry-after')}`)
}

const statuses = (answers: Answer[]): string => answers.map(({ status }) => status).join(' ')

/** The same, one after the other. */
async function times<T> (count: number, action: (index: number) => Promise<T>): Promise<T[]> {
  const results = []
  while (results.length < count) results.push(await action(results.length))
  return results
}

const stored = async (url: string): Promise<string[]> => (await call(`${url}/rooms/lobby/events?limit=500`)).body.events.map(({ message }: any) => message)

t.test('posts of a user: what is too much leaves no trace, and others may post', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE: '3' })
  const [a, b] = [await guest(url), await guest(url)]
  const say = (message: string, by = a): Promise<Answer> => post(url, { message }, { authorization: by.authorization })
  t.equal(statuses(await times(4, (index) => say(`${index}`))), '201 201 201 429')
  refused(t, await say('x'), 'posts-per-user')
  t.equal((await say('b', b)).status, 201)
  t.strictSame(await stored(url), ['0', '1', '2', 'b'])
  const read = await scrape(url)
  t.equal(read('hubbub_limited_total{limit="posts-per-user"}'), 2)
  t.equal(read('hubbub_posts_total{result="limited"}'), 2)
})

t.test('a minute of a user\'s posts does not come all at once', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE: '60' })
  const { authorization } = await guest(url)
  const answers = await times(22, (index) => post(url, { message: `${index}` }, { authorization }))
  t.equal(answers.filter(({ status }) => status === 201).length, 20, 'a third')
  refused(t, answers.at(-1)!, 'posts-per-user')
  t.ok(Number(answers.at(-1)!.headers.get('retry-after')) <= 10)
})

t.test('posts from an address: nobody is made a guest for one that is refused', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE_ADDRESS: '2' })
  const known = await guest(url)
  t.equal(statuses(await times(2, (index) => post(url, { message: `${index}` }))), '201 201')
  const answer = await post(url, { message: 'x' })
  refused(t, answer, 'posts-per-address')
  t.notOk(answer.headers.get('set-cookie'))
  t.notOk(answer.body.token)
  refused(t, await post(url, { message: 'x' }, { authorization: known.authorization }), 'posts-per-address')
  t.equal((await stored(url)).length, 2)
})

t.test('posts of all together', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE_TOTAL: '2' })
  const [a, b, c] = await times(3, () => guest(url))
  const say = (by: { authorization: string }): Promise<Answer> => post(url, { message: 'hi' }, { authorization: by.authorization })
  t.equal(statuses([await say(a!), await say(b!)]), '201 201')
  refused(t, await say(c!), 'posts-total')
})

t.test('what a user is refused counts neither for the address nor for all', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE: '2', POSTS_PER_MINUTE_ADDRESS: '4', POSTS_PER_MINUTE_TOTAL: '4' })
  const [flooder, other] = [await guest(url), await guest(url)]
  const answers = await times(5, (index) => post(url, { message: `${index}` }, { authorization: flooder.authorization }))
  t.equal(statuses(answers), '201 201 429 429 429')
  t.equal((await post(url, { message: 'x' }, { authorization: other.authorization })).status, 201)
})

t.test('the same over and over is refused, whatever its letters\' case and its spaces', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', REPEATS_PER_MINUTE: '2' })
  const [a, b] = [await guest(url), await guest(url)]
  const say = (message: string, more = {}, by = a): Promise<Answer> => post(url, { message, ...more }, { authorization: by.authorization })
  t.equal(statuses([await say('Buy this'), await say('buy  THIS ')]), '201 201')
  refused(t, await say('buy this'), 'repeats-per-user', 'HUB_REPEATED')
  t.equal(statuses([await say('buy that'), await say('buy this', { room: 'other' }), await say('buy this', {}, b)]), '201 201 201')
  t.equal((await stored(url)).length, 4)
})

t.test('a retry under its key is no repetition', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', REPEATS_PER_MINUTE: '1' })
  const { authorization } = await guest(url)
  t.equal(statuses(await times(3, () => post(url, { message: 'hi', key: 'k' }, { authorization }))), '201 200 200')
  refused(t, await post(url, { message: 'hi', key: 'l' }, { authorization }), 'repeats-per-user', 'HUB_REPEATED')
  refused(t, await post(url, { message: 'hi', key: 'l' }, { authorization }), 'repeats-per-user', 'HUB_REPEATED')
})

t.test('new guests of an address, and of all: those who are known come in', async (t) => {
  for (const [variable, limit] of [['GUESTS_PER_MINUTE', 'guests-per-address'], ['GUESTS_PER_MINUTE_TOTAL', 'guests-total']] as const) {
    const { url } = await startApp(t, { LIMITS: 'on', [variable]: '2' })
    const known = await guest(url)
    await guest(url)
    for (const answer of [await call(`${url}/users/me`), await post(url, { message: 'x' }),
      await call(`${url}/events`, { headers: { accept: 'application/x-ndjson' } }), await call(`${url}/events?wait=0`, { headers: { accept: 'application/json' } })]) {
      refused(t, answer, limit)
      t.notOk(answer.headers.get('set-cookie'))
    }
    t.strictSame(await stored(url), [])
    t.equal((await post(url, { message: 'x' }, { authorization: known.authorization })).status, 201)
    const bare = await Reader.open(`${url}/events`)
    await bare.end()
    t.equal(bare.response.statusCode, 200, 'an EventSource would give up on anything else')
    t.match(bare.notices('bye'), [{ type: 'bye', message: String, limit }])
    t.ok(bare.retry! >= 10_000)
    const lurker = await Reader.open(`${url}/events?lurk=1`)
    t.teardown(() => lurker.close())
    await lurker.until((reader) => reader.notices('welcome').length === 1)
  }
})

t.test('names taken by a user', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', RENAMES_PER_MINUTE: '2' })
  const [a, b] = [await guest(url), await guest(url)]
  const rename = (name: string, by = a): Promise<Answer> => call(`${url}/users/me`, { method: 'PATCH', body: { name }, headers: { authorization: by.authorization } })
  t.equal(statuses([await rename('Ada'), await rename('Bea')]), '200 200')
  refused(t, await rename('Cleo'), 'renames-per-user')
  t.equal((await call(`${url}/users/me`, { headers: { authorization: a.authorization } })).body.user.name, 'Bea')
  t.equal((await rename('Cleo', b)).status, 200)
})

t.test('other requests of an address: history, users, rooms and documents, and what is not there', async (t) => {
  const { url, app } = await startApp(t, { LIMITS: 'on', READS_PER_MINUTE_ADDRESS: '5' })
  const paths = ['/rooms/lobby/events', '/users', '/rooms', '/docs/json', '/users/me']
  t.equal(statuses(await Promise.all(paths.map((path) => call(`${url}${path}`)))), '200 200 200 200 200')
  for (const path of paths) refused(t, await call(`${url}${path}`), 'reads-per-address')
  t.equal((await call(`${url}/none`, { method: 'DELETE' })).status, 429)
  for (const path of ['/healthz', '/readyz', '/metrics', '/', '/app.js']) t.equal((await call(`${url}${path}`)).status, 200, path)
  t.equal((await post(url, { message: 'x' })).status, 201)
  t.equal((await app.inject({ path: '/users', remoteAddress: '192.0.2.1' })).statusCode, 200, 'another address')
})

t.test('whoever runs it, who comes by no network, is not in the way of anybody\'s limit', async (t) => {
  for (const environment of [{}, { TRUST_PROXY: 'loopback' }] as Environment[]) {
    const { app, url } = await startApp(t, { LIMITS: 'on', READS_PER_MINUTE_ADDRESS: '1', ...environment })
    t.equal(statuses([await call(`${url}/users`), await call(`${url}/users`)]), '200 429')
    const { status, body } = await askServer(app.config.DATA_DIR, 'GET', '/users')
    t.equal(status, 200)
    for await (const _ of body);
  }
})

t.test('IPv6 counts by /64, and IPv4 that comes as IPv6 as itself', async (t) => {
  const { app } = await startApp(t, { LIMITS: 'on', READS_PER_MINUTE_ADDRESS: '1' })
  const ask = async (remoteAddress: string): Promise<number> => (await app.inject({ path: '/users', remoteAddress })).statusCode
  t.equal(await ask('2001:db8:0:1::1'), 200)
  t.equal(await ask('2001:db8:0:1:ffff::2'), 429)
  t.equal(await ask('2001:db8:0:2::1'), 200)
  t.equal(await ask('192.0.2.1'), 200)
  t.equal(await ask('::ffff:192.0.2.1'), 429)
})

t.test('300 behind one address come within a moment, by page or by program, read along and talk', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on' })
  const readers = await Promise.all(Array.from({ length: 300 }, async (_, index) => {
    // Half of them with the page, all the files that it names, and what it reads, half by program.
    const first = await call(url + (index % 2 === 0 ? '/' : '/users/me'))
    const headers: Record<string, string> = index % 2 === 0
      ? { cookie: first.headers.get('set-cookie')!.split(';')[0]! }
      : { authorization: `Bearer ${first.body.token}` }
    const files = index % 2 === 0 ? Array.from((first.body as string).matchAll(/(?:href|src)="([^"]+\.(?:js|css|svg))"/g), ([, file]) => file!) : []
    if (index === 0) t.ok(files.length > 30, 'these are its files')
    const reads = index % 2 === 0 ? ['rooms/lobby/events?limit=50', 'rooms?limit=200', 'rooms/lobby', 'languages/en.json'] : []
    const answers = [first]
    // Six at a time, as browsers do.
    for (const paths = [...files, ...reads]; paths.length > 0;) answers.push(...await Promise.all(paths.splice(0, 6).map((path) => call(`${url}/${path}`, { headers }))))
    t.strictSame(answers.filter(({ status }) => status !== 200).map(({ body }) => body), [])
    const reader = await Reader.open(`${url}/events?history=300`, { headers, keepText: false })
    t.teardown(() => reader.close())
    t.equal((await post(url, { message: `I am ${index}` }, headers)).status, 201)
    return reader
  }))
  await Promise.all(readers.map((reader) => reader.until(({ events }) => events.length >= 300)))
  t.equal(new Set((await stored(url))).size, 300)
})

t.test('slow mode: one message in so many seconds, in that room', async (t) => {
  const { app, url } = await startApp(t, { LIMITS: 'on' })
  let slowMode = 30
  // As a room's settings will say it.
  const { post: limited } = app.limits
  app.limits.post = (request, post) => limited(request, { ...post, slowMode: post.room === 'slow' ? slowMode : 0 })
  const { authorization } = await guest(url)
  const say = (message: string, more = {}): Promise<Answer> => post(url, { message, room: 'slow', ...more }, { authorization })
  t.equal((await say('a', { key: 'a' })).status, 201)
  const answer = await say('b')
  refused(t, answer, 'slow-mode', 'HUB_SLOW_MODE')
  t.match(answer.body.message, /"slow" everybody waits 30 s/)
  t.equal((await say('a', { key: 'a' })).status, 200, 'a retry')
  t.equal((await say('c', { room: 'fast' })).status, 201)
  slowMode = 0
  t.equal((await say('d')).status, 201)
})

t.test('slow mode holds for somebody new from the first message on, and for all of an address who have come since', async (t) => {
  const { app, url } = await startApp(t, { LIMITS: 'on', JWT_SECRET: SECRET })
  const headers = await bearer({ sub: 'm', rooms: { moderate: ['*'] } })
  t.equal((await call(`${url}/rooms/slow`, { method: 'PATCH', body: { slowMode: 30 }, headers })).status, 200)
  const first = await post(url, { message: 'a', room: 'slow' })
  t.equal(first.status, 201)
  refused(t, await post(url, { message: 'b', room: 'slow' }, { authorization: `Bearer ${first.body.token}` }), 'slow-mode', 'HUB_SLOW_MODE')
  const again = await post(url, { message: 'c', room: 'slow' })
  refused(t, again, 'slow-mode', 'HUB_SLOW_MODE')
  t.notOk(again.headers.get('set-cookie'))
  const payload = { message: 'd', room: 'slow' }
  t.equal((await app.inject({ method: 'POST', path: '/events', payload, remoteAddress: '192.0.2.1' })).statusCode, 201, 'another address')
  const newcomer = await guest(url)
  refused(t, await post(url, { message: 'e', room: 'slow' }, { authorization: newcomer.authorization }), 'slow-mode', 'HUB_SLOW_MODE')
  t.equal((await call(`${url}/rooms/slow`, { method: 'PATCH', body: { slowMode: 1 }, headers })).status, 200)
  await eventually(async () => (await post(url, { message: 'e', room: 'slow' }, { authorization: newcomer.authorization })).status === 201, 'it is somebody who was there before')
})

t.test('rooms that a user makes, in an hour and in all', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', ROOMS_PER_HOUR: '3', ROOMS_PER_USER: '2' })
  const [a, b] = [await guest(url), await guest(url)]
  const make = (room: string, by = a): Promise<Answer> => post(url, { message: 'hi', room }, { authorization: by.authorization })
  t.equal(statuses([await make('a'), await make('b')]), '201 201')
  const inAll = await make('c')
  refused(t, inAll, 'rooms-per-user')
  const inAnHour = await make('d')
  refused(t, inAnHour, 'rooms-per-user')
  t.ok(Number(inAnHour.headers.get('retry-after')) > 3_000)
  t.equal((await make('c', b)).status, 201)
})

t.test('who goes on after many refusals waits for each', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', READS_PER_MINUTE_ADDRESS: '1' })
  t.equal(statuses(await times(2, () => call(`${url}/users`))), '200 429')
  const late = call(`${url}/users`)
  const early = call(`${url}/healthz`)
  t.equal(await Promise.race([late.then(() => 'late'), early.then(() => 'early')]), 'early')
  refused(t, await late, 'reads-per-address')
})

t.test('who goes on after many posts that cannot be taken waits for each answer', async (t) => {
  const { url } = await startApp(t, { LIMITS: 'on', READS_PER_MINUTE_ADDRESS: '1' })
  t.equal(statuses(await times(2, () => post(url, { massage: 'x' }))), '400 400')
  const late = post(url, { massage: 'x' })
  const early = call(`${url}/healthz`)
  t.equal(await Promise.race([late.then(() => 'late'), early.then(() => 'early')]), 'early')
  t.equal((await late).status, 400)
  t.equal((await post(url, { message: 'x' })).status, 201)
})

t.test('LIMITS=off turns them off', async (t) => {
  const variables = ['POSTS_PER_MINUTE', 'POSTS_PER_MINUTE_ADDRESS', 'POSTS_PER_MINUTE_TOTAL', 'REPEATS_PER_MINUTE', 'STREAMS_PER_MINUTE', 'STREAMS_PER_MINUTE_ADDRESS',
    'STREAMS_PER_MINUTE_TOTAL', 'GUESTS_PER_MINUTE', 'GUESTS_PER_MINUTE_TOTAL', 'READS_PER_MINUTE_ADDRESS', 'MAX_STREAMS', 'MAX_STREAMS_PER_USER', 'MAX_STREAMS_PER_ADDRESS']
  const { url } = await startApp(t, { ...Object.fromEntries(variables.map((name) => [name, '1'])), LIMITS: 'off' })
  const { authorization } = await guest(url)
  await guest(url)
  for (let index = 0; index < 5; index++) t.equal((await post(url, { message: 'x' }, { authorization })).status, 201)
  for (let index = 0; index < 3; index++) {
    const reader = await Reader.open(`${url}/events`, { headers: { authorization } })
    t.teardown(() => reader.close())
    await reader.until((reader) => reader.notices('welcome').length === 1)
  }
})

t.test('LIMITS=off is said aloud at the start, whatever is logged', async (t) => {
  const loud = /^LIMITS=off: NOTHING IS LIMITED/m
  const off = await startServer(t, { DATA_DIR: temporaryDirectory(t), LIMITS: 'off', LOG_LEVEL: 'silent' })
  await eventually(() => loud.test(off.output()), 'said')
  const on = await startServer(t, { DATA_DIR: temporaryDirectory(t), LIMITS: 'on', LOG_LEVEL: 'info' })
  t.equal(await on.stop('SIGTERM'), 0)
  t.notMatch(on.output(), loud)
})
