import { createHmac } from 'node:crypto'
import t from 'tap'
import { Reader, call, post, startApp } from '../harness.js'

const SECRET = 'a secret of at least thirty-two characters'
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
function sign (claims: object, secret = SECRET, header: object = { alg: 'HS256', typ: 'JWT' }): string {
  const text = `${part(header)}.${part(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}
const now = Math.floor(Date.now() / 1_000)
const claims = { sub: 'user-of-a-test-1', name: 'tester', iss: 'hubbub', iat: now, exp: now + 3_600 }
const good = sign(claims)

const BAD: Array<[name: string, token: string, code: string]> = [
  ['another secret', sign(claims, 'another secret of thirty-two characters'), 'HUB_TOKEN_INVALID'],
  ['alg none', `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`, 'HUB_TOKEN_INVALID'],
  ['alg none, signed', sign(claims, SECRET, { alg: 'none' }), 'HUB_TOKEN_INVALID'],
  ['alg HS512 said', sign(claims, SECRET, { alg: 'HS512' }), 'HUB_TOKEN_INVALID'],
  ['a changed claim', `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ ...claims, name: 'admin' })}.${good.split('.')[2]}`, 'HUB_TOKEN_INVALID'],
  ['garbage', 'garbage', 'HUB_TOKEN_INVALID'],
  ['dots', '..', 'HUB_TOKEN_INVALID'],
  ['long garbage', 'x'.repeat(8_000), 'HUB_TOKEN_INVALID'],
  ['another issuer', sign({ ...claims, iss: 'other' }), 'HUB_TOKEN_INVALID'],
  ['no subject', sign({ ...claims, sub: undefined }), 'HUB_TOKEN_INVALID'],
  ['no expiry', sign({ ...claims, exp: undefined }), 'HUB_TOKEN_INVALID'],
  ['expired', sign({ ...claims, iat: now - 7_200, exp: now - 3_600 }), 'HUB_TOKEN_EXPIRED']
]

t.test('a good token of the same making is taken, so that the others are refused for what they are', async (t) => {
  const { url } = await startApp(t, { TOKEN_SECRET: SECRET })
  const { status, body } = await call(`${url}/users/me`, { headers: { authorization: `Bearer ${good}` } })
  t.equal(status, 200)
  t.match(body, { user: { id: claims.sub, name: 'tester' } })
})

t.test('a bad token that was chosen is 401 everywhere, as a header and in the query', async (t) => {
  const { url } = await startApp(t, { TOKEN_SECRET: SECRET })
  for (const [name, token, code] of BAD) {
    const authorization = `Bearer ${token}`
    for (const [what, answer] of Object.entries({
      post: await post(url, { message: 'x' }, { authorization }),
      stream: await call(`${url}/events`, { headers: { authorization, accept: 'text/event-stream' } }),
      poll: await call(`${url}/events?wait=0`, { headers: { authorization, accept: 'application/json' } }),
      query: await call(`${url}/events?access_token=${token}`, { headers: { accept: 'text/event-stream' } }),
      me: await call(`${url}/users/me`, { headers: { authorization } }),
      rename: await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'x' }, headers: { authorization } }),
      lurk: await call(`${url}/events?lurk=1&access_token=${token}`, { headers: { accept: 'text/event-stream' } })
    })) {
      t.equal(answer.status, 401, `${name}: ${what}`)
      t.equal(answer.body?.code, code, `${name}: ${what}`)
      t.notOk(JSON.stringify(answer.body).includes(token) && token.length > 2, `${name}: it is not given back`)
    }
  }
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [])
  for (const authorization of ['Bearer', 'Bearer ', good, `Token ${good}`]) {
    t.equal((await post(url, { message: 'x' }, { authorization })).status, 401, authorization.slice(0, 10))
  }
  t.equal((await post(url, { message: 'x' }, { authorization: `Basic ${btoa('a:b')}` })).status, 201, 'a proxy\'s is none of ours')
})

t.test('a bad token in a cookie: a write is refused and the cookie cleared, a read goes on as a new guest', async (t) => {
  const { url } = await startApp(t, { TOKEN_SECRET: SECRET })
  for (const [name, token, code] of BAD) {
    const cookie = `hubbub=${token}`
    const { status, body, headers } = await post(url, { message: 'x' }, { cookie })
    t.equal(status, 401, name)
    t.equal(body.code, code, name)
    t.match(headers.get('set-cookie'), /^hubbub=;.*(Max-Age=0|Expires=Thu, 01 Jan 1970)/i, name)
    const reader = await Reader.open(`${url}/events?token=1`, { headers: { cookie } })
    await reader.until(({ received }) => received.length > 0)
    const [{ user, token: own }] = reader.notices('welcome')
    t.equal(reader.response.statusCode, 200, name)
    t.not(user.id, claims.sub, name)
    const kept = reader.response.headers['set-cookie']!.at(-1)!
    t.ok(kept.startsWith(`hubbub=${own};`), `${name}: the last cookie is the new guest's`)
    reader.close()
  }
})

t.test('a token signed by a host application with claims that are no text is refused', async (t) => {
  const { url } = await startApp(t, { TOKEN_SECRET: SECRET })
  for (const wrong of [{ name: 42 }, { name: { a: 1 } }, { sub: 42 }, { sub: { a: 1 } }, { sub: '' }, { name: '' }]) {
    const authorization = `Bearer ${sign({ ...claims, ...wrong })}`
    t.equal((await post(url, { message: 'x' }, { authorization })).status, 401, JSON.stringify(wrong))
    t.equal((await call(`${url}/users/me`, { headers: { authorization } })).status, 401, JSON.stringify(wrong))
  }
})

t.test('a subject as long as a header allows harms nobody', async (t) => {
  const { url } = await startApp(t, { TOKEN_SECRET: SECRET })
  const authorization = `Bearer ${sign({ ...claims, sub: 's'.repeat(5_000) })}`
  const answers = await Promise.all([
    post(url, { message: 'x', key: 'k' }, { authorization }),
    ...Array.from({ length: 10 }, (_, index) => post(url, { message: `${index}` }))
  ])
  t.ok(answers[0]!.status < 500, `${answers[0]!.status} ${JSON.stringify(answers[0]!.body)}`)
  t.strictSame(answers.slice(1).map(({ status }) => status), Array.from({ length: 10 }, () => 201))
  t.equal((await post(url, { message: 'after' })).status, 201)
})
