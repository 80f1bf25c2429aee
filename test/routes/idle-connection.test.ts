import { once } from 'node:events'
import t from 'tap'
import { startApp } from '../harness.js'
import { dial, jsonPost } from './wire.js'

t.test('a connection that has been answered and stays idle is closed, as keep-alive says', async (t) => {
  const { app, url } = await startApp(t)
  app.server.keepAliveTimeout = 50
  const { socket, text } = await dial(t, url)
  const closed = once(socket, 'close')
  socket.write(jsonPost('hi'))
  await closed
  t.match(text(), /^HTTP\/1\.1 201 /)
})

t.test('an injected request, which has no connection, is answered', async (t) => {
  const { app } = await startApp(t)
  for (const path of ['/healthz', '/metrics', '/rooms']) t.equal((await app.inject(path)).statusCode, 200, path)
})
