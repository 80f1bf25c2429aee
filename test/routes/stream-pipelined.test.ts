import t from 'tap'
import { call, eventually, startApp } from '../harness.js'
import { dial, get, jsonPost, nobody, responses } from './wire.js'

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
