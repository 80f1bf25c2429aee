import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, lstatSync, statSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { askServer } from '../../src/operator-socket.js'
import { call, eventually, guest, missing, startApp, startServer, temporaryDirectory, type RunningServer } from '../harness.js'
import { SECRET, sign } from '../host-application.js'
import { hubbub } from './command-line.js'

const ROOT = process.geteuid?.() === 0 ? 'root' : undefined
const ROOT_REMEDY = 'other users can be tried out by root only: run this as root'
const NOBODY = 65_534
const asNobody = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups']
const socketOf = (directory: string): string => join(directory, 'operator.sock')

async function listening (server: RunningServer, directory: string): Promise<RunningServer> {
  await eventually(() => existsSync(socketOf(directory)), 'it listens for its operator')
  return server
}

t.test('nothing that a request by the network is made of makes it the operator\'s', async (t) => {
  const { app, url } = await startApp(t, { JWT_SECRET: SECRET, TRUST_PROXY: 'loopback' })
  const { operatorToken } = app.sessions
  const { authorization } = await guest(url)
  const wish = { room: '*', role: 'moderator' }
  const refused = async (what: string, headers: Record<string, string>, query = ''): Promise<void> => {
    const { status, body } = await call(`${url}/invites${query}`, { body: wish, headers })
    t.ok([400, 401, 403].includes(status), `${what}: ${status}`)
    t.notMatch(JSON.stringify(body), operatorToken)
  }
  for (const token of [
    '~operator', 'operator', operatorToken.slice(0, -1), `${operatorToken}a`, operatorToken.toLowerCase(),
    await sign({ sub: '~operator', name: 'operator' }), await sign({ sub: '~operator', rooms: { moderate: ['*'] } }), await sign({ sub: 'x', iss: 'hubbub', kind: 'operator' })
  ]) {
    await refused(`the token ${token.slice(0, 12)}`, { authorization: `Bearer ${token}` })
    await refused(`the cookie ${token.slice(0, 12)}`, { cookie: `hubbub=${token}; __Host-hubbub=${token}` })
    await refused(`the query ${token.slice(0, 12)}`, {}, `?access_token=${encodeURIComponent(token)}`)
  }
  for (const [name, value] of Object.entries({
    'hubbub-base': 'http://localhost/', 'x-forwarded-for': '0.0.0.0', 'x-real-ip': '0.0.0.0', forwarded: 'for=0.0.0.0', 'x-operator': '1', 'hubbub-client': 'operator'
  })) await refused(`the header ${name}`, { authorization, [name]: value })

  const body = JSON.stringify(wish)
  const inner = `POST /invites HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ~operator\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  for (const raw of [
    `GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n${inner}`,
    `POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    'GET /users/me HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\nauthorization: Bearer ~operator\r\n\r\n',
    `POST http://~operator@localhost/invites HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    `CONNECT ./operator.sock HTTP/1.1\r\nhost: localhost\r\n\r\n${inner}`
  ]) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.end(raw)
    const answer = await text(socket)
    t.notMatch(answer, /"path":|"id":"~operator"|HTTP\/1\.1 201/, raw.slice(0, 50))
    t.notMatch(answer, operatorToken)
  }
  t.strictSame((await call(`${url}/invites`, { headers: { authorization: `Bearer ${operatorToken}` } })).body, { invites: [] }, 'nothing was made')
})

t.test('another user who may write in the data directory neither reaches the server nor stands in for it', async (t) => {
  if (missing(t, ROOT, ROOT_REMEDY)) return
  const DATA_DIR = temporaryDirectory(t)
  chmodSync(DATA_DIR, 0o777)
  const server = await listening(await startServer(t, { DATA_DIR }), DATA_DIR)
  t.equal(statSync(join(DATA_DIR, 'hubbub.mdb')).mode & 0o777, 0o600, 'nor reads what is stored')
  t.match(await hubbub({ DATA_DIR }, ['admin', 'link'], asNobody), { code: 1, out: '', err: /can only be used by the server's own user/ })
  await server.stop('SIGTERM')

  let asked = 0
  const impostor = createServer((socket) => { asked++; socket.destroy() })
  await new Promise<void>((resolve) => impostor.listen(socketOf(DATA_DIR), resolve))
  t.teardown(() => impostor.close())
  chownSync(socketOf(DATA_DIR), NOBODY, NOBODY)
  t.match(await hubbub({ DATA_DIR }, ['admin', 'link']), { code: 1, out: '', err: /another user's/ })
  t.equal(asked, 0)
})

t.test('root acts for whoever runs the server, but writes no data that this user could not read', async (t) => {
  if (missing(t, ROOT, ROOT_REMEDY)) return
  const DATA_DIR = temporaryDirectory(t)
  chownSync(DATA_DIR, NOBODY, NOBODY)
  const server = await listening(await startServer(t, { DATA_DIR }, asNobody), DATA_DIR)
  t.match(await hubbub({ DATA_DIR }, ['token', 'list']), { code: 0 })
  await server.stop('SIGTERM')
  t.match(await hubbub({ DATA_DIR }, ['token', 'list']), { code: 1, err: /belongs to user 65534.*sudo -u '#65534'/ })
  t.match(await hubbub({ DATA_DIR }, ['token', 'list'], asNobody), { code: 0 })
})

t.test('a server that takes a question and never answers is given up', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const sockets: Socket[] = []
  const silent = createServer((socket) => { sockets.push(socket) })
  await new Promise<void>((resolve) => silent.listen(socketOf(DATA_DIR), resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  await t.rejects(askServer(DATA_DIR, 'GET', '/healthz', undefined, 1_000), { message: /has not answered for 1 second; look at its log/ })
  t.equal(sockets.length, 1)
})

t.test('a socket that a killed server has left is nobody\'s, and is replaced', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  await (await listening(await startServer(t, { DATA_DIR }), DATA_DIR)).stop('SIGKILL')
  t.ok(lstatSync(socketOf(DATA_DIR)).isSocket())
  t.match(await hubbub({ DATA_DIR }, ['token', 'create', 'a', '--read', '*']), { code: 0 })
  await startServer(t, { DATA_DIR })
  t.match(await hubbub({ DATA_DIR }, ['token', 'list']), { code: 0, out: / a: / })
})

t.test('the path of the data directory may be longer than a socket\'s address', async (t) => {
  if (missing(t, process.platform === 'linux' ? 'linux' : undefined, 'long paths have a short name on Linux only')) return
  const DATA_DIR = join(temporaryDirectory(t), 'a'.repeat(100), 'b'.repeat(100))
  await listening(await startServer(t, { DATA_DIR }), DATA_DIR)
  t.match(await hubbub({ DATA_DIR }, ['token', 'list']), { code: 0 })
})

t.test('a server that goes down waits for nobody at its socket who says nothing, or never ends', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const server = await listening(await startServer(t, { DATA_DIR }), DATA_DIR)
  const sockets = [connect(socketOf(DATA_DIR)), connect(socketOf(DATA_DIR))]
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  sockets[1]!.write('POST /invites HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{')
  const closed = sockets.map((socket) => once(socket.on('error', () => {}), 'close'))
  t.equal(await server.stop('SIGTERM'), 0)
  await Promise.all(closed)
})

t.test('as in a container: an unprivileged user, and nothing to write to but the data', async (t) => {
  if (missing(t, ROOT, ROOT_REMEDY)) return
  const DATA_DIR = temporaryDirectory(t)
  chownSync(DATA_DIR, NOBODY, NOBODY)
  // A view of the file system of its own, which goes with it.
  const readOnly = ['unshare', '-m', 'sh', '-c', 'mount --bind "$DATA_DIR" "$DATA_DIR" && mount -o remount,ro,bind / && exec "$@"', 'sh', ...asNobody]
  const { code } = await hubbub({ DATA_DIR }, ['--help'], readOnly)
  if (missing(t, code === 0 ? 'mounts' : undefined, 'a read-only file system needs "unshare -m" and "mount", which may not be used here')) return
  const server = await listening(await startServer(t, { DATA_DIR }, readOnly), DATA_DIR)
  const create = (name: string): ReturnType<typeof hubbub> => hubbub({ DATA_DIR }, ['token', 'create', name, '--read', '*'], readOnly)
  t.match(await create('Running'), { code: 0, out: /^hubbub_/ })
  await server.stop('SIGTERM')
  t.match(await create('Stopped'), { code: 0, out: /^hubbub_/ })
})
