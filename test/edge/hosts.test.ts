import t from 'tap'
import { call, eventually, startApp } from '../harness.js'
import { dial } from '../routes/wire.js'
import { ask } from './ask.js'

const OURS = ['127.0.0.1', '127.0.0.1:3000', '192.168.1.5:3000', '203.0.113.7', '[::1]:3000', '[2001:db8::1]', 'localhost', 'localhost:8080', 'LocalHost', 'localhost.', 'chat.localhost:3000']
const OTHERS = ['rebound.example', 'rebound.example:3000', 'chat.example.org', 'localhost.example', '127.0.0.1.example', 'notlocalhost', 'user@localhost', 'localhost/x', 'localhost?', 'localhost:3000:1',
  'localhost, localhost', '[::1', '[localhost]', '1.2.3', ':3000', '.', 'x'.repeat(500), 'ex\u00e4mple']

t.test('without PUBLIC_URL it answers by addresses and as localhost; to other names it says which variable to set', async (t) => {
  const { url } = await startApp(t)
  for (const host of OURS) t.equal((await ask(`${url}/users`, { headers: { host } })).status, 200, host)
  for (const host of OTHERS) {
    const { status, body, headers } = await ask(`${url}/users`, { headers: { host } })
    t.equal(status, 421, host)
    t.match(body, { statusCode: 421, code: 'HUB_HOST_UNKNOWN', error: 'Misdirected Request', message: /PUBLIC_URL/ }, host)
    t.ok(body.message.includes(host.slice(0, 80)), 'and the name')
    t.notOk(headers['set-cookie'])
  }
})

t.test('under a foreign name nothing is to be had: no page, no file, no stream, no post, no guest', async (t) => {
  const { app, url } = await startApp(t)
  const headers = { host: 'rebound.example' }
  for (const path of ['/', '/app.js', '/events', '/events?lurk=1', '/users/me', '/rooms', '/docs', '/docs/json', '/nothing/here', '/join/abc']) {
    const answer = await ask(`${url}${path}`, { headers })
    t.equal(answer.status, 421, path)
    t.notOk(answer.headers['set-cookie'], path)
  }
  for (const [method, path] of [['POST', '/events'], ['PATCH', '/users/me'], ['OPTIONS', '/events'], ['HEAD', '/events'], ['POST', '/join/abc']] as const) {
    const body = method === 'POST' || method === 'PATCH' ? '{"message":"x"}' : undefined
    t.equal((await ask(`${url}${path}`, { method, headers: { ...headers, 'content-type': 'application/json' }, ...(body !== undefined && { body }) })).status, 421, `${method} ${path}`)
  }
  t.equal(app.registry.users, 0)
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [])
})

t.test('who watches over the server asks by whatever name it has inside', async (t) => {
  const { url } = await startApp(t, { PUBLIC_URL: 'https://chat.example.org' })
  for (const path of ['/healthz', '/readyz', '/metrics']) t.equal((await ask(`${url}${path}`, { headers: { host: 'node-1:3000' } })).status, 200, path)
})

t.test('PUBLIC_URL adds its host, by whatever port a proxy leaves in it, and no other', async (t) => {
  const { url } = await startApp(t, { PUBLIC_URL: 'https://chat.example.org:8443/', TRUST_PROXY: 'loopback' })
  for (const host of ['chat.example.org:8443', 'chat.example.org', 'Chat.Example.ORG:8443', 'chat.example.org.', ...OURS]) t.equal((await ask(`${url}/users`, { headers: { host } })).status, 200, host)
  for (const host of ['example.org', 'www.chat.example.org', 'chat.example.org.example', 'chat-example.org']) t.equal((await ask(`${url}/users`, { headers: { host } })).status, 421, host)
  const forwarded = await ask(`${url}/users`, { headers: { host: 'rebound.example', 'x-forwarded-host': 'chat.example.org', forwarded: 'host=chat.example.org' } })
  t.equal(forwarded.status, 421, 'a page can set X-Forwarded-Host, and proxies pass it on')
})

t.test('no host at all', async (t) => {
  const { url } = await startApp(t)
  const answerTo = async (text: string): Promise<string> => {
    const { socket, text: heard, closed } = await dial(t, url)
    socket.end(text)
    await eventually(closed, 'it is answered')
    return heard()
  }
  t.match(await answerTo('GET /users HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 200 /, 'a program that speaks HTTP/1.0 need not say one')
  t.match(await answerTo('GET /users HTTP/1.1\r\nconnection: close\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.match(await answerTo('GET /users HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n'), /^HTTP\/1\.1 421 /)
})
