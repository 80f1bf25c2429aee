import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { call, eventually, startApp } from '../harness.js'

/** A connection of which every byte is seen. */
async function dial (t: Test, url: string): Promise<{ socket: Socket, text: () => string, closed: () => boolean }> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  let text = ''
  let closed = false
  socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  socket.on('error', () => {}).on('close', () => { closed = true })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, text: () => text, closed: () => closed }
}

const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n${headers}\r\n`
const jsonPost = (message: string): string => {
  const body = JSON.stringify({ message })
  return `POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}
const responses = (text: string): number => text.match(/HTTP\/1\.1 /g)?.length ?? 0
const nobody = async (url: string): Promise<boolean> =>
  (await call(`${url}/healthz`)).body.streams === 0 && (await call(`${url}/users`)).body.count === 0

t.test('a request that came in one packet with a stream\'s closes the connection too', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  const { socket, text, closed } = await dial(t, url)
  socket.write(get('/events') + get('/healthz'))
  await eventually(closed, 'it is closed', 3_000)
  t.ok(responses(text()) <= 1)
})

t.test('two streams asked for in one packet leave nothing behind once the connection is gone', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  const { socket, closed, text } = await dial(t, url)
  socket.write(get('/events') + get('/events'))
  await eventually(() => closed() || text().includes('event: welcome'), 'it is welcomed, or closed')
  socket.destroy()
  await eventually(() => nobody(url), 'nobody is counted any more', 3_000)
})

t.test('a stream asked for behind a post leaves nothing behind when the client goes before the answer', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  for (let index = 0; index < 20; index++) {
    const { socket } = await dial(t, url)
    socket.write(jsonPost(`${index}`) + get('/events'))
    await eventually(async () => (await call(`${url}/rooms/lobby/events?limit=500`)).body.events.length > index, 'it is stored')
    socket.destroy()
  }
  await eventually(() => nobody(url), 'nobody is counted any more', 3_000)
})
