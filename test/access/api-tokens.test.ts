import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Reader, call, guest, post, startApp, temporaryDirectory } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'

const auth = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` })

t.test('a program gets a token for some rooms, shown once, with a badge on what it posts', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const { app, url } = await startApp(t, { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'alerts', DATA_DIR })
  const admin = await bearer({ sub: 'admin', name: 'Host', rooms: { moderate: ['*'] } })
  const made = await call(`${url}/tokens`, { body: { name: 'Deploys', rooms: { write: ['alerts'] }, for: '30d' }, headers: admin })
  t.equal(made.status, 201)
  t.match(made.body, { id: /^[a-z0-9]{10}$/, name: 'Deploys', rooms: { write: ['alerts'] }, by: { id: 'admin' }, token: /^hubbub_[a-z0-9]{10}_[\w-]{32}$/, until: String })
  t.equal(made.headers.get('cache-control'), 'no-store')
  const { token, id, ...shown } = made.body

  const { status, body } = await post(url, { room: 'alerts', message: 'deployed' }, auth(token))
  t.equal(status, 201)
  t.match(body.event.user, { id: `~${id}`, name: 'Deploys', bot: true })
  t.notOk('token' in body)
  t.equal((await call(`${url}/rooms/alerts/events`, { headers: auth(token) })).body.code, 'HUB_FORBIDDEN')
  t.equal((await post(url, { message: 'x' }, auth(token))).body.code, 'HUB_ROOM_UNKNOWN')
  t.match((await call(`${url}/users/me`, { headers: auth(token) })).body, { user: { name: 'Deploys', bot: true } })
  t.equal((await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'x' }, headers: auth(token) })).status, 403)
  const history = await call(`${url}/rooms/alerts/events`, { headers: admin })
  t.equal(history.body.events[0].user.bot, true)
  t.notMatch(JSON.stringify((await post(url, { message: 'hi', data: { bot: true } })).body.event.user), /bot/)

  const listed = (await call(`${url}/tokens`, { headers: admin })).body
  t.strictSame(listed, { tokens: [{ id, ...shown }] })
  t.notMatch(JSON.stringify(listed), token.slice(-32))
  await app.close()
  for (const file of readdirSync(DATA_DIR, { withFileTypes: true }).filter((entry) => entry.isFile())) {
    t.notOk(readFileSync(join(DATA_DIR, file.name)).includes(token.slice(-32)), `${file.name} does not have it`)
  }
  const again = await startApp(t, { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'alerts', DATA_DIR })
  t.equal((await post(again.url, { room: 'alerts', message: 'x' }, auth(token))).status, 201, 'it outlives the server')
})

t.test('a token that is taken back is good no more, and its streams end', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const admin = await bearer({ sub: 'admin', rooms: { moderate: ['*'] } })
  const { body: { id, token } } = await call(`${url}/tokens`, { body: { name: 'Reader', rooms: { read: ['*'] } }, headers: admin })
  const reader = await Reader.open(`${url}/events`, { headers: auth(token) })
  await reader.until(({ received }) => received.length > 0)
  const at = Date.now()
  t.equal((await call(`${url}/tokens/${id}`, { method: 'DELETE', headers: admin })).status, 204)
  await reader.end()
  t.match(reader.notices('bye'), [{ reason: 'revoked', message: String }])
  t.ok(Date.parse(reader.notices('bye')[0].at) - at < 1_000)
  t.equal((await call(`${url}/rooms`, { headers: auth(token) })).body.code, 'HUB_TOKEN_REVOKED')
  t.equal((await call(`${url}/tokens/${id}`, { method: 'DELETE', headers: admin })).body.code, 'HUB_TOKEN_UNKNOWN')
})

t.test('what a token has made goes with it, and is bound by whoever has made that one', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const admin = await bearer({ sub: 'admin', rooms: { moderate: ['*'] } })
  const other = await bearer({ sub: 'other', rooms: { moderate: ['*'] } })
  const make = async (by: Record<string, string>): Promise<{ id: string, token: string }> => (await call(`${url}/tokens`, { body: { name: 'Bot', rooms: { moderate: ['lobby'] } }, headers: by })).body
  const first = await make(other)
  const second = await make(auth(first.token))
  const third = await make(auth(second.token))
  t.equal((await post(url, { message: 'x' }, auth(third.token))).status, 201)
  const ban = async (user: string): Promise<any> => (await call(`${url}/moderation/mutes`, { body: { user, room: 'lobby' }, headers: await bearer({ sub: 'lobbys', rooms: { moderate: ['*'] } }) })).body.action
  // Whom nothing is known of any more but that they are known.
  await post(url, { message: 'x' }, other)
  const { id } = await ban(`~${first.id}`)
  for (const { token } of [first, second, third]) t.equal((await post(url, { message: 'x' }, auth(token))).body.code, 'HUB_MUTED')
  t.equal((await call(`${url}/moderation/log/${id}/undo`, { method: 'POST', headers: auth(third.token) })).body.code, 'HUB_ACTION_UNKNOWN')
  t.equal((await call(`${url}/moderation/log/${id}/undo`, { method: 'POST', headers: admin })).status, 201)
  t.equal((await call(`${url}/tokens/${first.id}`, { method: 'DELETE', headers: admin })).status, 204)
  for (const { token } of [first, second, third]) t.equal((await post(url, { message: 'x' }, auth(token))).body.code, 'HUB_TOKEN_REVOKED')
  t.strictSame((await call(`${url}/tokens`, { headers: admin })).body.tokens, [])
})

t.test('a token is not called as if it were the host\'s own, but by who moderates everything', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, RESERVED_NAMES: 'acme' })
  const [mod, admin] = await Promise.all([bearer({ sub: 'm', rooms: { moderate: ['lobby'] } }), bearer({ sub: 'a', rooms: { moderate: ['*'] } })])
  const make = (name: string, headers: Record<string, string>) => call(`${url}/tokens`, { body: { name, rooms: { write: ['lobby'] } }, headers })
  for (const name of ['Admin', 'Acme', 'm0d']) t.match(await make(name, mod), { status: 409, body: { code: 'HUB_NAME_RESERVED' } }, name)
  t.match(await make('аdmin bоt', mod), { status: 400, body: { code: 'HUB_NAME_MIXED' } })
  for (const name of ['Bot', 'Support', 'Deploys']) t.equal((await make(name, mod)).status, 201, name)
  t.equal((await make('Acme', admin)).status, 201)
})

t.test('a token by the right id with another secret is none, nor is one that looks like it', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const { body: { id, token } } = await call(`${url}/tokens`, { body: { name: 'x', rooms: { read: ['*'] } }, headers: await bearer({ rooms: { moderate: ['*'] } }) })
  for (const wrong of [`hubbub_${id}_${'a'.repeat(32)}`, `hubbub_${id}_`, token.slice(0, -1), `${token}a`, token.toUpperCase(), `hubbub_${'a'.repeat(10)}_${'a'.repeat(32)}`, 'hubbub', '']) {
    t.equal((await call(`${url}/rooms`, { headers: auth(wrong) })).status, 401, wrong)
  }
})

t.test('tokens end', async (t) => {
  const { app, url } = await startApp(t, { JWT_SECRET: SECRET })
  const { body: { id, token, until } } = await call(`${url}/tokens`, { body: { name: 'Short', rooms: { read: ['*'] }, for: '1s' }, headers: await bearer({ rooms: { moderate: ['*'] } }) })
  const reader = await Reader.open(`${url}/events`, { headers: auth(token) })
  await reader.end()
  t.match(reader.notices('bye'), [{ reason: 'expired' }])
  t.equal((await call(`${url}/rooms`, { headers: auth(token) })).body.code, 'HUB_TOKEN_EXPIRED')
  const admin = await bearer({ rooms: { moderate: ['*'] } })
  t.match((await call(`${url}/tokens`, { headers: admin })).body.tokens, [{ id, until }], 'it is seen to have ended')
  const { until: gone } = await app.engine.documents.get<any>('token', id)
  t.ok(Math.abs(gone - Date.parse(until) - 7 * 86_400_000) < 1_000, 'for a week')
  for (const wrong of ['0s', '0d', '366d']) t.match(await call(`${url}/tokens`, { body: { name: 'x', rooms: { read: ['*'] }, for: wrong }, headers: admin }), { status: 400, body: { code: 'HUB_INVALID_BODY' } }, wrong)
  t.equal((await call(`${url}/tokens`, { headers: admin })).body.tokens.length, 1)
})

t.test('only who moderates a room makes tokens for it', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const mod = await bearer({ sub: 'm', rooms: { moderate: ['team-*'] } })
  const make = (rooms: object, headers: Record<string, string>) => call(`${url}/tokens`, { body: { name: 'x', rooms }, headers })
  t.equal((await make({ read: ['team-red'], write: ['team-b*'], moderate: ['team-*'] }, mod)).status, 201)
  for (const rooms of [{ read: ['*'] }, { read: ['lobby'] }, { write: ['team*'] }, { read: ['team-red'], moderate: ['lobby'] }]) t.equal((await make(rooms, mod)).body.code, 'HUB_FORBIDDEN', JSON.stringify(rooms))
  for (const rooms of [{}, { read: [] }, { reed: ['*'] }, { read: ['Team'] }, { read: '*' }]) t.equal((await make(rooms, mod)).status, 400, JSON.stringify(rooms))
  const writer = await bearer({ sub: 'w', rooms: { read: ['*'], write: ['*'] } })
  t.equal((await make({ read: ['lobby'] }, writer)).status, 403)
  t.equal((await make({ read: ['lobby'] }, { authorization: (await guest(url)).authorization })).status, 403)
  t.equal((await make({ read: ['lobby'] }, {})).body.code, 'HUB_TOKEN_REQUIRED')
  const other = await bearer({ sub: 'o', rooms: { moderate: ['lobby'] } })
  t.strictSame((await call(`${url}/tokens`, { headers: other })).body, { tokens: [] }, 'what is another room\'s is not told')
  const { body: { tokens } } = await call(`${url}/tokens`, { headers: mod })
  t.equal((await call(`${url}/tokens/${tokens[0].id}`, { method: 'DELETE', headers: other })).status, 404)
})
