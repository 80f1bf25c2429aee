import { createHmac } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { Reader, call, eventually, guest, missing, post, startApp, startServer, temporaryDirectory } from '../harness.js'
import { SECRET, bearer, inSeconds, jwkOf, keyPair, pemOf, sign, type Pair } from '../host-application.js'
import { OPENSSL, OPENSSL_REMEDY, makeCertificate } from '../redis/server.js'

const me = (url: string, token: string) => call(`${url}/users/me`, { headers: { authorization: `Bearer ${token}` } })
const base64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

async function keyFile (t: Test, ...pairs: Pair[]): Promise<string> {
  const path = join(temporaryDirectory(t), 'keys.json')
  await writeKeys(path, ...pairs)
  return path
}

async function writeKeys (path: string, ...pairs: Pair[]): Promise<void> {
  const next = `${path}.next`
  writeFileSync(next, JSON.stringify({ keys: await Promise.all(pairs.map(jwkOf)) }))
  renameSync(next, path)
}

t.test('a token signed with the shared secret is its user, by id and name, on every way in', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const token = await sign({ sub: 'u-42', name: 'Ada Lovelace' })
  const { status, body } = await me(url, token)
  t.equal(status, 200)
  t.match(body, { user: { id: 'u-42', name: 'Ada Lovelace', tag: /^\w{6}$/ } })
  t.notOk('token' in body)
  t.match((await post(url, { message: 'hi' }, { authorization: `Bearer ${token}` })).body.event.user, { id: 'u-42', name: 'Ada Lovelace' })
  const reader = await Reader.open(`${url}/events?access_token=${token}&token=1`)
  t.teardown(() => reader.close())
  await reader.until(({ received }) => received.length > 0)
  t.match(reader.notices('welcome')[0].user, { id: 'u-42' })
  t.notOk('token' in reader.notices('welcome')[0], 'its token is not ours to give')
  t.notOk(reader.response.headers['set-cookie'])
})

t.test('a token by public key: RSA, P-256 and Ed25519, from a JWK Set and from PEM', async (t) => {
  const pairs = (['RS256', 'ES256', 'EdDSA'] as const).map(keyPair)
  const { url } = await startApp(t, { JWT_KEYS: await keyFile(t, ...pairs) })
  for (const pair of pairs) {
    t.equal((await me(url, await sign({}, pair))).status, 200, pair.alg)
    t.equal((await me(url, await sign({}, pair, { kid: undefined }))).status, 200, `${pair.alg} without a kid`)
    t.equal((await me(url, await sign({}, { ...keyPair(pair.alg), kid: pair.kid }))).body.code, 'HUB_TOKEN_INVALID', `${pair.alg} by another key`)
    const pem = join(temporaryDirectory(t), 'key.pem')
    writeFileSync(pem, await pemOf(pair))
    const other = await startApp(t, { JWT_KEYS: pem })
    t.equal((await me(other.url, await sign({}, pair))).status, 200, `${pair.alg} as PEM`)
  }
})

t.test('what is not signed as it must be is refused', async (t) => {
  const rsa = keyPair('RS256')
  const pem = await pemOf(rsa)
  const { url } = await startApp(t, { JWT_KEYS: await keyFile(t, rsa, keyPair('ES256')), JWT_SECRET: SECRET })
  const claims = { sub: 'u-1', name: 'Ada', exp: inSeconds(600) }
  const hmac = (key: string | Buffer, header: object): string => {
    const text = `${base64(header)}.${base64(claims)}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }
  const good = await sign(claims, rsa)
  const [head, body, signature] = good.split('.') as [string, string, string]
  const refused: Record<string, string> = {
    'no signature': `${base64({ alg: 'none' })}.${base64(claims)}.`,
    'none, in other letters': `${base64({ alg: 'nOnE' })}.${base64(claims)}.`,
    'none, with a signature': `${base64({ alg: 'none' })}.${base64(claims)}.${signature}`,
    'the public key as a secret': hmac(pem, { alg: 'HS256' }),
    'the public key as a secret, by its kid': hmac(pem, { alg: 'HS256', kid: rsa.kid }),
    'the public key without its last line break': hmac(pem.trim(), { alg: 'HS256' }),
    'the public key, bare': hmac(rsa.publicKey.export({ type: 'spki', format: 'der' }), { alg: 'HS256' }),
    'an empty secret': hmac('', { alg: 'HS256' }),
    'a longer hash': await sign(claims, SECRET, { alg: 'HS512' }),
    'RSA-PSS by the same key': await sign(claims, { ...rsa, alg: 'PS256' as never }),
    'RS512 by the same key': await sign(claims, { ...rsa, alg: 'RS512' as never }),
    'another signature': `${head}.${body}.${base64('x'.repeat(256))}`,
    'another body': `${head}.${base64({ ...claims, sub: 'admin' })}.${signature}`,
    'a key that the token brings along': await sign(claims, keyPair('RS256'), { jwk: await jwkOf(rsa) }),
    'a critical header that nobody knows': `${base64({ alg: 'HS256', crit: ['x'], x: 1 })}.${base64(claims)}.${signature}`,
    'three dots': 'a.b.c',
    'no token': 'x',
    'five parts': `${good}.x.y`,
    'a secret of another application': await sign(claims, 'another secret, of another application, as long')
  }
  t.equal((await me(url, good)).status, 200)
  for (const [what, token] of Object.entries(refused)) {
    const { status, body, headers } = await me(url, token)
    t.equal(status, 401, what)
    t.equal(body.code, 'HUB_TOKEN_INVALID', what)
    t.equal(headers.get('www-authenticate'), 'Bearer', what)
    t.equal((await post(url, { message: what }, { authorization: `Bearer ${token}` })).status, 401, what)
  }
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [], 'nothing was stored')
})

t.test('guests and other applications have keys of their own', async (t) => {
  const TOKEN_SECRET = 'the secret of guests, which is another one, 32 bytes'
  const { url } = await startApp(t, { JWT_SECRET: SECRET, TOKEN_SECRET })
  const ours = { iss: 'hubbub', iat: inSeconds(0), since: Date.now() }
  t.equal((await me(url, await sign({ ...ours, sub: 'V1StGXR8_Z5jdHi6' }))).body.code, 'HUB_TOKEN_INVALID', 'no application makes guests')
  t.equal((await me(url, await sign({ sub: 'u-1' }, TOKEN_SECRET))).body.code, 'HUB_TOKEN_INVALID')
  const { authorization } = await guest(url)
  t.equal((await call(`${url}/users/me`, { headers: { authorization } })).status, 200, 'and guests stay welcome')
  const same = await startServer(t, { JWT_SECRET: SECRET, TOKEN_SECRET: SECRET, DATA_DIR: temporaryDirectory(t) }).then(() => 'it started', ({ message }) => message)
  t.match(same, /Hubbub cannot start: JWT_SECRET and TOKEN_SECRET are the same/)
})

t.test('a signed token that says what it may not is refused with the claim', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, JWT_ISSUER: 'https://app.example.org', JWT_AUDIENCE: 'hubbub', JWT_LEEWAY: '5s' })
  const good = { iss: 'https://app.example.org', aud: 'hubbub' }
  const code = async (claims: object): Promise<string> => (await me(url, await sign({ ...good, ...claims }))).body.code
  t.equal(await code({}), undefined)
  t.equal(await code({ aud: ['other', 'hubbub'] }), undefined)
  t.equal(await code({ iat: inSeconds(3), nbf: inSeconds(3) }), undefined, 'by a clock within the leeway')
  for (const [what, claims] of Object.entries({
    'no exp': { exp: undefined },
    'no sub': { sub: undefined },
    'no iss': { iss: undefined },
    'another iss': { iss: 'https://evil.example' },
    'another aud': { aud: 'other' },
    'not yet': { nbf: inSeconds(60) },
    'from the future': { iat: inSeconds(60) },
    'an exp in words': { exp: 'tomorrow' },
    'no number of a sub': { sub: 7 },
    'a sub with a space': { sub: 'a b' },
    'the sub of a bot': { sub: '~operator' },
    'a long sub': { sub: 'x'.repeat(129) },
    'a name that nobody can have': { name: 'a\u202eb' },
    'an empty name': { name: '' },
    'a misspelt right': { rooms: { reed: ['*'] } },
    'rooms that are none': { rooms: { read: ['Lobby'] } },
    'a list of rooms': { rooms: ['lobby'] },
    'a star in the middle': { rooms: { read: ['a*b'] } },
    'very many rooms': { rooms: { read: Array.from({ length: 101 }, (_, index) => `r${index}`) } }
  })) t.equal(await code(claims), 'HUB_TOKEN_UNFIT', what)
  for (const exp of [inSeconds(-1), inSeconds(-60), 0, -1]) t.equal(await code({ exp }), 'HUB_TOKEN_EXPIRED', `${exp}: its end is its end`)
})

t.test('keys are rotated without a restart, and a key that is gone takes its streams with it', async (t) => {
  const [old, next] = [keyPair('ES256'), keyPair('EdDSA')]
  const path = await keyFile(t, old)
  const { url } = await startApp(t, { JWT_KEYS: path })
  const token = await sign({ sub: 'u-old' }, old)
  t.equal((await me(url, token)).status, 200)
  t.equal((await me(url, await sign({}, next))).status, 401)
  const reader = await Reader.open(`${url}/events`, { headers: { authorization: `Bearer ${token}` } })
  await reader.until(({ received }) => received.length > 0)

  await writeKeys(path, old, next)
  await eventually(async () => (await me(url, await sign({}, next))).status === 200, 'the new key is known')
  t.equal((await me(url, token)).status, 200, 'and the old one still is')
  t.notOk(reader.ended)

  writeFileSync(path, 'not a key')
  await writeKeys(path, next)
  await eventually(async () => (await me(url, token)).status === 401, 'the old key is gone')
  await reader.end()
  t.match(reader.notices('bye'), [{ reason: 'revoked' }])
  t.equal((await me(url, await sign({}, next))).status, 200)
})

t.test('an address of keys that hangs is asked once for many tokens', async (t) => {
  if (missing(t, OPENSSL, OPENSSL_REMEDY)) return
  const certificate = makeCertificate(temporaryDirectory(t))
  const pair = keyPair('ES256')
  const set = JSON.stringify({ keys: [await jwkOf(pair)] })
  let asked = 0
  let hangs = true
  const keys = createServer({ cert: readFileSync(certificate), key: readFileSync(join(dirname(certificate), 'key.pem')) }, (_request, response) => {
    asked++
    if (!hangs) response.end(set)
  })
  await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { keys.closeAllConnections(); keys.close() })
  const JWT_KEYS = `https://127.0.0.1:${(keys.address() as AddressInfo).port}/keys`
  const start = (): ReturnType<typeof startServer> => startServer(t, { JWT_KEYS, NODE_EXTRA_CA_CERTS: certificate, DATA_DIR: temporaryDirectory(t) })
  const { url } = await start()
  for (let count = 0; count < 3; count++) t.equal((await me(url, await sign({}, pair))).body.code, 'HUB_KEYS_UNAVAILABLE')
  t.equal(asked, 1)

  hangs = false
  const other = await start()
  t.strictSame((await Promise.all([1, 2, 3].map(async () => me(other.url, await sign({}, pair))))).map(({ status }) => status), [200, 200, 200])
  t.equal((await me(other.url, await sign({}, keyPair('ES256')))).status, 401)
  t.equal(asked, 2, 'nor for a key that it has not, just after it was asked')
})

t.test('keys that cannot be used stop the start in one line', async (t) => {
  const directory = temporaryDirectory(t)
  const rsa = keyPair('RS256')
  const files: Record<string, string> = {
    empty: '',
    'no keys': '{"keys":[]}',
    'another thing': '{"a":1}',
    'a private key': rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    'a private JWK': JSON.stringify({ ...rsa.privateKey.export({ format: 'jwk' }) }),
    'a short secret': JSON.stringify({ kty: 'oct', k: base64('short') }),
    'a key for something else': JSON.stringify({ ...await jwkOf(rsa), alg: 'PS256' })
  }
  for (const [what, text] of Object.entries(files)) {
    const path = join(directory, 'keys')
    writeFileSync(path, text)
    const error = await startApp(t, { JWT_KEYS: path }).then(() => undefined, (error: Error) => error)
    t.match(error?.message, /^JWT_KEYS cannot be used \(.+\); it wants a file/, what)
    t.notMatch(error?.message, /\n/)
  }
  t.match(await startApp(t, { JWT_KEYS: join(directory, 'missing') }).then(() => undefined, (error: Error) => error.message), /^JWT_KEYS cannot be used \(ENOENT/)
})

t.test('shared secrets in a JWK Set are rotated, too', async (t) => {
  const path = join(temporaryDirectory(t), 'keys.json')
  const other = 'another secret of the application, as long as it must be'
  writeFileSync(path, JSON.stringify({ keys: [{ kty: 'oct', k: base64(SECRET), kid: 'a' }, { kty: 'oct', k: base64(other), kid: 'b' }] }))
  const { url } = await startApp(t, { JWT_KEYS: path })
  for (const secret of [SECRET, other]) t.equal((await me(url, await sign({}, secret))).status, 200)
  t.equal((await me(url, await sign({}, keyPair('RS256')))).body.code, 'HUB_TOKEN_INVALID')
})

t.test('a stream ends within a second of its token, says so, and is not let in again by it', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const exp = inSeconds(2)
  const headers = await bearer({ exp })
  const readers = await Promise.all(['text/event-stream', 'application/x-ndjson'].map((accept) => Reader.open(`${url}/events`, { headers: { ...headers, accept } })))
  const poll = call(`${url}/events?wait=30`, { headers: { ...headers, accept: 'application/json' } })
  for (const reader of readers) {
    await reader.end()
    t.match(reader.notices('bye'), [{ reason: 'expired', message: /expired/ }])
    const late = Date.parse(reader.notices('bye')[0].at) - exp * 1_000
    t.ok(late >= 0 && late < 1_000, `${late} ms after its end`)
  }
  t.match(await poll, { status: 200, body: { events: [] } }, 'a poll is answered')
  t.equal((await call(`${url}/events`, { headers })).body.code, 'HUB_TOKEN_EXPIRED')
})

t.test('that a token was taken back is remembered as long as any guest\'s is good', async (t) => {
  for (const [SESSION_AGE, days] of [['30d', 365], ['3000d', 3_000]] as const) {
    const { app, url } = await startApp(t, { JWT_SECRET: SECRET, SESSION_AGE })
    const before = Date.now()
    t.equal((await call(`${url}/revocations`, { body: { user: 'u-1' }, headers: await bearer({ sub: 'admin', rooms: { moderate: ['*'] } }) })).status, 204)
    const { until } = await app.engine.documents.get<any>('revoked', 'user u-1')
    t.ok(until >= before + days * 86_400_000, `${days} days`)
  }
})

t.test('tokens are taken back by user and by jti, and the streams by them end', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const admin = await bearer({ sub: 'admin', name: 'Host', rooms: { moderate: ['*'] } })
  const [a, b, c] = [await bearer({ sub: 'a', iat: inSeconds(-10) }), await bearer({ sub: 'b', jti: 'one' }), await bearer({ sub: 'b', jti: 'two' })]
  const [ra, rb, rc] = await Promise.all([a, b, c].map((headers) => Reader.open(`${url}/events`, { headers }))) as [Reader, Reader, Reader]
  t.teardown(() => rc.close())
  for (const reader of [ra, rb, rc]) await reader.until(({ received }) => received.length > 0)
  t.equal((await call(`${url}/revocations`, { body: { user: 'a' }, headers: a })).status, 403)
  t.equal((await call(`${url}/revocations`, { body: { user: 'a' } })).status, 401)
  t.equal((await call(`${url}/revocations`, { body: {}, headers: admin })).status, 400)
  const at = Date.now()
  t.equal((await call(`${url}/revocations`, { body: { user: 'a' }, headers: admin })).status, 204)
  t.equal((await call(`${url}/revocations`, { body: { jti: 'one' }, headers: admin })).status, 204)
  for (const reader of [ra, rb]) {
    await reader.end()
    t.match(reader.notices('bye'), [{ reason: 'revoked' }])
    t.ok(Date.parse(reader.notices('bye')[0].at) - at < 1_000)
  }
  for (const headers of [a, b]) t.equal((await post(url, { message: 'x' }, headers)).body.code, 'HUB_TOKEN_REVOKED')
  t.equal((await post(url, { message: 'x' }, c)).status, 201)
  t.notOk(rc.ended)
  t.equal((await post(url, { message: 'x' }, await bearer({ sub: 'a', iat: inSeconds(1) }))).status, 201, 'what is signed later is good')
})
