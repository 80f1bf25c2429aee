import { createConnection, type Socket } from 'node:net'
import t from 'tap'
import { parseExposition } from '../exposition.js'
import { call, eventually, post, startApp } from '../harness.js'

const STREAMS = 5_000
const AT_ONCE = 500

t.test('after 5,000 streams have come and gone nothing is left of them', { timeout: 120_000 }, async (t) => {
  const { app, url } = await startApp(t, { PRESENCE_GRACE: '100ms' })
  const { port } = new URL(url)
  const { body: { event } } = await post(url, { message: 'something to catch up with' })
  const timersBefore = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length

  const open = (path: string, accept: string): Promise<Socket> => new Promise((resolve, reject) => {
    const socket = createConnection(Number(port), '127.0.0.1', () => {
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: ${accept}\r\n\r\n`)
    })
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (text.includes('welcome')) resolve(socket)
    })
    socket.on('error', reject)
  })
  let most = 0
  for (let opened = 0; opened < STREAMS; opened += AT_ONCE) {
    const sockets = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => open(
      `/events?${i % 7 === 0 ? `last_event_id=lobby:${event.id}` : 'history=5'}&room=lobby${i % 3 === 0 ? '&room=other' : ''}${i % 5 === 0 ? '&lurk=1' : ''}`,
      i % 4 === 0 ? 'application/x-ndjson' : 'text/event-stream'
    )))
    most = Math.max(most, app.registry.users)
    t.equal(app.broadcaster.streams, AT_ONCE)
    await post(url, { message: `for the ${opened}s` })
    // Half end politely, half are torn away; some before they have read a thing.
    sockets.forEach((socket, i) => i % 2 === 0 ? socket.end() : socket.resetAndDestroy())
    const early = createConnection(Number(port), '127.0.0.1', () => {
      early.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n', () => early.destroy())
    })
    await eventually(() => app.broadcaster.streams === 0, 'all gone')
  }
  t.ok(most >= AT_ONCE * 0.7, `${most} users online at once`)
  await eventually(() => app.registry.users === 0, 'no user online')
  t.equal(app.registry.count('lobby'), 0)
  await eventually(() => app.broadcaster.memory.rooms === 0, 'no room in memory')
  t.strictSame(app.broadcaster.memory, { rooms: 0, ringBytes: 0 }, 'rings released')
  const gauges = [...parseExposition((await call<string>(`${url}/metrics`)).body)].filter(([name, { type }]) => name.startsWith('hubbub_') && type === 'gauge')
  t.ok(gauges.length >= 6)
  for (const [name, { samples }] of gauges) t.strictSame([...samples.values()], [0], name)
  const count = (): Promise<number> => new Promise((resolve, reject) => app.server.getConnections((error, n) => error ? reject(error) : resolve(n)))
  await eventually(async () => await count() <= 1, 'no connection but the poster\'s own')
  await eventually(() => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length <= timersBefore + 1, 'no timer left')
})
