import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Reader, call, eventually, guest, missing, post, startServer, temporaryDirectory, type Environment } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { hubbub, hubbubJson } from './command-line.js'

/** With limits it is kept which rooms a user has made. */
const LIMITED = { LIMITS: 'on', RENAMES_PER_MINUTE: '100000' }

async function scenario (t: Test, environment: Environment): Promise<void> {
  const { url } = await startServer(t, environment)
  const [ada, bob] = [await guest(url), await guest(url)]
  const [a, b] = [{ authorization: ada.authorization }, { authorization: bob.authorization }]
  for (const room of ['lobby', 'den']) for (let index = 0; index < 3; index++) await post(url, { room, message: `secret ${index} of ada` }, a)
  await post(url, { type: 'my.card', data: { text: 'secret card' } }, a)
  const reader = await Reader.open(`${url}/events?history=100`, { headers: a })
  const other = await Reader.open(`${url}/events?history=100`, { headers: b })
  t.teardown(() => other.close())
  await reader.until(({ events }) => events.length === 4)
  const invited = await hubbubJson(environment, ['invite', 'create', 'lobby', '--role', 'moderator', '--uses', '1'])
  const join = new URL(`join/${invited.code}`, `${url}/`)
  t.equal((await call(join.href, { method: 'POST', headers: a })).status, 200)
  const given = (await call(`${url}/tokens`, { body: { name: 'Bot', rooms: { write: ['lobby'] } }, headers: a })).body
  const asked = (await call(`${url}/invites`, { body: { room: 'lobby' }, headers: a })).body
  t.equal((await call(`${url}/join/${asked.code}`, { method: 'POST', headers: b })).status, 200)
  const { body: { event: spam } } = await post(url, { message: 'spam' }, b)
  t.equal((await call(`${url}/rooms/lobby/events/${spam.id}?reason=ada%20says%20so`, { method: 'DELETE', headers: a })).status, 200)
  const { body: { event: rude } } = await post(url, { message: 'said by bob, rudely' }, b)
  const { body: { event: hers } } = await post(url, { message: 'secret of ada, reported' }, a)
  const report = async (headers: Record<string, string>, event: string, reason: string): Promise<boolean> => t.equal((await call(`${url}/rooms/lobby/reports`, { body: { event, reason }, headers })).status, 201)
  await report(a, rude.id, 'ada thinks so')
  await report(b, hers.id, 'a secret')
  const { body: { user } } = await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'Ada Secret' }, headers: a })
  t.equal(user.name, 'Ada Secret')
  await post(url, { message: 'said by bob' }, b)
  await eventually(async () => /"record":"address"/.test((await hubbub(environment, ['user', 'export', ada.id])).out), 'from where ada came is kept')

  const exported = (await hubbub(environment, ['user', 'export', ada.id])).out.trim().split('\n').map((line) => JSON.parse(line))
  const of = (record: string): any[] => exported.filter((one) => one.record === record)
  t.equal(of('event').length, 10)
  t.strictSame(of('report'), [{ record: 'report', room: 'lobby', id: rude.id, at: of('report')[0].at, reason: 'ada thinks so' }], 'those that ada has made')
  t.match(of('invitation-used'), [{ invite: invited.id }])
  t.match(of('name'), [{ name: 'Ada Secret' }])
  t.strictSame(of('token'), [{ record: 'token', id: given.id, name: 'Bot', grants: { write: ['lobby'] }, by: given.by, at: given.at }])
  t.match(of('invitation'), [{ id: asked.id, room: 'lobby', role: 'writer' }])
  t.strictSame(of('room-made').map(({ room }) => room), ['den', 'lobby'])
  t.match(of('address'), [{ keyedHash: /^[\w-]{22}$/, at: String }])
  t.notMatch(JSON.stringify(exported), /127\.0\.0\.1|said by bob/)

  const erased = await hubbubJson(environment, ['user', 'erase', ada.id])
  t.match(erased, { events: 9, rooms: 2, kept: /moderation log/ })
  await reader.end()
  t.match(reader.notices('bye'), [{ reason: 'revoked' }])
  await other.until(({ events }) => events.filter(({ type }) => type === 'delete').length >= 5)
  for (const room of ['lobby', 'den']) {
    const { body } = await call(`${url}/rooms/${room}/events?after=0-0&limit=500`)
    t.notMatch(JSON.stringify(body), /secret/i, room)
    for (const event of body.events.filter((event: any) => event.user.id === ada.id)) t.match(event.user, { id: ada.id, name: 'erased', tag: user.tag })
  }
  t.equal((await call(`${url}/rooms/lobby/events?limit=500`)).body.events.filter(({ message }: any) => message === 'said by bob').length, 1)
  t.equal((await post(url, { message: 'x' }, a)).body.code, 'HUB_TOKEN_REVOKED')
  t.equal((await post(url, { message: 'x' }, { authorization: `Bearer ${given.token}` })).body.code, 'HUB_TOKEN_REVOKED')
  t.equal((await call(`${url}/join/${asked.code}`, { method: 'POST' })).status, 404)
  t.equal((await post(url, { message: 'said by bob' }, b)).status, 201)
  const { code } = await hubbubJson(environment, ['invite', 'create', 'lobby', '--role', 'moderator'])
  const mod = { authorization: (await guest(url)).authorization }
  t.equal((await call(`${url}/join/${code}`, { method: 'POST', headers: mod })).status, 200)
  t.strictSame((await call(`${url}/rooms/lobby/reports`, { headers: mod })).body, { reports: [] }, 'neither what ada has reported, nor what others have of her')
  t.notMatch((await hubbub(environment, ['user', 'export', bob.id])).out, /"record":"report"/)
  t.match(await hubbubJson(environment, ['user', 'erase', ada.id]), { events: 0 }, 'once more, nothing is left to do')
  await eventually(async () => (await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'Ada Secret' }, headers: b })).status === 200, 'the name is free, on Redis once nobody claims it any more', 60_000)
  t.equal((await call(join.href, { method: 'POST', headers: b })).status, 404, 'the invitation is used up all the same')
  const left = (await hubbub(environment, ['user', 'export', ada.id])).out.trim().split('\n').map((line) => JSON.parse(line))
  t.notMatch(JSON.stringify(left), /secret/i)
  t.strictSame([...new Set(left.map(({ record }) => record))].sort(), ['end', 'event', 'moderation'])
  for (const headers of [{}, b] as Array<Record<string, string>>) {
    t.not((await call(`${url}/users/${bob.id}/data`, { headers })).status, 200)
    t.ok((await call(`${url}/users/${bob.id}/data`, { method: 'DELETE', headers })).status >= 401)
  }
}

t.test('what is kept of a user is exported, and erased everywhere, on LMDB', async (t) => {
  await scenario(t, { DATA_DIR: temporaryDirectory(t), ...LIMITED })
})

t.test('the same on Redis', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  await scenario(t, { REDIS_URL: (await RedisServer.start(t)).url, ...LIMITED })
})

t.test('a room that another program has spoilt is named, and what it held of the user goes all the same', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const environment = { REDIS_URL: redis.url }
  const { url } = await startServer(t, environment)
  const [ada, bob] = [await guest(url), await guest(url)]
  for (const room of ['contents', 'lobby', 'lost', 'order']) {
    for (const [{ authorization }, message] of [[ada, 'secret of ada'], [bob, `of bob, who names ${ada.id}`]] as const) t.equal((await post(url, { room, message }, { authorization })).status, 201)
  }
  const spoil = async (key: string): Promise<void> => { await redis.command('SET', key, 'of another program') }
  await spoil('hubbub:{contents}:events')
  await spoil('hubbub:{order}')
  await redis.command('DEL', 'hubbub:{lost}')
  await redis.command('HSET', 'hubbub:{order}:events', 'not an id', `{"user":{"id":"${ada.id}","name":"secret"}}`, '9-9', `no JSON "${ada.id}"`)

  const exported = await hubbub(environment, ['user', 'export', ada.id])
  t.equal(exported.code, 1, exported.err)
  t.match(exported.err, /not all: .*could not read these rooms/)
  const lines = exported.out.trim().split('\n').map((line) => JSON.parse(line))
  t.strictSame(lines.filter(({ record }) => record === 'unreadable').map(({ room }) => room), ['contents', 'order'])
  t.strictSame(lines.filter(({ record }) => record === 'stray').map(({ room, message }) => [room, message]).sort(), [['lost', 'secret of ada'], ['order', undefined], ['order', 'secret of ada']])
  t.equal(lines.filter(({ record, message }) => record === 'event' && message === 'secret of ada').length, 1)

  const erased = await hubbub(environment, ['--json', 'user', 'erase', ada.id])
  t.equal(erased.code, 1, erased.err)
  t.match(erased.err, /^contents, order: the server could not read/)
  t.match(JSON.parse(erased.out), { events: 4, unreadable: ['contents', 'order'] })
  for (const room of ['lobby', 'lost', 'order']) {
    const contents = String(await redis.command('HVALS', `hubbub:{${room}}:events`))
    t.notMatch(contents, /secret/, room)
    t.match(contents, /of bob/, 'nothing else is gone')
  }
  await redis.command('DEL', 'hubbub:{order}', 'hubbub:{contents}:events')
  t.equal((await hubbub(environment, ['user', 'erase', ada.id])).code, 0, 'mended')
  t.equal((await hubbub(environment, ['user', 'export', ada.id])).code, 0)
})

t.test('an id that an application has chosen, whatever it begins with', async (t) => {
  const environment = { DATA_DIR: temporaryDirectory(t), JWT_SECRET: SECRET }
  const { url } = await startServer(t, environment)
  await post(url, { message: 'x' }, await bearer({ sub: '-h', name: 'Ada' }))
  t.match((await hubbub(environment, ['user', 'export', '--', '-h'])).out, /"record":"event".*"id":"-h"/)
  t.equal((await hubbub(environment, ['user', 'erase', '--', '-h'])).code, 0)
})

t.test('no address is kept as it is', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const server = await startServer(t, { DATA_DIR, HOST: '127.0.0.1' })
  await post(server.url, { message: 'hi' })
  const { id } = await guest(server.url)
  await eventually(async () => /address/.test((await hubbub({ DATA_DIR }, ['user', 'export', id])).out), 'it is stored')
  await server.stop('SIGTERM')
  for (const file of readdirSync(DATA_DIR)) t.notOk(readFileSync(join(DATA_DIR, file)).includes('127.0.0.1'), file)
})
