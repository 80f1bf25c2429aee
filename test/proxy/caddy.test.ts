import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventSource } from 'eventsource'
import type { Test } from 'tap'
import t from 'tap'
import { Reader, call, eventually, post, startApp, startServer, temporaryDirectory } from '../harness.js'
import { freePort } from '../redis/free-port.js'
import { missingCaddy, openHttp2, startCaddy, type Caddy } from './caddy.js'

/** Streams open on a node. */
const streams = async (url: string): Promise<number> => (await call(`${url}/healthz`)).body.streams

const openStream = async ({ url }: Caddy): Promise<Reader> => (await Reader.open(`${url}/events`)).until(({ received }) => received.length > 0)

/**
 * Something in a node's place, for what no node can be made to do: it counts what it is sent, shows the headers that came, and ends in the
 * very middle of an answer.
 */
async function startStub (t: Test, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer((request, response) => request.url === '/readyz' ? response.end('{}') : answer(request, response))
  server.listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('streams pass at once, whole, and the node hears when their reader leaves', async (t) => {
  if (missingCaddy(t)) return
  // Nothing but its own bytes, and its reader's leaving, moves a stream.
  const { url } = await startApp(t, { HEARTBEAT: '1h' })
  const caddy = await startCaddy(t, [url])
  const browser = await openHttp2(t, caddy)
  t.equal(browser.session.alpnProtocol, 'h2')
  t.equal((await call(`${caddy.url.replace('localhost', '127.0.0.1')}/readyz`)).status, 200, 'by address too')

  for (const accept of ['text/event-stream', 'application/x-ndjson', 'text/plain']) {
    const answer = await browser.get('/events', { accept })
    t.equal(answer.headers[':status'], 200)
    t.equal(answer.headers['content-encoding'], undefined, 'it is not compressed')
    await eventually(() => /welcome|you are/.test(answer.text()), `${accept} begins`)
    await post(caddy.url, { message: `for ${accept}` })
    await eventually(() => answer.text().includes(`for ${accept}`), `${accept} goes on`)
    answer.close()
    await eventually(async () => await streams(url) === 0, `${accept}: the node hears of its end`)
  }

  const tabs = await Promise.all(Array.from({ length: 20 }, () => browser.get('/events')))
  await eventually(async () => await streams(url) === 20, '20 streams on one connection')
  for (const tab of tabs) tab.close()
  const reader = await Reader.open(`${caddy.url}/events`, { headers: { 'accept-encoding': 'gzip' } })
  await reader.until(({ received }) => received.length > 0)
  t.equal(reader.response.headers['content-encoding'], undefined)
  reader.close()
  await eventually(async () => await streams(url) === 0, 'also by plain HTTP')
})

t.test('a node that was killed is passed over; its streams go on at the others', async (t) => {
  if (missingCaddy(t)) return
  const [killed, other] = [await startServer(t, { DATA_DIR: temporaryDirectory(t) }), await startServer(t, { DATA_DIR: temporaryDirectory(t) })]
  const caddy = await startCaddy(t, [killed.url, other.url])
  const readers: Reader[] = []
  while (readers.length < 10) readers.push(await openStream(caddy))
  t.strictSame([await streams(killed.url), await streams(other.url)], [5, 5], 'each node has as many')

  await killed.stop('SIGKILL')
  await eventually(() => readers.filter(({ ended }) => ended).length === 5, 'its readers know')
  for (let i = 0; i < 5; i++) await openStream(caddy)
  t.equal(await streams(other.url), 10, 'streams open at once')
  for (const reader of readers) reader.close()

  // An older Caddy cannot send a post again that it has not sent: then it says so, until it has noticed that the node is gone.
  const unknown = []
  for (let taken = 0; taken < 4;) {
    const answer = await post(caddy.url, { message: 'to whom it may concern' })
    if (answer.status === 201) taken++
    else {
      unknown.push(answer.body.code)
      taken = 0
    }
  }
  t.strictSame([...new Set([...unknown, 'HUB_OUTCOME_UNKNOWN'])], ['HUB_OUTCOME_UNKNOWN'])
})

t.test('a node that goes down is offered nothing by the time that it closes its door, and no client notices', { timeout: 60_000 }, async (t) => {
  if (missingCaddy(t)) return
  const [leaving, other] = [await startServer(t, { DATA_DIR: temporaryDirectory(t), DRAIN_DELAY: '5s' }), await startServer(t, { DATA_DIR: temporaryDirectory(t) })]
  const caddy = await startCaddy(t, [leaving.url, other.url])
  const first: Reader[] = []
  while (first.length < 6) first.push(await openStream(caddy))
  t.equal(await streams(leaving.url), 3)

  let gone = false
  const stopped = leaving.stop('SIGTERM').then((code) => {
    gone = true
    return code
  })
  const statuses = new Set<number>()
  const posting = (async () => {
    while (!gone) statuses.add((await post(caddy.url, { message: 'all the while' })).status)
  })()
  // The node with fewer streams is offered the next one, unless it is known to leave.
  while (await streams(other.url) < await streams(leaving.url) + 8) await openStream(caddy)
  const before = await streams(leaving.url)
  for (let i = 0; i < 12; i++) await openStream(caddy)
  t.equal(await streams(leaving.url), before, 'no new stream, and the door is still open')
  t.ok(first.every(({ ended }) => !ended), 'and the old ones go on')

  t.equal(await stopped, 0)
  await posting
  t.strictSame([...statuses], [201], 'every post was taken')
  t.equal(first.filter((reader) => reader.ended && reader.notices('bye').length === 1).length, 3)
})

t.test('an EventSource outlives a moment without any node', { timeout: 60_000 }, async (t) => {
  if (missingCaddy(t)) return
  const node = { DATA_DIR: temporaryDirectory(t), PORT: String(await freePort()) }
  const server = await startServer(t, node)
  const caddy = await startCaddy(t, [server.url])
  const seen: string[] = []
  const events = new EventSource(`${caddy.url}/events`)
  t.teardown(() => events.close())
  events.onmessage = ({ data }) => seen.push(JSON.parse(data).message)
  await new Promise((resolve) => events.addEventListener('welcome', resolve, { once: true }))
  await post(caddy.url, { message: 'before' })
  await eventually(() => seen.length === 1, 'it reads')

  await server.stop('SIGKILL')
  const meanwhile = await (await Reader.open(`${caddy.url}/events`)).end()
  t.equal(meanwhile.response.statusCode, 200)
  t.match(meanwhile.response.headers['content-type'], /^text\/event-stream/)
  t.match(meanwhile.text, /^retry: 3000\n/)
  t.not(events.readyState, EventSource.CLOSED)

  t.comment('who sees statuses gets one, in the shape of our own errors')
  const unavailable = { statusCode: 503, code: 'HUB_STORE_UNAVAILABLE', error: 'Service Unavailable', message: /./ }
  await Promise.all(([
    ['/events', { accept: 'text/event-stream', 'hubbub-client': 'page' }],
    ['/events?wait=0', { accept: 'application/json' }],
    ['/rooms', {}]
  ] as Array<[string, Record<string, string>]>).map(async ([path, headers]) => {
    const answer = await call(`${caddy.url}${path}`, { headers })
    t.match(answer, { status: 503, body: unavailable }, path)
    t.match(answer.headers.get('content-type'), /^application\/json/)
    t.match(answer.headers.get('retry-after'), /^\d+$/)
  }))
  await eventually(async () => (await post(caddy.url, { message: 'nobody takes it' })).body.code === 'HUB_STORE_UNAVAILABLE', 'a post that was not sent')

  const again = await startServer(t, node)
  await post(again.url, { message: 'after' })
  await eventually(() => seen.length === 2, 'it has come back by itself')
  t.strictSame(seen, ['before', 'after'])
})

t.test('a post is sent once, also where its node is lost before it answers', async (t) => {
  if (missingCaddy(t)) return
  let sent = 0
  const nodes = await Promise.all(Array.from({ length: 3 }, () => startStub(t, (request) => {
    sent++
    request.socket.destroy()
  })))
  const caddy = await startCaddy(t, nodes)
  const answer = await post(caddy.url, { message: 'once' })
  t.equal(sent, 1)
  t.match(answer, { status: 503, body: { statusCode: 503, code: 'HUB_OUTCOME_UNKNOWN', error: 'Service Unavailable', message: /same "key"/ } })
  t.match(answer.headers.get('retry-after'), /^\d+$/)
})

t.test('what is for those inside stays there', async (t) => {
  if (missingCaddy(t)) return
  const heard: IncomingMessage[] = []
  const node = await startStub(t, (request, response) => {
    heard.push(request)
    if (request.url?.includes('access_token')) response.write('a beginning', () => request.socket.destroy())
    else response.end('{}')
  })
  const caddy = await startCaddy(t, [node])
  for (const path of ['/metrics', '/metrics/', '/%6detrics', '/METRICS', '/./metrics']) t.equal((await call(`${caddy.url}${path}`)).status, 404, path)
  t.strictSame(heard, [], 'no node was asked')

  await call(`${caddy.url}/users`, { headers: { 'x-forwarded-for': '192.0.2.1' } })
  t.match(heard[0]!.headers, { 'x-forwarded-for': /^(127\.0\.0\.1|::1)$/, 'x-forwarded-proto': 'http', 'x-forwarded-host': new URL(caddy.url).host })
  await (await openHttp2(t, caddy)).get('/users')
  t.match(heard[1]!.headers, { 'x-forwarded-proto': 'https' })

  await (await Reader.open(`${caddy.url}/events?access_token=s3cret`)).end()
  await eventually(() => caddy.log().includes('incomplete response'), 'what went wrong is in the log')
  t.notMatch(caddy.log(), 's3cret')
})

t.test('a node that trusts it knows by which scheme it was asked', async (t) => {
  if (missingCaddy(t)) return
  const { url } = await startApp(t, { PUBLIC_URL: 'https://localhost:443', TRUST_PROXY: 'loopback' })
  const caddy = await startCaddy(t, [url])
  const plain = await call(`${caddy.url}/users/me`, { headers: { 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'https' } })
  t.match(plain.headers.get('set-cookie'), /^hubbub=/)
  const secure = await (await openHttp2(t, caddy)).get('/users/me')
  t.match(secure.headers['set-cookie']![0], /^__Host-hubbub=.*; Secure/)
})
