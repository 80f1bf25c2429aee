import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { Reader, call, eventually, post, startApp } from '../harness.js'
import { dial, get } from './wire.js'

/** Whether it closes; where it does not, it is made to, so that the test ends. */
async function closes (app: FastifyInstance): Promise<boolean> {
  const closing = app.close().then(() => true)
  const timer = new AbortController()
  const closed = await Promise.race([closing, delay(4_000, false, { signal: timer.signal })])
  timer.abort()
  app.server.closeAllConnections()
  await closing
  return closed
}

t.test('closing ends every stream with bye, and answers polls that wait', async (t) => {
  const { app, url } = await startApp(t, { DRAIN_TIME: '0ms' })
  const reader = await Reader.open(`${url}/events`)
  await reader.until(({ received }) => received.length > 0)
  const waiting = call(`${url}/events?wait=60`, { headers: { accept: 'application/json' } })
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 2, 'the poll waits')
  t.ok(await closes(app))
  await reader.end()
  t.match(reader.notices('bye'), [{ type: 'bye', reason: 'shutdown', retry: Number }])
  t.equal((await waiting).status, 200)
})

t.test('closing does not wait for streams that are just opening', async (t) => {
  const { app, url } = await startApp(t, { DRAIN_TIME: '0ms' })
  const opening = await Promise.all(Array.from({ length: 30 }, () => dial(t, url)))
  for (const { socket } of opening) socket.write(get('/events?history=10'))
  t.ok(await closes(app))
})

t.test('closing does not wait for a connection that has asked for nothing', async (t) => {
  const { app, url } = await startApp(t, { DRAIN_TIME: '0ms' })
  await dial(t, url)
  await call(`${url}/healthz`) // By now the server has taken the connection before it.
  t.ok(await closes(app))
})

t.test('a node that goes down asks for no further request on a connection, from the first moment on', async (t) => {
  const { app, url } = await startApp(t, { DRAIN_TIME: '0ms' })
  const waiting = await dial(t, url)
  waiting.socket.write(get('/events?wait=60&room=quiet').replace('text/event-stream', 'application/json'))
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 1, 'a poll waits')
  t.not((await post(url, { message: 'before' })).headers.get('connection'), 'close')

  app.draining.since = new Date() // As a signal does, when the door is still open.
  t.equal((await post(url, { message: 'still taken' })).headers.get('connection'), 'close')
  t.equal((await call(`${url}/readyz`)).headers.get('connection'), 'close')
  await app.close()
  await eventually(waiting.closed, 'its connection is closed')
  t.match(waiting.text(), /^HTTP\/1\.1 200 [^]*\r\nconnection: close\r\n/i, 'what was asked for before is answered like that too')
})
