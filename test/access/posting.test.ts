import t from 'tap'
import { call, guest, post, startApp } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'

const LINKS = { JWT_SECRET: SECRET, LINK_AFTER: '1h' }

t.test('links are not for guests who have only just come; others may post them', async (t) => {
  const { url } = await startApp(t, LINKS)
  const fresh = { authorization: (await guest(url)).authorization }
  for (const [who, headers] of Object.entries<Record<string, string>>({ 'a new guest': fresh, nobody: {} })) {
    for (const body of [{ message: 'see https://evil.example' }, { message: 'evil.com' }, { type: 'my.card', data: { href: 'https://evil.example' } }]) {
      const { status, body: answer, headers: answered } = await post(url, body, headers)
      t.equal(status, 403, who)
      t.match(answer, { code: 'HUB_LINK_TOO_EARLY', message: /1 hour.*\d+ s/ })
      t.notOk(answered.get('set-cookie'))
    }
    t.equal((await post(url, { message: 'no link, main.py' }, headers)).status, 201, who)
  }
  const { body: { token } } = await call(`${url}/tokens`, { body: { name: 'CI', rooms: { write: ['lobby'] } }, headers: await bearer({ rooms: { moderate: ['*'] } }) })
  for (const headers of [{ authorization: `Bearer ${token}` }, await bearer()]) t.equal((await post(url, { message: 'https://ci.example/1' }, headers)).status, 201)
  t.equal((await call(`${url}/rooms/lobby/events`)).body.events.length, 4)
})

t.test('nor is a link a name for who has only just come', async (t) => {
  const { app, url } = await startApp(t, LINKS)
  const { authorization, id, name } = await guest(url)
  const rename = (name: string, headers: Record<string, string>) => call(`${url}/users/me`, { method: 'PATCH', body: { name }, headers })
  for (const link of ['evil.com/win', 'https://evil.io', 'see evil.com', 'evil\uff0ecom']) t.match(await rename(link, { authorization }), { status: 403, body: { code: 'HUB_LINK_TOO_EARLY' } }, link)
  t.equal((await rename('Dr. No', { authorization })).status, 200)
  t.equal((await rename('evil.com', { authorization: `Bearer ${app.guestTokens.sign({ id, name, tag: '' }, Date.now() - 3_600_000)}` })).status, 200)
})

t.test('who may only write is not told what there is', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'ops' })
  const writer = await bearer({ sub: 'w', rooms: { write: ['ops'] } })
  const { body: { event } } = await post(url, { room: 'ops', message: 'x' }, await bearer({ sub: 'm', rooms: { moderate: ['ops'] } }))
  for (const id of [event.id, '5-5']) {
    t.match(await post(url, { room: 'ops', message: 'x', replyTo: id }, writer), { status: 403, body: { code: 'HUB_FORBIDDEN', message: /read in the room/ } })
    for (const method of ['DELETE', 'PATCH']) {
      const body = method === 'PATCH' ? { message: 'y' } : undefined
      t.match(await call(`${url}/rooms/ops/events/${id}`, { method, body, headers: writer }), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN', message: new RegExp(id) } }, method)
    }
  }
  const { body: { event: own } } = await post(url, { room: 'ops', message: 'x' }, writer)
  t.equal((await call(`${url}/rooms/ops/events/${own.id}`, { method: 'PATCH', body: { message: 'y' }, headers: writer })).status, 200)
})

t.test('a guest who has been here for LINK_AFTER posts links, also by a renewed token', async (t) => {
  const { app, url } = await startApp(t, LINKS)
  const { id, name } = await guest(url)
  const authorization = `Bearer ${app.guestTokens.sign({ id, name, tag: '' }, Date.now() - 3_600_000)}`
  t.equal((await post(url, { message: 'https://a.example' }, { authorization })).status, 201)
  const open = await startApp(t, { LINK_AFTER: '0s' })
  t.equal((await post(open.url, { message: 'https://a.example' })).status, 201, 'and with 0s everybody does')
})

t.test('words that the host does not want are refused, which says which', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, BLOCKED_WORDS: 'fudge,垃圾' })
  for (const message of ['oh FUDGE', 'f\u200budge!', 'это 垃圾的']) {
    const { status, body } = await post(url, { message })
    t.equal(status, 400, message)
    t.equal(body.code, 'HUB_WORD_BLOCKED')
    t.match(body.message, /fudge|垃圾/)
  }
  t.equal((await post(url, { message: 'fudgecake' })).status, 201)
  t.equal((await post(url, { room: 'fudge', message: 'x' })).body.code, 'HUB_WORD_BLOCKED')
  t.equal((await post(url, { message: 'fudge' }, await bearer({ rooms: { moderate: ['*'] } }))).status, 201, 'a moderator may quote it')
  t.equal((await call(`${url}/rooms`)).body.rooms.length, 1)
})

t.test('a room is not named as if it were the host\'s own, but by who moderates it', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, RESERVED_NAMES: 'acme' })
  for (const room of ['admin', 'moderators', 'acme', 'adm1n', 'the-mods']) {
    const { status, body } = await post(url, { room, message: 'x' })
    t.equal(status, 409, room)
    t.equal(body.code, 'HUB_NAME_RESERVED')
  }
  for (const room of ['help', 'room-2', 'all']) t.equal((await post(url, { room, message: 'x' })).status, 201, room)
  t.equal((await post(url, { room: 'acme', message: 'x' }, await bearer({ rooms: { moderate: ['*'] } }))).status, 201)
  t.equal((await post(url, { room: 'acme', message: 'x' })).status, 201, 'once it is there, everybody talks in it')
})

t.test('one user makes only so many rooms, and so fast; the rooms there are, are open', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, LIMITS: 'on', ROOMS_PER_HOUR: '3', ROOMS_PER_USER: '100' })
  const [a, b] = [{ authorization: (await guest(url)).authorization }, { authorization: (await guest(url)).authorization }]
  for (const room of ['r1', 'r2', 'r3']) t.equal((await post(url, { room, message: 'x' }, a)).status, 201)
  const refused = await post(url, { room: 'r4', message: 'x' }, a)
  t.match(refused, { status: 429, body: { code: 'HUB_TOO_MANY_REQUESTS', limit: 'rooms-per-user' } })
  t.match(refused.headers.get('retry-after'), /^[1-9]\d*$/)
  t.notOk((await call(`${url}/rooms`)).body.rooms.some(({ room }: any) => room === 'r4'))
  t.equal((await post(url, { room: 'r1', message: 'x' }, a)).status, 201)
  t.equal((await post(url, { room: 'r4', message: 'x' }, b)).status, 201)
  t.equal((await post(url, { room: 'r4', message: 'x' }, a)).status, 201)
  const admin = await bearer({ rooms: { moderate: ['*'] } })
  for (let index = 0; index < 6; index++) t.equal((await post(url, { room: `m${index}`, message: 'x' }, admin)).status, 201)

  const few = await startApp(t, { LIMITS: 'on', ROOMS_PER_HOUR: '50', ROOMS_PER_USER: '2' })
  const c = { authorization: (await guest(few.url)).authorization }
  t.strictSame(await Promise.all(['a', 'b'].map(async (room) => (await post(few.url, { room, message: 'x' }, c)).status)), [201, 201])
  t.equal((await post(few.url, { room: 'c', message: 'x' }, c)).status, 429)
})
