import { createServer } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import t from 'tap'
import { build } from '../../src/app.js'
import { readConfig } from '../../src/plugins/config.js'
import { eventually, startApp, startServer, temporaryDirectory, type Environment } from '../harness.js'
import { ask } from './ask.js'

/** How the application sees who asks. */
async function seenBy (t: Test, environment: Environment): Promise<(headers: Record<string, string>) => Promise<Pick<FastifyRequest, 'ip' | 'protocol'>>> {
  const app = await build(readConfig({ DATA_DIR: temporaryDirectory(t), LIMITS: 'off', ...environment }))
  t.teardown(() => app.close())
  app.get('/seen', ({ ip, protocol }) => ({ ip, protocol }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  return async (headers) => (await ask(`http://127.0.0.1:${port}/seen`, { headers })).body
}

t.test('from whoever is not in TRUST_PROXY, forwarding headers change nothing', async (t) => {
  for (const TRUST_PROXY of ['', '10.0.0.0/8,fd00::/8']) {
    const seen = await seenBy(t, { TRUST_PROXY })
    const forged = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'chat.example.org', 'x-real-ip': '203.0.113.9', forwarded: 'for=203.0.113.9;proto=https' }
    t.strictSame(await seen(forged), { ip: '127.0.0.1', protocol: 'http' })
    t.strictSame(await seen({ ...forged, 'x-forwarded-for': '10.0.0.1' }), { ip: '127.0.0.1', protocol: 'http' }, 'and nobody becomes a proxy by saying so')
  }
})

t.test('from a proxy of TRUST_PROXY, the client is whom the last proxy that is trusted has seen', async (t) => {
  const seen = await seenBy(t, { TRUST_PROXY: 'loopback,10.0.0.0/8,fd00::/8' })
  const ip = async (header: string): Promise<string> => (await seen({ 'x-forwarded-for': header })).ip
  t.equal(await ip('203.0.113.9'), '203.0.113.9')
  t.equal(await ip('2001:db8::9'), '2001:db8::9')
  t.equal(await ip('198.51.100.1, 203.0.113.9'), '203.0.113.9', 'what the client has put in front is not believed')
  t.equal(await ip('203.0.113.9, 10.1.2.3'), '203.0.113.9', 'through two proxies')
  t.equal(await ip('198.51.100.1, 203.0.113.9, fd00::1, ::ffff:10.1.2.3'), '203.0.113.9', 'through three, one by IPv4 in IPv6')
  t.equal(await ip('10.9.9.9'), '10.9.9.9', 'a client inside')
  t.equal(await ip('198.51.100.1, nonsense'), 'nonsense')
  t.strictSame(await seen({}), { ip: '127.0.0.1', protocol: 'http' })
  t.equal((await seen({ 'x-forwarded-proto': 'https' })).protocol, 'https')
  t.equal((await seen({ 'x-forwarded-proto': 'https, http' })).protocol, 'http', 'what the last proxy says')
})

t.test('a peer whose IPv4 address comes as IPv6 is the same peer', async (t) => {
  const app = await build(readConfig({ DATA_DIR: temporaryDirectory(t), LIMITS: 'off', TRUST_PROXY: '127.0.0.1' }))
  t.teardown(() => app.close())
  app.get('/seen', ({ ip }) => ({ ip }))
  const dual = createServer()
  const hasIPv6 = await new Promise<boolean>((resolve) => dual.once('error', () => resolve(false)).listen(0, '::', () => resolve(true)))
  dual.close()
  if (!hasIPv6) return void t.pass('there is no IPv6 here', { skip: 'there is no IPv6 here' })
  await app.listen({ port: 0, host: '::' })
  const { port } = app.server.address() as { port: number }
  t.equal((await ask(`http://127.0.0.1:${port}/seen`, { headers: { 'x-forwarded-for': '203.0.113.9' } })).body.ip, '203.0.113.9')
})

t.test('limits count by the client behind a trusted proxy, and by nothing that a client can forge', async (t) => {
  const guests = async (url: string): Promise<number[]> => {
    const statuses = []
    for (let index = 0; index < 4; index++) statuses.push((await ask(`${url}/users/me`, { headers: { 'x-forwarded-for': `203.0.113.${index}` } })).status)
    return statuses
  }
  t.strictSame(await guests((await startApp(t, { LIMITS: 'on', GUESTS_PER_MINUTE: '2' })).url), [200, 200, 429, 429])
  t.strictSame(await guests((await startApp(t, { LIMITS: 'on', GUESTS_PER_MINUTE: '2', TRUST_PROXY: 'loopback' })).url), [200, 200, 200, 200])
})

t.test('the first forwarding header from a peer that is not trusted is told in the log, once', async (t) => {
  for (const header of ['x-forwarded-for', 'forwarded', 'x-real-ip']) {
    const server = await startServer(t, { DATA_DIR: temporaryDirectory(t) })
    for (let index = 0; index < 3; index++) await ask(`${server.url}/users`, { headers: { [header]: 'for=203.0.113.9' } })
    await eventually(() => server.output().includes('TRUST_PROXY'), 'it is told')
    await server.stop('SIGTERM')
    const lines = server.output().split('\n').filter((line) => line.includes('TRUST_PROXY'))
    t.equal(lines.length, 1, header)
    t.match(JSON.parse(lines[0]!), { level: 40, msg: new RegExp(`${header} from 127\\.0\\.0\\.1 .*TRUST_PROXY.*one address`) })
  }
  const trusting = await startServer(t, { DATA_DIR: temporaryDirectory(t), TRUST_PROXY: 'loopback' })
  await ask(`${trusting.url}/users`, { headers: { 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9' } })
  await ask(`${trusting.url}/users`)
  await trusting.stop('SIGTERM')
  t.notMatch(trusting.output(), 'TRUST_PROXY')
})
