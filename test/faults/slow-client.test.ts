import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { Reader, call, eventually, guest, missing, post, startApp } from '../harness.js'
import { dial, get, jsonPost, responses } from '../routes/wire.js'

/** So that a test sees what takes ten seconds and more as shipped. */
const IMPATIENT = { headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 20 }

/** A connection that stays open on its side, whatever the server does. */
async function stubborn (t: Test, url: string): Promise<{ socket: Socket, text: () => string }> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, text: () => text }
}

/** Sends a byte now and then, for as long as it can. */
function trickle (t: Test, socket: Socket, byte: string): void {
  const timer = setInterval(() => socket.write(byte), 10)
  t.teardown(() => clearInterval(timer))
}

const connections = ({ server }: FastifyInstance): Promise<number> =>
  new Promise((resolve, reject) => server.getConnections((error, count) => error === null ? resolve(count) : reject(error)))

t.test('a connection that asks for nothing, or never comes to the end of it, is closed; a stream stays', async (t) => {
  const { app, url } = await startApp(t, {}, IMPATIENT)
  const reader = await Reader.open(`${url}/events?lurk=1`)
  t.teardown(() => reader.close())
  await reader.until(({ received }) => received.length > 0)

  const silent = await stubborn(t, url)
  const slowHeaders = await stubborn(t, url)
  slowHeaders.socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: ')
  trickle(t, slowHeaders.socket, 'a')
  const slowBody = await stubborn(t, url)
  slowBody.socket.write('POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n{"message":"')
  trickle(t, slowBody.socket, 'a')
  const slowSecond = await stubborn(t, url)
  slowSecond.socket.write(get('/healthz'))
  await eventually(() => responses(slowSecond.text()) === 1, 'the first is answered')
  slowSecond.socket.write('GET /healthz HTTP/1.1\r\n')

  await eventually(async () => await connections(app) === 1, 'none but the stream\'s is open, though they never close theirs')
  for (const { text } of [silent, slowHeaders, slowBody, slowSecond]) t.match(text(), /HTTP\/1\.1 408 [^]*"code":"HUB_REQUEST_TIMEOUT"/)
  t.equal((await call(`${url}/rooms/lobby/events`)).body.events.length, 0)
  t.equal((await post(url, { message: 'hi' })).status, 201)
  await reader.until(({ messages }) => messages.length === 1)
})

t.test('a reader that takes nothing is sent off, whatever it sends meanwhile', { timeout: 90_000 }, async (t) => {
  const { url } = await startApp(t, { STALL_TIMEOUT: '500ms' })
  const { authorization } = await guest(url)
  const { socket } = await dial(t, url)
  socket.write(get('/events?lurk=1'))
  await once(socket, 'data')
  socket.pause()
  trickle(t, socket, '\r\n')
  let posted = 0
  await eventually(async () => {
    await Promise.all(Array.from({ length: 20 }, () => post(url, { message: `${posted++} ${'x'.repeat(3_500)}` }, { authorization })))
    return (await call(`${url}/healthz`)).body.streams === 0
  }, 'sent off', 60_000)
})

t.test('an answer that is not taken is cut, whatever its reader sends meanwhile; one that is taken slowly is not', { timeout: 90_000 }, async (t) => {
  const { app, url } = await startApp(t, { STALL_TIMEOUT: '500ms' })
  const { authorization } = await guest(url)
  await Promise.all(Array.from({ length: 400 }, (_, index) => post(url, { message: `${index} ${'x'.repeat(3_500)}` }, { authorization })))
  const path = '/rooms/lobby/events?limit=500'
  app.server.closeIdleConnections()
  await eventually(async () => await connections(app) === 0, 'nobody is connected')

  // Some answers fill the system's own buffers.
  const idle = await dial(t, url)
  idle.socket.pause()
  idle.socket.write(get(path).repeat(8))
  trickle(t, idle.socket, '\r\n')
  const slow = await dial(t, url)
  slow.socket.pause()
  slow.socket.write(get(path).repeat(8))
  const sips = setInterval(() => slow.socket.read(256 * 1024), 100)
  t.teardown(() => clearInterval(sips))
  slow.socket.on('readable', () => {})

  await eventually(async () => await connections(app) === 1, 'it is cut', 60_000)
  await eventually(() => responses(slow.text()) === 8, 'the other gets all', 60_000)
  t.notOk(slow.closed())
})

t.test('requests that come all at once are answered one after the other, so many at most', async (t) => {
  const { app, url } = await startApp(t)
  const { socket, text, closed } = await dial(t, url)
  socket.write(Array.from({ length: 16 }, (_, index) => jsonPost(`${index}`)).join(''))
  await eventually(() => responses(text()) === 16, 'all are answered')
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events.map(({ message }: any) => Number(message)), [...Array(16).keys()], 'in order')
  t.notOk(closed())

  const { engine } = app
  const { read } = engine
  let [reading, most] = [0, 0]
  engine.read = async (...range) => {
    most = Math.max(most, ++reading)
    return await read.apply(engine, range).finally(() => reading--)
  }
  const flood = await dial(t, url)
  flood.socket.write(get('/rooms/lobby/events?limit=500').repeat(500))
  await eventually(flood.closed, 'it is closed')
  t.ok(responses(flood.text()) <= 16)
  t.ok(most <= 1, `${most} at a time`)
  t.equal(app.activity.limited['requests-per-connection'], 1)
  t.equal((await call(`${url}/healthz`)).status, 200)
})

t.test('whoever has sent too many at once comes in one connection after the other, and nobody else waits', async (t) => {
  if (missing(t, process.platform === 'linux' ? 'linux' : undefined, 'only Linux has all of 127/8')) return
  const { app, url } = await startApp(t, { LIMITS: 'on' })
  const flood = (): Promise<Awaited<ReturnType<typeof dial>>> => dial(t, url, '127.0.0.3')
  const first = await flood()
  first.socket.write(get('/healthz').repeat(200))
  await eventually(first.closed, 'it is closed')
  const answered: string[] = []
  const ask = ({ socket }: Awaited<ReturnType<typeof dial>>, name: string): Promise<void> => {
    socket.write(get('/healthz'))
    return once(socket, 'data').then(() => { answered.push(name) })
  }
  const held = []
  for (let index = 0; index < 5; index++) held.push(ask(await flood(), `held ${index}`))
  await ask(await dial(t, url, '127.0.0.4'), 'another')
  await Promise.all(held)
  t.strictSame(answered.filter((name) => name !== 'another'), Array.from({ length: 5 }, (_, index) => `held ${index}`), 'in order')
  t.ok(answered.indexOf('another') < 4, `${answered}`)
  t.equal(app.activity.limited['requests-per-connection'], 1)
})

t.test('an address has so many connections; those that are good for nobody make room', async (t) => {
  const { app, url } = await startApp(t, { LIMITS: 'on', MAX_CONNECTIONS_PER_ADDRESS: '10' })
  const readers = await Promise.all([1, 2, 3].map(() => Reader.open(`${url}/events`)))
  for (const reader of readers) {
    t.teardown(() => reader.close())
    await reader.until(({ received }) => received.length > 0)
  }
  const silent: Array<Awaited<ReturnType<typeof dial>>> = []
  for (let index = 0; index < 50; index++) silent.push(await dial(t, url))
  await eventually(async () => await connections(app) === 10, 'as many as there may be')
  t.equal((await post(url, { message: 'hi' })).status, 201, 'who asks for something comes in')
  await Promise.all(readers.map((reader) => reader.until(({ messages }) => messages.length === 1)))
  await eventually(() => silent.filter(({ closed }) => closed()).length >= 43, 'the oldest have gone')
  t.ok(app.activity.limited['connections-per-address'] >= 43)

  t.comment('bodies that do not come to their end')
  for (let index = 0; index < 20; index++) {
    const { socket } = await dial(t, url)
    socket.write('POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{')
  }
  t.equal((await post(url, { message: 'ho' })).status, 201)
  await Promise.all(readers.map((reader) => reader.until(({ messages }) => messages.length === 2)))
  t.ok(await connections(app) <= 10)
  t.ok(readers.every(({ ended }) => !ended))

  t.comment('another address has its own')
  const other = connect({ port: Number(new URL(url).port), host: '127.0.0.1', localAddress: '127.0.0.2' })
  t.teardown(() => other.destroy())
  await once(other, 'connect')
  other.write(get('/healthz'))
  await once(other, 'data')
  t.equal(await connections(app), 11)
})

t.test('where all are in use a new one is refused', async (t) => {
  const { app, url } = await startApp(t, { LIMITS: 'on', MAX_CONNECTIONS_PER_ADDRESS: '2' })
  const readers = await Promise.all([1, 2].map(() => Reader.open(`${url}/events`)))
  for (const reader of readers) t.teardown(() => reader.close())
  const { closed } = await dial(t, url)
  await eventually(closed, 'refused')
  readers[0]!.close()
  await eventually(async () => await connections(app) === 1, 'one has gone')
  t.equal((await call(`${url}/healthz`)).status, 200)
})

t.test('a proxy that is trusted has as many as it likes', async (t) => {
  const { app, url } = await startApp(t, { LIMITS: 'on', MAX_CONNECTIONS_PER_ADDRESS: '2', TRUST_PROXY: 'loopback' })
  const dialled = await Promise.all(Array.from({ length: 10 }, () => dial(t, url)))
  await eventually(async () => await connections(app) === 10, 'all are open')
  t.ok(dialled.every(({ closed }) => !closed()))
})
