import diagnostics from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { call, guest, startApp, type RunningApp } from '../harness.js'
import { SECRET, bearer, inSeconds, sign } from '../host-application.js'

/**
 * Every route, asked by every kind of caller. Whoever has rights has them in `lobby`, which is public, and in `ops`, which is
 * private. `own` is what the caller has said, where the caller can say anything. The column before the callers is the status of
 * success, a dot its cell; another cell is one of REFUSALS. HEAD is answered with the status of GET where it has no row of its own.
 */
const TABLE = `
route                           room       ok   none guest member old-guest old-host forged revoked foreign host reader writer bot-r bot-w bot-m mod admin operator muted banned none/t guest/t
GET /events                     lobby      200  .    .     .      x         x        i      r       u       .    .      .      .     f     .     .   .     .        .     b      a      a
GET /events                     ops        200  u    u     .      x         x        i      r       u       u    .      .      .     f     .     .   .     .        .     b      a      a
HEAD /events                    -          200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
POST /events                    lobby      201  .    .     .      x         x        i      r       u       .    f      .      f     .     .     .   .     .        m     b      a      a
POST /events                    ops        201  u    u     .      x         x        i      r       u       u    f      .      f     .     .     .   .     .        m     b      a      a
GET /rooms                      -          200  .    .     .      x         x        i      r       .       .    .      .      .     .     .     .   .     .        .     .      .      .
GET /rooms/:room                lobby      200  .    .     .      x         x        i      r       u       .    .      .      .     f     .     .   .     .        .     b      a      a
GET /rooms/:room                ops        200  u    u     .      x         x        i      r       u       u    .      .      .     f     .     .   .     .        .     b      a      a
PATCH /rooms/:room              lobby      200  a    f     f      x         x        i      r       u       f    f      f      f     f     .     .   .     .        f     f      a      a
PATCH /rooms/:room              ops        200  a    u     f      x         x        i      r       u       u    f      f      f     f     .     .   .     .        f     f      a      a
GET /rooms/:room/events         lobby      200  .    .     .      x         x        i      r       u       .    .      .      .     f     .     .   .     .        .     b      a      a
GET /rooms/:room/events         ops        200  u    u     .      x         x        i      r       u       u    .      .      .     f     .     .   .     .        .     b      a      a
PATCH /rooms/:room/events/:id   lobby      200  a    n     n      x         x        i      r       u       n    f      n      f     e     n     n   n     n        m     b      a      a
PATCH /rooms/:room/events/:id   ops        200  a    u     n      x         x        i      r       u       u    f      n      f     e     n     n   n     n        m     b      a      a
PATCH /rooms/:room/events/:id   lobby/own  200  a    .     .      x         x        i      r       u       .    f      .      f     .     .     .   .     .        m     b      a      a
PATCH /rooms/:room/events/:id   ops/own    200  a    u     .      x         x        i      r       u       u    f      .      f     .     .     .   .     .        m     b      a      a
DELETE /rooms/:room/events/:id  lobby      200  a    n     n      x         x        i      r       u       n    f      n      f     e     .     .   .     .        m     b      a      a
DELETE /rooms/:room/events/:id  ops        200  a    u     n      x         x        i      r       u       u    f      n      f     e     .     .   .     .        m     b      a      a
DELETE /rooms/:room/events/:id  lobby/own  200  a    .     .      x         x        i      r       u       .    f      .      f     .     .     .   .     .        m     b      a      a
DELETE /rooms/:room/events/:id  ops/own    200  a    u     .      x         x        i      r       u       u    f      .      f     .     .     .   .     .        m     b      a      a
POST /rooms/:room/typing        lobby      200  a    .     .      x         x        i      r       u       .    f      .      f     .     .     .   .     .        m     b      a      a
POST /rooms/:room/typing        ops        200  a    u     .      x         x        i      r       u       u    f      .      f     .     .     .   .     .        m     b      a      a
POST /rooms/:room/reports       lobby      201  a    .     .      x         x        i      r       u       .    .      .      .     f     .     .   .     .        .     b      a      a
POST /rooms/:room/reports       ops        201  a    u     .      x         x        i      r       u       u    .      .      .     f     .     .   .     .        .     b      a      a
GET /rooms/:room/reports        lobby      200  a    f     f      x         x        i      r       u       f    f      f      f     f     .     .   .     .        f     f      a      a
GET /rooms/:room/reports        ops        200  a    u     f      x         x        i      r       u       u    f      f      f     f     .     .   .     .        f     f      a      a
DELETE /rooms/:room/reports/:id lobby      200  a    f     f      x         x        i      r       u       f    f      f      f     f     .     .   .     .        f     f      a      a
DELETE /rooms/:room/reports/:id ops        200  a    u     f      x         x        i      r       u       u    f      f      f     f     .     .   .     .        f     f      a      a
GET /users                      lobby      200  .    .     .      x         x        i      r       u       .    .      .      .     f     .     .   .     .        .     b      a      a
GET /users                      ops        200  u    u     .      x         x        i      r       u       u    .      .      .     f     .     .   .     .        .     b      a      a
GET /users/me                   -          200  .    .     .      x         x        i      r       .       .    .      .      .     .     .     .   .     .        .     .      a      .
PATCH /users/me                 -          200  .    .     .      x         x        i      r       f       f    f      f      f     f     f     f   f     f        m     b      a      .
GET /users/:id/data             -          200  a    f     f      x         x        i      r       f       f    f      f      f     f     f     f   f     .        f     f      a      f
DELETE /users/:id/data          -          200  a    f     f      x         x        i      r       f       f    f      f      f     f     f     f   f     .        f     f      a      f
POST /moderation/bans           lobby      201  a    f     f      x         x        i      r       u       f    f      f      f     f     .     .   .     .        f     f      a      a
POST /moderation/bans           ops        201  a    u     f      x         x        i      r       u       u    f      f      f     f     .     .   .     .        f     f      a      a
POST /moderation/bans           -          201  a    f     f      x         x        i      r       f       f    f      f      f     f     f     f   .     .        m     b      a      f
POST /moderation/mutes          lobby      201  a    f     f      x         x        i      r       u       f    f      f      f     f     .     .   .     .        f     f      a      a
POST /moderation/mutes          ops        201  a    u     f      x         x        i      r       u       u    f      f      f     f     .     .   .     .        f     f      a      a
POST /moderation/mutes          -          201  a    f     f      x         x        i      r       f       f    f      f      f     f     f     f   .     .        m     b      a      f
POST /moderation/clears         lobby      201  a    f     f      x         x        i      r       u       f    f      f      f     f     .     .   .     .        f     f      a      a
POST /moderation/clears         ops        201  a    u     f      x         x        i      r       u       u    f      f      f     f     .     .   .     .        f     f      a      a
POST /moderation/clears         -          201  a    f     f      x         x        i      r       f       f    f      f      f     f     f     f   .     .        m     b      a      f
GET /moderation/restrictions    -          200  a    .     .      x         x        i      r       .       .    .      .      .     .     .     .   .     .        .     .      a      .
GET /moderation/restrictions    ops        200  a    u     f      x         x        i      r       u       u    f      f      f     f     .     .   .     .        f     f      a      a
GET /moderation/log             -          200  a    .     .      x         x        i      r       .       .    .      .      .     .     .     .   .     .        .     .      a      .
GET /moderation/log             ops        200  a    u     f      x         x        i      r       u       u    f      f      f     f     .     .   .     .        f     f      a      a
POST /moderation/log/:id/undo   lobby      201  a    c     c      x         x        i      r       c       c    c      c      c     c     .     .   .     .        c     c      a      c
POST /moderation/log/:id/undo   ops        201  a    c     c      x         x        i      r       c       c    c      c      c     c     .     .   .     .        c     c      a      c
POST /invites                   lobby      201  a    f     f      x         x        i      r       f       f    f      f      f     f     .     .   .     .        f     f      a      f
POST /invites                   ops        201  a    f     f      x         x        i      r       f       f    f      f      f     f     .     .   .     .        f     f      a      f
GET /invites                    -          200  a    .     .      x         x        i      r       .       .    .      .      .     .     .     .   .     .        .     .      a      .
DELETE /invites/:id             ops        204  a    v     v      x         x        i      r       v       v    v      v      v     v     .     .   .     .        v     v      a      v
GET /join/:code                 den        200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
POST /join/:code                den        200  .    .     .      x         x        i      r       .       .    .      .      .     .     .     .   .     .        .     b      .      .
POST /tokens                    lobby      201  a    f     f      x         x        i      r       f       f    f      f      f     f     .     .   .     .        f     f      a      f
POST /tokens                    ops        201  a    f     f      x         x        i      r       f       f    f      f      f     f     .     .   .     .        f     f      a      f
GET /tokens                     -          200  a    .     .      x         x        i      r       .       .    .      .      .     .     .     .   .     .        .     .      a      .
DELETE /tokens/:id              ops        204  a    t     t      x         x        i      r       t       t    t      t      t     t     .     .   .     .        t     t      a      t
POST /revocations               -          204  a    f     f      x         x        i      r       f       f    f      f      f     f     f     f   .     .        f     f      a      f
GET /                           -          200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
GET /embed                      -          200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
GET /vendor/eventsource-parser.js -        200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
GET /*                          -          200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
OPTIONS *                       -          204  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
GET /docs…                      -          200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
GET /healthz                    -          200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
GET /readyz                     -          200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
GET /metrics                    -          200  .    .     .      .         .        .      .       .       .    .      .      .     .     .     .   .     .        .     .      .      .
`

const REFUSALS: Record<string, string> = {
  a: '401 HUB_TOKEN_REQUIRED',
  i: '401 HUB_TOKEN_INVALID',
  x: '401 HUB_TOKEN_EXPIRED',
  r: '401 HUB_TOKEN_REVOKED',
  f: '403 HUB_FORBIDDEN',
  m: '403 HUB_MUTED',
  b: '403 HUB_BANNED',
  n: '403 HUB_NOT_YOURS',
  u: '404 HUB_ROOM_UNKNOWN',
  v: '404 HUB_INVITE_UNKNOWN',
  t: '404 HUB_TOKEN_UNKNOWN',
  c: '404 HUB_ACTION_UNKNOWN',
  e: '404 HUB_EVENT_UNKNOWN'
}

/** In the table, where a row is for no room, or for all. */
const NO_ROOM = '-'
/** A site whose pages may post, and so ask first. */
const FRIEND = 'https://friend.example'

type Headers = Record<string, string>
interface Request { path: string, body?: unknown, headers?: Headers }
interface Asked { url: string, room: string, own: boolean, caller: Headers, admin: Headers, n: number }

/** What each route is asked for. What it acts on is made for it alone. */
const REQUESTS: Record<string, (asked: Asked) => Request | Promise<Request>> = {
  'GET /events': ({ room }) => ({ path: `/events?room=${room}`, headers: { accept: 'application/x-ndjson' } }),
  'HEAD /events': () => ({ path: '/events?room=ops' }),
  'POST /events': ({ room, n }) => ({ path: '/events', body: { room, message: `something ${n}` } }),
  'GET /rooms': () => ({ path: '/rooms' }),
  'GET /rooms/:room': ({ room }) => ({ path: `/rooms/${room}` }),
  'PATCH /rooms/:room': ({ room, n }) => ({ path: `/rooms/${room}`, body: { topic: `topic ${n}` } }),
  'GET /rooms/:room/events': ({ room }) => ({ path: `/rooms/${room}/events` }),
  'PATCH /rooms/:room/events/:id': async (asked) => ({ path: `/rooms/${asked.room}/events/${await said(asked)}`, body: { message: `something else ${asked.n}` } }),
  'DELETE /rooms/:room/events/:id': async (asked) => ({ path: `/rooms/${asked.room}/events/${await said(asked)}` }),
  'POST /rooms/:room/typing': ({ room }) => ({ path: `/rooms/${room}/typing` }),
  'POST /rooms/:room/reports': async (asked) => ({ path: `/rooms/${asked.room}/reports`, body: { event: await said(asked) } }),
  'GET /rooms/:room/reports': ({ room }) => ({ path: `/rooms/${room}/reports` }),
  'DELETE /rooms/:room/reports/:id': async (asked) => {
    const id = await said(asked)
    await made(`rooms/${asked.room}/reports`, asked, { event: id })
    return { path: `/rooms/${asked.room}/reports/${id}` }
  },
  'GET /users': ({ room }) => ({ path: `/users?room=${room}` }),
  'GET /users/me': () => ({ path: '/users/me' }),
  'PATCH /users/me': ({ n }) => ({ path: '/users/me', body: { name: `somebody ${n}` } }),
  'GET /users/:id/data': () => ({ path: '/users/author/data' }),
  'DELETE /users/:id/data': ({ n }) => ({ path: `/users/nobody-${n}/data` }),
  'POST /moderation/bans': async (asked) => ({ path: '/moderation/bans', body: { user: await somebody(asked), ...inRoom(asked) } }),
  'POST /moderation/mutes': async (asked) => ({ path: '/moderation/mutes', body: { user: await somebody(asked), ...inRoom(asked) } }),
  'POST /moderation/clears': async (asked) => ({ path: '/moderation/clears', body: { user: await somebody(asked), ...inRoom(asked), last: 1 } }),
  'GET /moderation/restrictions': (asked) => ({ path: `/moderation/restrictions?${new URLSearchParams(inRoom(asked))}` }),
  'GET /moderation/log': (asked) => ({ path: `/moderation/log?${new URLSearchParams(inRoom(asked))}` }),
  'POST /moderation/log/:id/undo': async (asked) => {
    // By one who moderates no further than others of the room.
    const admin = await bearer({ sub: 'peer', rooms: { moderate: [asked.room] } })
    const { action } = await made('moderation/mutes', { url: asked.url, admin }, { user: await somebody(asked), room: asked.room })
    return { path: `/moderation/log/${action.id}/undo` }
  },
  'POST /invites': ({ room }) => ({ path: '/invites', body: { room } }),
  'GET /invites': () => ({ path: '/invites' }),
  'DELETE /invites/:id': async (asked) => ({ path: `/invites/${(await invite(asked)).id}` }),
  'GET /join/:code': async (asked) => ({ path: `/join/${(await invite(asked)).code}` }),
  'POST /join/:code': async (asked) => ({ path: `/join/${(await invite(asked)).code}` }),
  'POST /tokens': ({ room }) => ({ path: '/tokens', body: { name: 'Program', rooms: { read: [room] } } }),
  'GET /tokens': () => ({ path: '/tokens' }),
  'DELETE /tokens/:id': async (asked) => ({ path: `/tokens/${(await apiToken(asked, { read: [asked.room] })).id}` }),
  'POST /revocations': ({ n }) => ({ path: '/revocations', body: { jti: `nobody's ${n}` } }),
  'GET /': () => ({ path: '/' }),
  'GET /embed': () => ({ path: '/embed' }),
  'GET /vendor/eventsource-parser.js': () => ({ path: '/vendor/eventsource-parser.js' }),
  'GET /*': () => ({ path: '/app.css' }),
  'OPTIONS *': () => ({ path: '/events', headers: { origin: FRIEND, 'access-control-request-method': 'POST' } }),
  'GET /docs…': () => ({ path: '/docs/json' }),
  'GET /healthz': () => ({ path: '/healthz' }),
  'GET /readyz': () => ({ path: '/readyz' }),
  'GET /metrics': () => ({ path: '/metrics' })
}

const made = async (path: string, { url, admin }: Pick<Asked, 'url' | 'admin'>, body: object): Promise<any> => (await call(`${url}/${path}`, { body, headers: admin })).body
const invite = (asked: Pick<Asked, 'url' | 'admin' | 'room'>): Promise<{ id: string, code: string }> => made('invites', asked, { room: asked.room })
const apiToken = (asked: Pick<Asked, 'url' | 'admin'>, rooms: object): Promise<{ id: string, token: string }> => made('tokens', asked, { name: 'Program', rooms })
const inRoom = ({ room }: Asked): { room?: string } => room === NO_ROOM ? {} : { room }
/** @returns the id of somebody who is known here */
async function somebody ({ url, n }: Asked): Promise<string> {
  await call(`${url}/users/me`, { headers: await bearer({ sub: `somebody-${n}` }) })
  return `somebody-${n}`
}
/** @returns the id of a message */
async function said ({ url, room, own, caller, n }: Asked): Promise<string> {
  const say = async (headers: Headers): Promise<string | undefined> => (await call(`${url}/events`, { body: { room, message: `said ${n}` }, headers })).body.event?.id
  return (own ? await say(caller) : undefined) ?? (await say(await bearer({ sub: 'author', rooms: { write: ['*'] } })))!
}

const TOKEN_SECRET = 'a secret for guests, of 32 characters'
const ENVIRONMENT = { JWT_SECRET: SECRET, TOKEN_SECRET, PRIVATE_ROOMS: 'ops', CORS_ORIGINS: FRIEND, LINK_AFTER: '0s' }

/** The callers, by column. Those of another server than the first have it behind a slash. */
async function callers ({ app, url }: RunningApp): Promise<Record<string, Headers>> {
  const both = ['lobby', 'ops']
  const admin = await bearer({ sub: 'admin', rooms: { moderate: ['*'] } })
  const auth = (token: string): Headers => ({ authorization: `Bearer ${token}` })
  const aGuest = async (): Promise<Headers & { id: string }> => {
    const { authorization, id } = await guest(url)
    return { authorization, id }
  }
  const aMember = async (): Promise<Headers & { id: string }> => {
    const member = await aGuest()
    const { code } = await invite({ url, admin, room: 'ops' })
    await call(`${url}/join/${code}`, { method: 'POST', headers: auth(member['authorization']!.slice(7)) })
    return member
  }
  const restricted = async (kind: 'ban' | 'mute'): Promise<Headers> => {
    const { id, ...headers } = await aMember()
    const by = { id: 'admin', name: 'Admin', tag: 'aaaaaa' }
    await app.restrictions.put(`${kind} of a test`, { kind, room: '*', user: { id, name: 'x', tag: 'bbbbbb' }, reason: 'a test', by, at: new Date().toISOString() })
    return headers
  }
  const revoked = await bearer({ sub: 'revoked', jti: 'revoked', rooms: { moderate: ['*'] } })
  await call(`${url}/revocations`, { body: { jti: 'revoked' }, headers: admin })
  const bot = async (right: string): Promise<Headers> => auth((await apiToken({ url, admin }, { [right]: both })).token)
  const oldGuest = await new SignJWT({ sub: 'old-guest', name: 'Old', iss: 'hubbub', iat: inSeconds(-60), exp: inSeconds(-1) })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(new TextEncoder().encode(TOKEN_SECRET))
  const strip = ({ id, ...headers }: Headers & { id: string }): Headers => headers
  return {
    none: {},
    guest: strip(await aGuest()),
    member: strip(await aMember()),
    'old-guest': auth(oldGuest),
    'old-host': await bearer({ sub: 'old', exp: inSeconds(-1), rooms: { moderate: ['*'] } }),
    forged: auth(await sign({ sub: 'forged', rooms: { moderate: ['*'] } }, 'the secret of somebody else, 32 bytes and more')),
    revoked,
    foreign: await bearer({ sub: 'foreign', rooms: { moderate: ['elsewhere'] } }),
    host: await bearer({ sub: 'host' }),
    reader: await bearer({ sub: 'reader', rooms: { read: both } }),
    writer: await bearer({ sub: 'writer', rooms: { read: both, write: both } }),
    'bot-r': await bot('read'),
    'bot-w': await bot('write'),
    'bot-m': await bot('moderate'),
    mod: await bearer({ sub: 'mod', rooms: { moderate: both } }),
    admin,
    operator: auth(app.sessions.operatorToken),
    muted: await restricted('mute'),
    banned: await restricted('ban'),
    'none/t': {},
    'guest/t': strip(await aGuest())
  }
}
/** Who has no right in the private room. */
const OUTSIDERS = ['none', 'guest', 'foreign', 'host', 'none/t', 'guest/t']

interface Row { route: string, room: string, own: boolean, ok: number, cells: Record<string, string> }

function readTable (): Row[] {
  const [head, ...lines] = TABLE.trim().split('\n')
  const columns = head!.split(/ +/).slice(3)
  return lines.map((line) => {
    const [method, url, room, ok, ...cells] = line.split(/ +/)
    if (cells.length !== columns.length) throw new Error(`${line} has ${cells.length} cells of ${columns.length}`)
    const [name, own] = room!.split('/')
    return { route: `${method} ${url}`, room: name!, own: own !== undefined, ok: Number(ok), cells: Object.fromEntries(columns.map((who, index) => [who, cells[index]!])) }
  })
}

/** All that a refused write could have changed. */
async function stored ({ engine, apiTokens, members, moderationLog, restrictions, rooms }: FastifyInstance): Promise<unknown> {
  const found = await engine.rooms({ limit: 500 })
  return JSON.parse(JSON.stringify([found, found.map(({ room }) => rooms.settings(room)), [...apiTokens.entries()], [...members.invites()], [...restrictions.entries()], await engine.documents.list('report', { limit: 500 }), await engine.documents.list('reporter', { limit: 500 }), await moderationLog.read({ limit: 1 }, () => true)]))
}

/** Starts the application, and says what it registers, in Fastify's words, all that is under /docs as one. */
async function startWithRoutes (t: Test): Promise<[RunningApp, Set<string>]> {
  const routes = new Map<FastifyInstance, Set<string>>()
  const listen = (message: unknown): void => {
    const { fastify } = message as { fastify: FastifyInstance }
    const found = new Set<string>()
    routes.set(fastify, found)
    fastify.addHook('onRoute', ({ method, url }) => { for (const one of [method].flat()) found.add(`${one} ${url.startsWith('/docs') ? '/docs…' : url}`) })
  }
  diagnostics.subscribe('fastify.initialization', listen)
  try {
    const running = await startApp(t, ENVIRONMENT)
    return [running, routes.get(running.app)!]
  } finally {
    diagnostics.unsubscribe('fastify.initialization', listen)
  }
}

t.test('every route answers every kind of caller as the table says', { timeout: 300_000 }, async (t: Test) => {
  const [open, routes] = await startWithRoutes(t)
  const closed = await startApp(t, { ...ENVIRONMENT, ACCESS: 'token' })
  const table = readTable()
  const own = new Set(table.map(({ route }) => route))
  const heads = [...own].map((route) => route.replace(/^GET /, 'HEAD ')).filter((route) => route.startsWith('HEAD '))
  t.strictSame([...routes].filter((route) => !own.has(route) && !heads.includes(route)), [], 'every route has a row')
  t.strictSame([...new Set([...own, ...heads])].filter((route) => !routes.has(route)), [], 'every row has a route')
  t.strictSame([...own].filter((route) => REQUESTS[route] === undefined), [], 'every row can be asked')

  const documented = (await call(`${open.url}/docs/json`)).body.paths
  for (const [path, operations] of Object.entries<any>(documented)) {
    // A body that is not wanted is looked at all the same.
    for (const [method, { responses }] of Object.entries<any>(operations)) if (method !== 'get') t.ok(responses[413] && responses[415], `${method} ${path} documents what it says of a body`)
  }
  const headers = await callers(open)
  const admin = headers['admin']!
  await made('events', { url: open.url, admin }, { room: 'lobby', message: 'public' })
  await made('events', { url: open.url, admin }, { room: 'ops', message: 'secret' })
  let n = 0

  /** @returns the cell */
  const ask = async (t: Test, { route, room, own, ok }: Row, who: string, method: string): Promise<string> => {
    const { app, url } = who.endsWith('/t') ? closed : open
    const asked = await REQUESTS[route]!({ url, room, own, caller: headers[who]!, admin, n: ++n })
    const what = `${who}: ${method} ${asked.path}`
    const before = await stored(app)
    const response = await fetch(`${url}${asked.path}`, {
      method,
      headers: { ...headers[who], ...asked.headers, ...(asked.body !== undefined && { 'content-type': 'application/json' }) },
      ...(asked.body !== undefined && { body: JSON.stringify(asked.body) })
    })
    const { status } = response
    const endless = status === 200 && route === 'GET /events' && method === 'GET'
    const text = endless ? '' : await response.text()
    if (endless) await response.body!.cancel()
    if (status >= 400) {
      if (response.headers.has('set-cookie')) t.fail(`${what} made a guest of whoever it refused`)
      if (JSON.stringify(await stored(app)) !== JSON.stringify(before)) t.fail(`${what} was refused, and stored something`)
    } else if (room === NO_ROOM && route !== 'GET /docs…' && OUTSIDERS.includes(who) && /"(ops|secret)"/.test(text)) t.fail(`${what} tells of a private room: ${text}`)
    const operation = documented[route.replace(/^\w+ /, '').replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
    if (operation !== undefined && operation.responses[status] === undefined) t.fail(`${what}: ${status} is not documented`)
    if (status === ok) return '.'
    const code = method === 'HEAD' ? undefined : JSON.parse(text).code
    return Object.keys(REFUSALS).find((cell) => REFUSALS[cell] === `${status} ${code}`) ?? `${status}${code === undefined ? '' : ` ${code}`}`
  }

  for (const row of table) {
    const [method, url] = row.route.split(' ') as [string, string]
    const line = async (method: string): Promise<Row['cells']> => {
      const cells: Row['cells'] = {}
      for (const who of Object.keys(row.cells)) cells[who] = await ask(t, row, who, method)
      return cells
    }
    t.strictSame(await line(method), row.cells, `${row.route} ${row.room}${row.own ? ', own' : ''}`)
    if (method !== 'GET' || own.has(`HEAD ${url}`)) continue
    const statuses = Object.entries(row.cells).map(([who, cell]) => [who, cell === '.' ? cell : REFUSALS[cell]!.slice(0, 3)])
    t.strictSame(await line('HEAD'), Object.fromEntries(statuses), `HEAD ${url} ${row.room}`)
  }
  // Whatever was told above, the private room is as it was for whoever has a right to it.
  t.equal((await call(`${open.url}/rooms/ops/events?after=0-0&limit=1`, { headers: admin })).body.events[0].message, 'secret')
})
