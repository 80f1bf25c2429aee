import t from 'tap'
import { Reader, call, eventually, guest, post, startApp } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'

const PRIVATE = { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'team-*,ops' }

t.test('a private room is for those with a right to it; for others it is as if it were not there, on every way in', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const member = await bearer({ sub: 'm', rooms: { read: ['team-*'], write: ['team-red'] } })
  const stored = await post(url, { room: 'team-red', message: 'secret' }, member)
  t.equal(stored.status, 201)
  const outsiders = { none: {}, guest: { authorization: (await guest(url)).authorization }, other: await bearer({ sub: 'o', rooms: { read: ['lobby'], write: ['lobby'] } }), plain: await bearer({ sub: 'p' }) }
  for (const [who, headers] of Object.entries<Record<string, string>>(outsiders)) {
    // There is nothing in the one room, and something in the other: nobody can tell.
    const answers = await Promise.all(['team-red', 'team-empty'].map(async (room) => Promise.all([
      call(`${url}/rooms/${room}/events`, { headers }),
      call(`${url}/users?room=${room}`, { headers }),
      call(`${url}/events?room=${room}`, { headers: { ...headers, accept: 'application/x-ndjson' } }),
      call(`${url}/events?room=${room}&wait=0`, { headers: { ...headers, accept: 'application/json' } }),
      call(`${url}/events?room=${room}&lurk=1`, { headers: { ...headers, accept: 'text/plain' } }),
      call(`${url}/events?room=lobby&room=${room}`, { headers: { ...headers, accept: 'application/x-ndjson' } }),
      post(url, { room, message: 'x' }, headers)
    ])))
    for (const { status, body, headers: answered } of answers.flat()) {
      t.equal(status, 404, who)
      t.equal(body.code, 'HUB_ROOM_UNKNOWN', who)
      t.notOk(answered.get('set-cookie'), `${who}: nobody was made a guest for it`)
    }
    t.strictSame(answers[0]!.map(({ body }) => body.message.replaceAll('team-red', '')), answers[1]!.map(({ body }) => body.message.replaceAll('team-empty', '')))
    t.strictSame((await call(`${url}/rooms`, { headers })).body.rooms, [], who)
  }
  t.strictSame((await call(`${url}/rooms`, { headers: member })).body.rooms.map(({ room }: any) => room), ['team-red'])
  t.equal((await call(`${url}/rooms/team-red/events`, { headers: member })).body.events.length, 1)
  t.equal((await post(url, { room: 'team-blue', message: 'x' }, member)).body.code, 'HUB_FORBIDDEN', 'who can read it is told that writing is another right')
})

t.test('a cursor or a reply that names a private room opens nothing', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const member = await bearer({ sub: 'm', rooms: { read: ['ops'], write: ['ops'] } })
  const { body: { event } } = await post(url, { room: 'ops', message: 'secret' }, member)
  await post(url, { message: 'public' })
  const reader = await Reader.open(`${url}/events?history=10`, { headers: { 'last-event-id': `ops:0-0,lobby:0-0` } })
  t.teardown(() => reader.close())
  await reader.until(({ messages }) => messages.length === 1)
  t.strictSame(reader.messages, ['public'])
  t.notMatch(reader.text, /secret/)
  const other = await Reader.open(`${url}/events`, { headers: { 'last-event-id': `ops:${event.id}` } })
  t.teardown(() => other.close())
  await other.until(({ received }) => received.length > 1)
  t.match(other.notices('reset'), [{ reason: 'other-room' }])
  t.equal((await post(url, { message: 'x', replyTo: event.id })).body.code, 'HUB_REPLY_UNKNOWN')
  t.equal((await call(`${url}/rooms/lobby/events?before=${event.id}`)).status, 200)
})

t.test('a token that names rooms has exactly those, and rights are apart', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const reads = await bearer({ sub: 'r', rooms: { read: ['lobby'] } })
  const writes = await bearer({ sub: 'w', rooms: { write: ['alerts'] } })
  const moderates = await bearer({ sub: 'm', rooms: { moderate: ['ops'] } })
  t.equal((await post(url, { message: 'x' }, reads)).body.code, 'HUB_FORBIDDEN')
  t.equal((await call(`${url}/rooms/lobby/events`, { headers: reads })).status, 200)
  t.equal((await call(`${url}/rooms/den/events`, { headers: reads })).body.code, 'HUB_ROOM_UNKNOWN', 'a public room that it does not name')
  t.equal((await post(url, { room: 'alerts', message: 'x' }, writes)).status, 201)
  t.equal((await call(`${url}/rooms/alerts/events`, { headers: writes })).body.code, 'HUB_FORBIDDEN', 'to write is not to read')
  t.equal((await post(url, { room: 'ops', message: 'x' }, moderates)).status, 201)
  t.equal((await call(`${url}/rooms/ops/events`, { headers: moderates })).status, 200)
  t.equal((await post(url, { room: 'den', message: 'x' }, await bearer({ sub: 'p' }))).status, 201, 'one that names none has all that are not private')
})

t.test('ACCESS=token: nobody gets in without a token, and nobody becomes a guest', async (t) => {
  const before = await startApp(t)
  const { url } = await startApp(t, { ...PRIVATE, ACCESS: 'token', TOKEN_SECRET: 'a'.repeat(32) })
  const old = await startApp(t, { TOKEN_SECRET: 'a'.repeat(32) })
  t.equal((await post(before.url, { message: 'x' })).status, 201)
  for (const [who, headers] of Object.entries<Record<string, string>>({ nobody: {}, 'a guest of before': { authorization: (await guest(old.url)).authorization } })) {
    for (const answer of await Promise.all([
      call(`${url}/events`, { headers: { ...headers, accept: 'application/x-ndjson' } }),
      call(`${url}/events`, { headers }),
      call(`${url}/events?lurk=1`, { headers }),
      call(`${url}/events?wait=0`, { headers: { ...headers, accept: 'application/json' } }),
      call(`${url}/rooms/lobby/events`, { headers }),
      call(`${url}/users`, { headers }),
      post(url, { message: 'x' }, headers)
    ])) {
      t.equal(answer.status, 401, who)
      t.equal(answer.body.code, 'HUB_TOKEN_REQUIRED', who)
      t.notOk(answer.headers.get('set-cookie'))
    }
    t.strictSame((await call(`${url}/rooms`, { headers })).body.rooms, [])
  }
  t.equal((await call(`${url}/users/me`)).status, 401)
  const page = await fetch(`${url}/`)
  t.equal(page.status, 200, 'the page is there to say so')
  t.notOk(page.headers.get('set-cookie'))
  t.equal((await post(url, { message: 'x' }, await bearer())).status, 201)
  t.equal((await call(`${url}/healthz`)).status, 200)
})

t.test('ROOMS=list: there are no other rooms, whoever asks', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, ROOMS: 'list', ROOM_LIST: 'lobby,help-*' })
  for (const headers of [{}, await bearer({ rooms: { moderate: ['*'] } })] as Array<Record<string, string>>) {
    t.equal((await post(url, { message: 'x' }, headers)).status, 201)
    t.equal((await post(url, { room: 'help-me', message: 'x' }, headers)).status, 201)
    for (const answer of [await post(url, { room: 'den', message: 'x' }, headers), await call(`${url}/rooms/den/events`, { headers }), await call(`${url}/events?room=den`, { headers: { ...headers, accept: 'application/x-ndjson' } })]) {
      t.match(answer, { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } })
    }
  }
  t.strictSame((await call(`${url}/rooms`)).body.rooms.map(({ room }: any) => room), ['help-me', 'lobby'])
})

t.test('what the server itself writes down is no room, not even for whoever moderates all', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const admin = await bearer({ rooms: { moderate: ['*'] } })
  t.equal((await call(`${url}/invites`, { body: { room: 'lobby' }, headers: admin })).status, 201)
  await post(url, { message: 'x' })
  for (const headers of [{}, admin] as Array<Record<string, string>>) {
    t.strictSame((await call(`${url}/rooms`, { headers })).body.rooms.map(({ room }: any) => room), ['lobby'])
    t.equal((await call(`${url}/rooms/~moderation/events`, { headers })).body.code, 'HUB_ROOM_INVALID')
  }
})

t.test('GET /rooms fills its answer though many rooms may not be known of', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const admin = await bearer({ rooms: { moderate: ['*'] } })
  for (let index = 0; index < 12; index++) await post(url, { room: `team-${index}`, message: 'x' }, admin)
  for (const room of ['a', 'm', 'z', 'zz']) await post(url, { room, message: 'x' }, admin)
  const names = async (query: string): Promise<string[]> => (await call(`${url}/rooms?${query}`)).body.rooms.map(({ room }: any) => room)
  t.strictSame(await names('limit=3'), ['a', 'm', 'z'])
  t.strictSame(await names('limit=3&after=m'), ['z', 'zz'])
  t.strictSame(await names(''), ['a', 'm', 'z', 'zz'])
})

t.test('a private room\'s readers see each other, and a reader with a token may lurk', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const headers = await bearer({ sub: 'm', rooms: { read: ['ops'], write: ['ops'] } })
  const lurker = await Reader.open(`${url}/events?room=ops&lurk=1`, { headers })
  const reader = await Reader.open(`${url}/events?room=ops`, { headers })
  t.teardown(() => { lurker.close(); reader.close() })
  await reader.until(({ received }) => received.length > 0)
  await eventually(async () => (await call(`${url}/users?room=ops`, { headers })).body.count === 1, 'one is there')
  await post(url, { room: 'ops', message: 'hi' }, headers)
  await lurker.until(({ messages }) => messages.length === 1)
})
