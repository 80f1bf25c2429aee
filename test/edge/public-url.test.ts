import t from 'tap'
import { build } from '../../src/app.js'
import { InvalidConfig, readConfig } from '../../src/plugins/config.js'
import { Reader, post, startApp, temporaryDirectory } from '../harness.js'
import { ask } from './ask.js'

/** The name and the attributes of the cookie that an answer sets. */
async function cookieAt (url: string, headers: Record<string, string> = {}, path = '/users/me'): Promise<{ name: string, token: string, attributes: string[] }> {
  const [cookie] = (await ask(`${url}${path}`, { headers })).headers['set-cookie'] ?? []
  const [, name, token, attributes] = /^([^=]+)=([^;]*)(.*)$/.exec(cookie!)!
  return { name: name!, token: token!, attributes: attributes!.split('; ').slice(1).map((attribute) => attribute.toLowerCase()) }
}

t.test('a path before ours: a proxy may take it off, or not', async (t) => {
  for (const PUBLIC_URL of ['https://example.org/chat/', 'https://example.org/chat']) {
    const { url } = await startApp(t, { PUBLIC_URL })
    for (const base of [url, `${url}/chat`]) {
      for (const path of ['/', '/app.js', '/users', '/docs', '/docs/json', '/healthz', '/events', '/?room=lobby', '/rooms/lobby/events?limit=1']) t.equal((await ask(`${base}${path}`)).status, 200, `${base}${path}`)
      t.equal((await post(base, { message: 'hi' })).status, 201)
      const reader = await Reader.open(`${base}/events?history=1`)
      await reader.until(({ messages }) => messages.length === 1)
      reader.close()
      const { status, body } = await ask(`${base}/nowhere?x`)
      t.match({ status, body }, { status: 404, body: { message: `There is nothing at GET ${new URL(base).pathname.replace(/^\/$/, '')}/nowhere?x. GET /docs lists what there is.` } })
    }
    for (const path of ['/chatter', '/chat.js', '/chatusers', '/CHAT/users', '/x/chat/users', '/chat/chat/users']) t.equal((await ask(`${url}${path}`)).status, 404, path)
  }
})

t.test('without its last slash the page would look for its parts elsewhere', async (t) => {
  const at = async (publicUrl: string, path: string): Promise<string | undefined> => {
    const { url } = await startApp(t, { PUBLIC_URL: publicUrl })
    const { status, headers } = await ask(`${url}${path}`)
    t.equal(status, 302)
    return new URL(headers.location!, `https://example.org${path}`).href
  }
  t.equal(await at('https://example.org/chat/', '/chat'), 'https://example.org/chat/')
  t.equal(await at('https://example.org/chat/', '/chat?room=a&x=//b'), 'https://example.org/chat/?room=a&x=//b')
  t.equal(await at('https://example.org/our/chat:1/', '/our/chat:1'), 'https://example.org/our/chat:1/')
})

t.test('a path that is one of ours is refused at the start', async (t) => {
  for (const path of ['/rooms', '/events/', '/users/me', '/docs/']) {
    const app = await build(readConfig({ DATA_DIR: temporaryDirectory(t), PUBLIC_URL: `https://example.org${path}` }))
    t.teardown(() => app.close())
    const refusal: unknown = await app.ready().then(() => undefined, (error) => error)
    t.ok(refusal instanceof InvalidConfig, path)
    t.match((refusal as Error).message, /^PUBLIC_URL cannot be "https:\/\/example\.org\/[^"]+": it wants [^\n]+$/)
  }
})

t.test('the OpenAPI document says where to ask', async (t) => {
  const servers = async (environment: Record<string, string>): Promise<unknown> => (await ask(`${(await startApp(t, environment)).url}/docs/json`)).body.servers
  t.strictSame(await servers({ PUBLIC_URL: 'https://example.org/chat/' }), [{ url: 'https://example.org/chat' }])
  t.strictSame(await servers({ PUBLIC_URL: 'https://example.org' }), [{ url: 'https://example.org' }])
  t.equal(await servers({}), undefined)
})

t.test('the cookie: by HTTPS under a name that nobody else can set, by HTTP under a plain one', async (t) => {
  const plain = ['path=/', 'httponly', 'samesite=lax']
  const secure = ['path=/', 'httponly', 'secure', 'samesite=lax']
  const check = async (url: string, headers: Record<string, string>, name: string, attributes: string[]): Promise<void> => {
    for (const path of ['/users/me', '/', '/events']) {
      const cookie = await cookieAt(url, headers, path)
      t.equal(cookie.name, name, `${path} ${JSON.stringify(headers)}`)
      t.strictSame(cookie.attributes.filter((attribute) => !attribute.startsWith('max-age=')).sort(), [...attributes].sort())
    }
  }
  const bare = await startApp(t)
  await check(bare.url, {}, 'hubbub', plain)
  await check(bare.url, { 'x-forwarded-proto': 'https' }, 'hubbub', plain)
  const behind = await startApp(t, { TRUST_PROXY: 'loopback' })
  await check(behind.url, { 'x-forwarded-proto': 'https' }, '__Host-hubbub', secure)
  await check(behind.url, { 'x-forwarded-proto': 'http' }, 'hubbub', plain)
  const known = await startApp(t, { PUBLIC_URL: 'https://example.org' })
  for (const host of ['example.org', 'example.org:443', 'EXAMPLE.org']) await check(known.url, { host }, '__Host-hubbub', secure)
  await check(known.url, {}, 'hubbub', plain)
  await check(known.url, { host: 'example.org:3000' }, 'hubbub', plain)
  await check((await startApp(t, { PUBLIC_URL: 'http://example.org' })).url, { host: 'example.org' }, 'hubbub', plain)

  t.comment('a path has a cookie of its own')
  for (const [path, name] of [['/chat/', 'hubbub-chat'], ['/a/b', 'hubbub-a_2fb'], ['/a-b/', 'hubbub-a-b'], ['/a_2fb/', 'hubbub-a_5f2fb'], ['/(x);%C3%A4/', 'hubbub-_28x_29_3b_25C3_25A4']] as const) {
    const { url } = await startApp(t, { PUBLIC_URL: `https://example.org${path}` })
    await check(url, { host: 'example.org' }, `__Host-${name}`, secure)
    await check(url, {}, name, plain)
  }
})

t.test('only the cookie of the way that a request came counts', async (t) => {
  const { url } = await startApp(t, { TRUST_PROXY: 'loopback' })
  const https = { 'x-forwarded-proto': 'https' }
  const me = async (headers: Record<string, string>): Promise<string> => (await ask(`${url}/users/me`, { headers })).body.user.id
  const { token } = await cookieAt(url, https)
  const id = await me({ ...https, cookie: `__Host-hubbub=${token}` })
  t.equal(await me({ ...https, cookie: `hubbub=x; __Host-hubbub=${token}` }), id)
  t.not(await me({ ...https, cookie: `hubbub=${token}` }), id, 'whoever is on the way by HTTP can have set that')
  t.not(await me({ cookie: `__Host-hubbub=${token}` }), id)
  t.equal(await me({ cookie: `hubbub=${token}` }), id)
})
