import type { Socket } from 'node:net'
import { EventSource } from 'eventsource'
import t from 'tap'
import { eventually, post, startApp } from '../harness.js'

t.test('the npm package eventsource, cut before its first message, misses nothing', async (t) => {
  const { app, url } = await startApp(t)
  await post(url, { message: 'before it came' })
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  // The talk's lines, as they stand but for the address.
  const seen: string[] = []
  const events = new EventSource(`${url}/events`)
  events.onmessage = msg => { const payload = JSON.parse(msg.data); seen.push(payload.message) }
  t.teardown(() => events.close())
  await new Promise((resolve) => events.addEventListener('welcome', resolve))

  const broken = new Promise((resolve) => { events.onerror = resolve })
  for (const socket of sockets) socket.destroy()
  await broken
  t.equal(events.readyState, EventSource.CONNECTING, 'it will come back by itself')
  await post(url, { message: 'while it was away' })
  await post(url, { type: 'score', data: { home: 1 } })
  const welcomed = new Promise<any>((resolve) => events.addEventListener('welcome', (event) => resolve(JSON.parse(event.data)), { once: true }))
  t.equal((await welcomed).rooms[0].resumed, true)
  await post(url, { message: 'when it was back' })
  await eventually(() => seen.length >= 2, 'it has both')
  t.strictSame(seen, ['while it was away', 'when it was back'], 'chat messages alone, each once')
})
