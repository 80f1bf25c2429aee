import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import t from 'tap'
import { call, eventually, post, startApp } from '../harness.js'
import { dial, get, jsonPost, nobody, responses } from './wire.js'

t.test('HEAD /events answers its headers and ends', async (t) => {
  const { url } = await startApp(t)
  for (const accept of ['text/event-stream', 'application/x-ndjson', 'application/json', 'text/plain', '*/*']) {
    const response = await fetch(`${url}/events`, { method: 'HEAD', headers: { accept }, signal: AbortSignal.timeout(5_000) })
    t.equal(response.status, 200)
    t.match(response.headers.get('content-type'), accept === '*/*' ? 'text/event-stream' : accept)
    t.match(response.headers.get('vary'), /accept/i)
    t.equal(await response.text(), '')
  }
  t.ok(await nobody(url), 'and opens nothing')
})

t.test('a request of HTTP/1.0 gets the stream unchunked', async (t) => {
  const { url } = await startApp(t)
  const { socket, text } = await dial(t, url)
  socket.write('GET /events HTTP/1.0\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n')
  await eventually(() => text().includes('event: welcome'), 'it is welcomed')
  const { body: { event } } = await post(url, { message: 'one' })
  await eventually(() => text().includes('"one"'), 'the message is there')
  const [head, ...rest] = text().split('\r\n\r\n')
  t.notMatch(head, /transfer-encoding/i)
  t.notMatch(head, /content-length/i)
  const body = rest.join('\r\n\r\n')
  t.match(body, /^: ?.*\n\nretry: \d+\n\nid: /)
  t.ok(body.includes(`id: lobby:${event.id}\ndata: ${JSON.stringify(event)}\n\n`), 'nothing but events')
  for (const accept of ['application/x-ndjson', 'text/plain']) {
    const other = await dial(t, url)
    other.socket.write(`GET /events?lurk=1&history=1 HTTP/1.0\r\naccept: ${accept}\r\n\r\n`)
    await eventually(() => /one.*\n$/.test(other.text()), accept)
    t.notMatch(other.text(), /transfer-encoding/i)
  }
})

t.test('a request behind an open stream closes the connection, and nothing of it is in the stream', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  for (const behind of [get('/users/me'), get('/events'), jsonPost('behind'), 'HEAD /events HTTP/1.1\r\nhost: localhost\r\n\r\n']) {
    const { socket, text, closed } = await dial(t, url)
    socket.write(get('/events'))
    await eventually(() => text().includes('event: welcome'), 'it is welcomed')
    socket.write(behind)
    await eventually(closed, 'it is closed', 5_000)
    t.equal(responses(text()), 1)
    t.notMatch(text(), /"success"/)
    await eventually(() => nobody(url), 'it left nothing behind', 5_000)
  }
  const { body } = await call(`${url}/rooms/lobby/events`)
  t.strictSame(body.events, [], 'it was not carried out')
})

t.test('a stream behind a finished post in one packet works', async (t) => {
  const { url } = await startApp(t)
  const { socket, text } = await dial(t, url)
  socket.write(jsonPost('one') + get('/events?history=5'))
  await eventually(() => text().includes('event: welcome'), 'it is welcomed')
  await post(url, { message: 'two' })
  await eventually(() => text().includes('"two"'), 'it is live')
  t.equal(responses(text()), 2)
  t.ok(text().indexOf('"success":true') < text().indexOf('event: welcome'), 'the answers are in order')
})

t.test('a connection kept alive goes on after finished requests, a long poll among them, to a stream', async (t) => {
  const { url } = await startApp(t)
  const { socket, text, closed } = await dial(t, url)
  const steps = [
    ['HEAD /events HTTP/1.1\r\nhost: localhost\r\n\r\n', 'HTTP/1.1 200 OK'],
    ['GET /events?wait=0 HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\r\n', '"cursor"'],
    [jsonPost('one'), '"success":true'],
    ['GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n', 'HUB_NOT_FOUND'],
    ['GET /events HTTP/1.1\r\nhost: localhost\r\naccept: image/png\r\n\r\n', 'HUB_NOT_ACCEPTABLE'],
    [get('/events?history=1'), '"message":"one"']
  ] as const
  for (const [bytes, answer] of steps) {
    const before = text().length
    socket.write(bytes)
    await eventually(() => text().slice(before).includes(answer), answer)
  }
  await post(url, { message: 'two' })
  await eventually(() => text().includes('"two"'), 'it is live')
  t.notOk(closed())
  t.equal(responses(text()), steps.length)
})

t.test('an agent that keeps connections gets each of its answers', async (t) => {
  const { url } = await startApp(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  for (let index = 0; index < 10; index++) {
    const sent = request(`${url}/healthz`, { agent }).end()
    const [response] = await once(sent, 'response') as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    t.equal(response.statusCode, 200)
    if (index > 0) t.ok(sent.reusedSocket)
  }
})

t.test('readers that go at any moment of the opening leave nothing behind', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  for (let index = 0; index < 40; index++) await post(url, { message: 'x'.repeat(2_000) })
  for (let round = 0; round < 60; round++) {
    const { socket } = await dial(t, url)
    socket.write(get('/events?history=500&room=lobby&room=b&room=c', `accept: ${round % 2 === 0 ? 'application/json' : 'text/event-stream'}\r\n`))
    if (round % 3 === 0) socket.destroy()
    else if (round % 3 === 1) setImmediate(() => socket.destroy())
    else socket.once('data', () => socket.destroy())
    if (round % 3 === 2) await once(socket, 'close')
  }
  await eventually(() => nobody(url), 'nobody is counted any more', 5_000)
})
