import t, { type Test } from 'tap'
import { Reader, call, guest, post, startApp, temporaryDirectory } from '../harness.js'

const ATTRIBUTES = [/;\s*HttpOnly/i, /;\s*SameSite=Lax/i, /;\s*Path=\/(;|$)/i, /;\s*Max-Age=\d+/i]
const pair = (setCookie: string): string => setCookie.split(';')[0]!

async function welcomed (t: Test, url: string, headers: Record<string, string> = {}): Promise<{ reader: Reader, welcome: any }> {
  const reader = await Reader.open(url, { headers })
  t.teardown(() => reader.close())
  await reader.until(({ received }) => received.length > 0)
  return { reader, welcome: reader.notices('welcome')[0] }
}

t.test('a stream brings the cookie, and coming back with it keeps the guest', async (t) => {
  const { url } = await startApp(t)
  for (const accept of ['text/event-stream', 'application/x-ndjson']) {
    const { reader, welcome } = await welcomed(t, `${url}/events`, { accept })
    const cookies = reader.response.headers['set-cookie']!
    t.equal(cookies.length, 1)
    for (const attribute of ATTRIBUTES) t.match(cookies[0], attribute)
    t.notMatch(cookies[0], /secure/i, 'over plain HTTP it would be lost')
    const again = await welcomed(t, `${url}/events`, { accept, cookie: pair(cookies[0]!) })
    t.strictSame(again.welcome.user, welcome.user)
    t.notOk(again.reader.response.headers['set-cookie'], 'a young cookie is not renewed')
    const { body: { event } } = await post(url, { message: 'me' }, { cookie: pair(cookies[0]!) })
    t.strictSame(event.user, welcome.user)
  }
})

t.test('one post without a session gets one, in the cookie and in the body, and either is the same user', async (t) => {
  const { url } = await startApp(t)
  const { status, headers, body } = await post(url, { message: 'hi' })
  t.equal(status, 201)
  const cookie = headers.get('set-cookie')!
  for (const attribute of ATTRIBUTES) t.match(cookie, attribute)
  for (const session of [{ cookie: pair(cookie) }, { authorization: `Bearer ${body.token}` }, { authorization: `bearer  ${body.token}` }]) {
    const next = await post(url, { message: 'again' }, session as unknown as Record<string, string>)
    t.strictSame(next.body.event.user, body.event.user)
    t.notOk('token' in next.body, 'the token is given once')
  }
  const other = await post(url, { message: 'other' })
  t.not(other.body.event.user.id, body.event.user.id)
})

t.test('access_token is the user on a stream, and the header wins over the cookie', async (t) => {
  const { url } = await startApp(t)
  const [a, b] = [await guest(url), await guest(url)]
  t.equal((await welcomed(t, `${url}/events?access_token=${a.authorization.slice(7)}`)).welcome.user.id, a.id)
  const cookie = `hubbub=${b.authorization.slice(7)}`
  t.equal((await welcomed(t, `${url}/events`, { cookie })).welcome.user.id, b.id)
  t.equal((await welcomed(t, `${url}/events`, { cookie, authorization: a.authorization })).welcome.user.id, a.id)
})

t.test('a session outlives the server', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const before = await startApp(t, { DATA_DIR })
  const { authorization, id } = await guest(before.url)
  const renamed = await call(`${before.url}/users/me`, { method: 'PATCH', body: { name: 'Kept Name' }, headers: { authorization } })
  t.equal(renamed.status, 200)
  await before.app.close()
  const after = await startApp(t, { DATA_DIR })
  const { body } = await call(`${after.url}/users/me`, { headers: { authorization } })
  t.match(body, { user: { id, name: 'Kept Name' } })
})

t.test('a token lives as long as SESSION_AGE says', async (t) => {
  const { url } = await startApp(t, { SESSION_AGE: '2h' })
  const { authorization } = await guest(url)
  const { iat, exp } = JSON.parse(Buffer.from(authorization.split('.')[1]!, 'base64url').toString())
  t.equal(exp - iat, 7_200)
})

t.test('300 guests at once get 300 names', async (t) => {
  const { url } = await startApp(t)
  const guests = await Promise.all(Array.from({ length: 300 }, () => guest(url)))
  t.equal(new Set(guests.map(({ name }) => name)).size, 300)
  t.equal(new Set(guests.map(({ id }) => id)).size, 300)
  for (const { name } of guests) t.match(name, /^[a-z]+-[a-z]+(-\d+)?$/)
})
