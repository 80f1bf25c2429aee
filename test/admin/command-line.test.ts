import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { Reader, call, missing, post, startServer, temporaryDirectory } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { hubbub, hubbubJson, type Said } from './command-line.js'

const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` })

t.test('tokens and invitations are made, listed and taken back while the server runs and while it does not', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const environment = { DATA_DIR, PUBLIC_URL: 'http://127.0.0.1:3000/chat' }
  const before = await hubbubJson(environment, ['token', 'create', 'Deploys', '--write', 'alerts,ops-*', '--for', '30d'])
  t.match(before, { name: 'Deploys', rooms: { write: ['alerts', 'ops-*'] }, by: { name: 'operator' }, token: /^hubbub_/ })

  const server = await startServer(t, { DATA_DIR })
  t.equal((await post(server.url, { room: 'alerts', message: 'x' }, bearer(before.token))).status, 201, 'what was made while it was stopped is good')
  const reader = await Reader.open(`${server.url}/events`, { headers: bearer((await hubbubJson(environment, ['token', 'create', 'Reads', '--read', '*'])).token) })
  await reader.until(({ received }) => received.length > 0)
  const listed = await hubbubJson(environment, ['token', 'list'])
  t.strictSame(listed.map(({ name }: any) => name).sort(), ['Deploys', 'Reads'])
  t.notMatch(JSON.stringify(listed), before.token.slice(-20))
  const said = await hubbub(environment, ['token', 'revoke', listed.find(({ name }: any) => name === 'Reads').id])
  t.match(said, { code: 0, out: /is good no more/ })
  await reader.end()
  t.match(reader.notices('bye'), [{ reason: 'revoked' }])

  const invitation = await hubbubJson(environment, ['invite', 'create', 'team', '--role', 'reader', '--uses', '1'])
  t.equal(invitation.link, `http://127.0.0.1:3000/chat/join/${invitation.code}`)
  t.equal((await call(`${server.url}/join/${invitation.code}`, { method: 'POST' })).status, 200)
  t.equal((await hubbubJson(environment, ['invite', 'list'])).length, 1)
  t.equal((await hubbub(environment, ['invite', 'revoke', invitation.id, '--members'])).code, 0)
  t.match((await hubbub(environment, ['invite', 'list'])).out, /There are no invitations/)

  await server.stop('SIGTERM')
  t.notOk(existsSync(join(DATA_DIR, 'operator.sock')), 'nothing of it is left')
  t.strictSame((await hubbubJson(environment, ['token', 'list'])).map(({ name }: any) => name), ['Deploys'])
})

t.test('an admin link makes one person a moderator of every room', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const server = await startServer(t, { DATA_DIR })
  const { code } = await hubbubJson({ DATA_DIR }, ['admin', 'link'])
  const { body } = await call(`${server.url}/join/${code}`, { method: 'POST' })
  t.match(body, { room: '*', role: 'moderator', token: String })
  t.equal((await call(`${server.url}/tokens`, { body: { name: 'x', rooms: { moderate: ['*'] } }, headers: bearer(body.token) })).status, 201)
  t.equal((await call(`${server.url}/join/${code}`, { method: 'POST' })).status, 404, 'and nobody else')
})

t.test('usage, refusals and what cannot be used are told in words, with an exit code', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  for (const args of [[], ['bogus'], ['token'], ['token', 'create'], ['revoke'], ['revoke', '--user', 'a', '--jti', 'b'], ['invite', 'create', 'x', '--role', 'king']]) {
    const { code, err } = await hubbub({ DATA_DIR }, args)
    t.equal(code, 2, args.join(' '))
    t.match(err, /error:|Usage:/)
  }
  const refused = async (args: string[], words: RegExp): Promise<void> => {
    const { code, err, out } = await hubbub({ DATA_DIR }, args)
    t.equal(code, 1, args.join(' '))
    t.match(err, words)
    t.notMatch(err, /\n    at /)
    t.equal(out, '')
  }
  await refused(['token', 'create', 'x'], /names no room/)
  await refused(['token', 'revoke', 'nope'], /There is no API token "nope"/)
  // A server that runs answers them sooner than a command that starts one.
  await startServer(t, { DATA_DIR })
  await refused(['token', 'create', 'x', '--read', 'Lobby'], /"rooms/)
  await refused(['invite', 'create', 'lobby', '--for', 'long'], /"for"/)
  await refused(['invite', 'revoke', 'nope'], /invitation is not/)
  t.match(await hubbub({ DATA_DIR, PORT: 'x' }, ['token', 'list']), { code: 1, err: /^PORT cannot be "x"/ })
  t.match(await hubbub({ DATA_DIR }, ['--help']), { code: 0, out: /token[\s\S]*invite[\s\S]*admin/ })
})

t.test('only the socket makes an operator: nothing that comes over the network does', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const { url } = await startServer(t, { DATA_DIR })
  const socketPath = join(DATA_DIR, 'operator.sock')
  t.equal(statSync(socketPath).mode & 0o777, 0o600)
  for (const headers of [{}, { authorization: 'Bearer operator' }, { authorization: 'Bearer ~operator' }, { authorization: 'Bearer' }, { 'x-forwarded-for': '127.0.0.1', authorization: 'Bearer undefined' }] as Array<Record<string, string>>) {
    t.equal((await call(`${url}/tokens`, { headers })).status, 401, JSON.stringify(headers))
    t.not((await call(`${url}/users/x/data`, { headers })).status, 200)
  }
  // Whatever is sent by it, it is the operator's, and names no other.
  const status = await new Promise((resolve) => request({ socketPath, path: '/users/me', headers: { cookie: 'hubbub=x', authorization: 'Bearer x', host: 'evil.example', origin: 'https://evil.example' } },
    (response) => resolve(response.resume().statusCode)).end())
  t.equal(status, 200)
})

t.test('another user of the machine cannot use it', async (t) => {
  if (process.getuid?.() !== 0 || spawnSync('setpriv', ['--version']).status !== 0) return void t.pass('skipped: run as root, with setpriv of util-linux', { skip: 'another user: run as root, with setpriv of util-linux' })
  const DATA_DIR = temporaryDirectory(t)
  chmodSync(DATA_DIR, 0o755)
  await startServer(t, { DATA_DIR })
  const { code, err } = await hubbub({ DATA_DIR }, ['token', 'create', 'x', '--moderate', '*'], ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'])
  t.equal(code, 1)
  t.match(err, /only be used by the server's own user|EACCES|cannot be used/)
})

t.test('where the store is Redis, it works beside the nodes', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const environment = { REDIS_URL: redis.url }
  const a = await startServer(t, environment)
  const { token, id } = await hubbubJson(environment, ['token', 'create', 'x', '--read', '*'])
  const reader = await Reader.open(`${a.url}/events`, { headers: bearer(token) })
  await reader.until(({ received }) => received.length > 0)
  t.equal((await hubbub(environment, ['token', 'revoke', id])).code, 0)
  await reader.end()
  t.match(reader.notices('bye'), [{ reason: 'revoked' }])
})

t.test('the first start on a terminal shows an admin link, once; none is shown where nobody sees it', async (t) => {
  if (missing(t, spawnSync('script', ['--version']).status === 0 ? 'script' : undefined, 'install script: apt-get install bsdutils')) return
  const DATA_DIR = temporaryDirectory(t)
  const start = async (): Promise<string> => {
    const server = `PORT=0 DATA_DIR=${DATA_DIR} exec ${process.execPath} ${new URL('../../dist/server.js', import.meta.url).pathname}`
    const terminal = spawn('script', ['-qec', server, '/dev/null'], { env: { PATH: process.env['PATH'] ?? '' }, stdio: ['pipe', 'pipe', 'inherit'] })
    let shown = ''
    terminal.stdout.on('data', (chunk) => {
      shown += chunk
      if (shown.includes('npm run admin')) terminal.kill('SIGTERM')
    })
    await once(terminal, 'close')
    return shown
  }
  const piped = await startServer(t, { DATA_DIR, LOG_LEVEL: 'trace' })
  t.notMatch(piped.output(), /join\//)
  await piped.stop('SIGTERM')
  const link = /http:\/\/localhost:\d+\/join\/([\w-]{24})/.exec(await start())?.[1]
  t.type(link, 'string')
  t.notMatch(await start(), /join\//, 'not again')
  const server = await startServer(t, { DATA_DIR })
  t.match((await call(`${server.url}/join/${link}`, { method: 'POST' })).body, { room: '*', role: 'moderator' })
})

t.test('a command trims nothing, however little its own environment would keep', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const server = await startServer(t, { DATA_DIR })
  for (let index = 0; index < 20; index++) await post(server.url, { message: `${index}` })
  await server.stop('SIGTERM')
  t.equal((await hubbub({ DATA_DIR, ROOM_HISTORY: '5', ROOM_HISTORY_AGE: '1s' }, ['admin', 'link'])).code, 0)
  const { url } = await startServer(t, { DATA_DIR })
  t.equal((await call(`${url}/rooms/lobby/events?after=0-0`)).body.events.length, 20)
})

t.test('commands that come at once wait for each other, and for a server that starts', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const create = (name: string): Promise<Said> => hubbub({ DATA_DIR }, ['token', 'create', name, '--read', '*'])
  const all = await Promise.all(['a', 'b', 'c'].map(create))
  t.strictSame(all.map(({ code }) => code), [0, 0, 0], all.map(({ err }) => err).join(''))
  t.strictSame((await hubbubJson({ DATA_DIR }, ['token', 'list'])).map(({ name }: any) => name).sort(), ['a', 'b', 'c'])
})

t.test('a directory that is not there is not made: it is likely another one that is meant', async (t) => {
  const DATA_DIR = join(temporaryDirectory(t), 'none')
  t.match(await hubbub({ DATA_DIR }, ['token', 'list']), { code: 1, out: '', err: `there is no ${DATA_DIR}` })
  t.notOk(existsSync(DATA_DIR))
})

t.test('links begin with where the server says that it is', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const server = await startServer(t, { DATA_DIR })
  const { link } = await hubbubJson({ DATA_DIR, PORT: '4321' }, ['admin', 'link'])
  t.equal(new URL(link).port, new URL(server.url).port)
  await server.stop('SIGTERM')
  t.equal(new URL((await hubbubJson({ DATA_DIR, PORT: '4321' }, ['invite', 'create', 'team'])).link).port, '4321', 'as it is set, where none runs')
})

t.test('on Redis a command leaves nothing behind, and says so where the store is away', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const redis = await RedisServer.start(t)
  const environment = { REDIS_URL: redis.url, DATA_DIR: join(temporaryDirectory(t), 'none') }
  await startServer(t, environment)
  const state = (): Promise<unknown[]> => Promise.all([redis.command('ZRANGE', 'hubbub:{~nodes}:leases', 0, -1), redis.command('ZRANGE', 'hubbub:{~nodes}:dead', 0, -1), redis.command('DBSIZE')])
  const before = await state()
  t.equal((await hubbub(environment, ['token', 'list'])).code, 0)
  t.strictSame(await state(), before)
  t.notOk(existsSync(environment.DATA_DIR))
  t.match(await hubbub({ ...environment, TOKEN_SECRET: 'another one, that is long enough for that' }, ['token', 'list']), { code: 1, err: /have another TOKEN_SECRET/ })
  await redis.kill()
  t.match(await hubbub(environment, ['token', 'list']), { code: 1, out: '', err: /^the store cannot be used now: .*127\.0\.0\.1/ })
})
