import type { Test } from 'tap'
import t from 'tap'
import { Reader, call, eventually, missing, startApp, type RunningApp } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { dial, get, jsonPost } from '../routes/wire.js'

const STREAMS = 20

/** One of several nodes, as it must suppose, with open streams. */
async function startNode (t: Test, DRAIN_TIME: string): Promise<RunningApp & { readers: Reader[] }> {
  const { url: REDIS_URL } = await RedisServer.start(t)
  const { app, url } = await startApp(t, { DRAIN_TIME, REDIS_URL })
  const readers: Reader[] = []
  for (let i = 0; i < STREAMS; i++) {
    const reader = await Reader.open(`${url}/events`)
    readers.push(await reader.until(({ received }) => received.length > 0))
  }
  return { app, url, readers }
}

t.test('where other nodes serve the same rooms, streams are sent off one after the other, and served until then', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const { app, url, readers } = await startNode(t, '3s')
  // A connection on which the post's head has arrived, so that it is in flight when the door closes.
  const { socket, text } = await dial(t, url)
  const request = jsonPost('in flight')
  socket.write(request.slice(0, -5))
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === STREAMS, 'all are open')

  const closed = app.close()
  await readers[0]!.end()
  socket.write(request.slice(-5))
  await eventually(() => text().includes('"message":"in flight"'), 'the post is answered')
  t.match(text(), /^HTTP\/1\.1 201 [^]*\r\nconnection: close\r\n/i)
  await closed
  await Promise.all(readers.map((reader) => reader.end()))

  t.notOk(readers[0]!.messages.length, 'the first had left by then')
  t.strictSame(readers.at(-1)!.messages, ['in flight'], 'the last had not')
  const served = readers.map(({ messages }) => messages.length)
  t.strictSame(served, [...served].sort(), 'they left in order')
  const byes = readers.map((reader) => reader.notices('bye'))
  t.ok(byes.every(({ length }) => length === 1))
  t.ok(byes.every(([{ reason, retry }]) => reason === 'shutdown' && retry >= 500 && retry <= 1_000), 'each comes back soon, wherever it stood in the row')
  t.ok(new Set(byes.map(([{ retry }]) => retry)).size > 1, 'with jitter')
})

t.test('a node whose streams have all gone by themselves does not wait for the drain time to pass', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const { app, readers } = await startNode(t, '1h')
  const closed = app.close()
  await readers[0]!.end()
  t.equal(app.broadcaster.streams, STREAMS - 1, 'the others wait for their turn')
  for (const reader of readers) reader.close()
  await closed
})

t.test('a stream that opens on a node that sends its streams off is sent off at once', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const { app, url, readers } = await startNode(t, '1h')
  const { socket, text } = await dial(t, url)
  // A connection that has asked for something before is not closed with the door while its next request arrives.
  socket.write(get('/healthz'))
  await eventually(() => text().includes('"status":"ok"'), 'its first answer')
  socket.write(get('/events?room=other').slice(0, -2))
  await call(`${url}/healthz`) // By now the server has the head's beginning.
  const closed = app.close()
  await readers[0]!.end()
  socket.write('\r\n')
  await eventually(() => text().includes('event: bye'), 'its farewell')
  t.match(text(), 'event: welcome')
  for (const reader of readers) reader.close()
  await closed
})
