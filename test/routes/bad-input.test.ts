import { once } from 'node:events'
import { STATUS_CODES } from 'node:http'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { errors } from '../../src/errors.js'
import { Reader, call, post, startApp, type Answer } from '../harness.js'

const CODES = new Set(Object.values(errors).map((Catalogued) => new Catalogued().code))

/** The documented shape, with a code of the catalogue. */
function refused (t: Test, name: string, { status, body }: Pick<Answer, 'status' | 'body'>, expected: number, code?: string): void {
  t.equal(status, expected, `${name}: status`)
  t.strictSame(Object.keys(body ?? {}).sort(), ['code', 'error', 'message', 'statusCode'], `${name}: shape`)
  t.ok(CODES.has(body?.code), `${name}: ${body?.code} is in the catalogue`)
  if (code !== undefined) t.equal(body?.code, code, `${name}: code`)
  t.equal(body?.statusCode, expected, name)
  t.equal(body?.error, STATUS_CODES[expected], name)
  t.ok(typeof body?.message === 'string' && body.message.length > 10 && body.message.length < 600, `${name}: ${body?.message}`)
}

/** A stream of somebody else, which must not suffer. */
async function innocent (t: Test, url: string): Promise<(name: string) => Promise<void>> {
  const reader = await Reader.open(`${url}/events?lurk=1`)
  t.teardown(() => reader.close())
  await reader.until(({ received }) => received.length > 0)
  let count = 0
  return async (name) => {
    const { status } = await post(url, { message: `still here ${++count}` })
    t.equal(status, 201, `${name}: others go on posting`)
    await reader.until(({ messages }) => messages.at(-1) === `still here ${count}`)
    t.equal(reader.messages.length, count, `${name}: nothing else was stored`)
  }
}

const nested = (levels: number): string => `{"message":"x","data":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`
const json = { 'content-type': 'application/json' }

const BODIES: Array<[name: string, body: string | undefined, headers: Record<string, string>, status: number, code: string]> = [
  ['malformed JSON', '{"message":', json, 400, 'HUB_INVALID_JSON'],
  ['JSON with a tail', '{"message":"x"}x', json, 400, 'HUB_INVALID_JSON'],
  ['single quotes', "{'message':'x'}", json, 400, 'HUB_INVALID_JSON'],
  ['text', '{"message":"x"}', { 'content-type': 'text/plain' }, 415, 'HUB_UNSUPPORTED_MEDIA_TYPE'],
  ['a form', 'message=x', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'HUB_UNSUPPORTED_MEDIA_TYPE'],
  ['a form of parts', '--x--', { 'content-type': 'multipart/form-data; boundary=x' }, 415, 'HUB_UNSUPPORTED_MEDIA_TYPE'],
  ['another JSON type', '{"message":"x"}', { 'content-type': 'application/jsonp' }, 415, 'HUB_UNSUPPORTED_MEDIA_TYPE'],
  ['a type that is none', '{"message":"x"}', { 'content-type': 'json' }, 415, 'HUB_UNSUPPORTED_MEDIA_TYPE'],
  ['an empty body', '', json, 400, 'HUB_INVALID_JSON'],
  ['an array', '[{"message":"x"}]', json, 400, 'HUB_INVALID_BODY'],
  ['null', 'null', json, 400, 'HUB_INVALID_BODY'],
  ['a text', '"message"', json, 400, 'HUB_INVALID_BODY'],
  ['a number', '1', json, 400, 'HUB_INVALID_BODY'],
  ['no message', '{}', json, 400, 'HUB_MESSAGE_BLANK'],
  ['an empty message', '{"message":""}', json, 400, 'HUB_MESSAGE_BLANK'],
  ['a blank message', '{"message":" \\t\\r\\n\\u00a0\\u3000\\u2028"}', json, 400, 'HUB_MESSAGE_BLANK'],
  ['a message of zero width', '{"message":"\\u200b\\u200d\\ufeff\\u2060\\u00ad\\u3164"}', json, 400, 'HUB_MESSAGE_BLANK'],
  ['a message of controls', '{"message":"\\u0000\\u001b\\u0085"}', json, 400, 'HUB_MESSAGE_BLANK'],
  ['4,001 characters', JSON.stringify({ message: 'x'.repeat(4_001) }), json, 400, 'HUB_MESSAGE_TOO_LONG'],
  ['16 KiB and a byte', `{"message":"x"${' '.repeat(16 * 1024 - 14)}}`, json, 413, 'HUB_BODY_TOO_LARGE'],
  ['a lone surrogate in the message', '{"message":"a\\ud800b"}', json, 400, 'HUB_TEXT_MALFORMED'],
  ['a low surrogate in the message', '{"message":"\\udc00"}', json, 400, 'HUB_TEXT_MALFORMED'],
  ['a lone surrogate in a key of data', '{"message":"x","data":{"\\ud800":1}}', json, 400, 'HUB_TEXT_MALFORMED'],
  ['a lone surrogate in a value of data', '{"message":"x","data":{"a":[{"b":"\\udfff"}]}}', json, 400, 'HUB_TEXT_MALFORMED'],
  ['an unknown field', '{"message":"x","colour":"red"}', json, 400, 'HUB_UNKNOWN_FIELD'],
  ['a misspelt field', '{"message":"x","rooom":"tea"}', json, 400, 'HUB_UNKNOWN_FIELD'],
  ['an unknown field with a hostile name', '{"message":"x","%s%o\\u0000\\ud800":1}', json, 400, 'HUB_UNKNOWN_FIELD'],
  ['an unknown field with a long name', `{"message":"x","${'y'.repeat(9_000)}":1}`, json, 400, 'HUB_UNKNOWN_FIELD'],
  ['a number as message', '{"message":1}', json, 400, 'HUB_INVALID_BODY'],
  ['null as message', '{"message":null}', json, 400, 'HUB_INVALID_BODY'],
  ['a list as message', '{"message":["x"]}', json, 400, 'HUB_INVALID_BODY'],
  ['a number as type', '{"message":"x","type":1}', json, 400, 'HUB_INVALID_BODY'],
  ['a number as key', '{"message":"x","key":1}', json, 400, 'HUB_INVALID_BODY'],
  ['a number as room', '{"message":"x","room":1}', json, 400, 'HUB_ROOM_INVALID'],
  ['a list as data', '{"message":"x","data":[]}', json, 400, 'HUB_INVALID_BODY'],
  ['a text as data', '{"message":"x","data":"{}"}', json, 400, 'HUB_INVALID_BODY'],
  ['an empty key', '{"message":"x","key":""}', json, 400, 'HUB_INVALID_BODY'],
  ['a key of 10 KB', `{"message":"x","key":"${'k'.repeat(10_000)}"}`, json, 400, 'HUB_INVALID_BODY'],
  ['__proto__', '{"message":"x","__proto__":{"admin":true}}', json, 400, 'HUB_INVALID_JSON'],
  ['__proto__ in data', '{"message":"x","data":{"a":{"__proto__":{"admin":true}}}}', json, 400, 'HUB_INVALID_JSON'],
  ['constructor', '{"message":"x","constructor":{"prototype":{"admin":true}}}', json, 400, 'HUB_INVALID_JSON'],
  ['a constructor of text', '{"message":"x","constructor":"y"}', json, 400, 'HUB_UNKNOWN_FIELD'],
  ['toString', '{"message":"x","toString":"y"}', json, 400, 'HUB_UNKNOWN_FIELD'],
  ['5,000 levels', nested(5_000), json, 400, 'HUB_DATA_TOO_DEEP'],
  ['17 levels', nested(16), json, 400, 'HUB_DATA_TOO_DEEP'],
  ...['', 'A', '-a', '.a', '_a', 'a b', 'a/b', 'a:b', 'a,b', 'é', 'a'.repeat(65), '../a', 'a\\n', '\\u0000'].map((room): [string, string, Record<string, string>, number, string] =>
    [`room ${room.slice(0, 10)}`, `{"message":"x","room":"${room}"}`, json, 400, 'HUB_ROOM_INVALID'])
]

t.test('a bad post is refused by name, and harms nobody', async (t) => {
  const { url } = await startApp(t)
  const unharmed = await innocent(t, url)
  for (const [name, body, headers, status, code] of BODIES) {
    const response = await fetch(`${url}/events`, { method: 'POST', headers, ...(body !== undefined && { body }) })
    refused(t, name, { status: response.status, body: await response.json() }, status, code)
    t.notOk(response.headers.get('set-cookie'), `${name}: no guest is made for it`)
    await unharmed(name)
  }
})

t.test('a post without a content type, or without a body, is refused', async (t) => {
  const { url } = await startApp(t)
  const unharmed = await innocent(t, url)
  const untyped = await fetch(`${url}/events`, { method: 'POST', body: new Blob(['{"message":"x"}']) })
  refused(t, 'no type', { status: untyped.status, body: await untyped.json() }, 415, 'HUB_UNSUPPORTED_MEDIA_TYPE')
  const nothing = await fetch(`${url}/events`, { method: 'POST' })
  t.ok([400, 415].includes(nothing.status))
  refused(t, 'nothing', { status: nothing.status, body: await nothing.json() }, nothing.status)
  await unharmed('both')
})

t.test('16 levels and 16 KiB are still taken', async (t) => {
  const { url } = await startApp(t)
  t.equal((await post(url, nested(15))).status, 201)
  t.equal((await post(url, `{"message":"x"${' '.repeat(16 * 1024 - 15)}}`)).status, 201)
})

const RFC = encodeURIComponent('2026-13-45T00:00:00Z')
const QUERIES: Array<[query: string, code: string]> = [
  ['history=501', 'HUB_INVALID_QUERY'], ['history=-1', 'HUB_INVALID_QUERY'], ['history=1.5', 'HUB_INVALID_QUERY'],
  ['history=abc', 'HUB_INVALID_QUERY'], ['history=', 'HUB_INVALID_QUERY'], ['history=1&history=2', 'HUB_INVALID_QUERY'], ['history=Infinity', 'HUB_INVALID_QUERY'],
  ['since=garbage', 'HUB_INVALID_QUERY'], ['since=', 'HUB_INVALID_QUERY'], [`since=${RFC}`, 'HUB_INVALID_QUERY'], ['since=2026', 'HUB_INVALID_QUERY'],
  ['since=-5m', 'HUB_INVALID_QUERY'], ['since=10m&history=5', 'HUB_INVALID_QUERY'], [`since=${'9'.repeat(100)}`, 'HUB_INVALID_QUERY'],
  ['speed=1', 'HUB_INVALID_QUERY'], ['since=1m&speed=0', 'HUB_INVALID_QUERY'], ['since=1m&speed=-1', 'HUB_INVALID_QUERY'], ['since=1m&speed=NaN', 'HUB_INVALID_QUERY'],
  ['lurk=yes', 'HUB_INVALID_QUERY'], ['token=2', 'HUB_INVALID_QUERY'], ['wait=61', 'HUB_INVALID_QUERY'], ['wait=-1', 'HUB_INVALID_QUERY'],
  ['rooom=a', 'HUB_UNKNOWN_FIELD'], ['x', 'HUB_UNKNOWN_FIELD'], ['__proto__=1', 'HUB_UNKNOWN_FIELD'], ['constructor=1', 'HUB_UNKNOWN_FIELD'],
  ['room=', 'HUB_ROOM_INVALID'], ['room=A', 'HUB_ROOM_INVALID'], ['room=a%20b', 'HUB_ROOM_INVALID'], ['room=a&room=%00', 'HUB_ROOM_INVALID'],
  ['room=%zz', 'HUB_ROOM_INVALID'], [`room=${'a'.repeat(65)}`, 'HUB_ROOM_INVALID'], ['room=a,b', 'HUB_ROOM_INVALID'], ['room[]=a', 'HUB_UNKNOWN_FIELD'],
  [Array.from({ length: 500 }, (_, index) => `room=r${index}`).join('&'), 'HUB_TOO_MANY_ROOMS'],
  [Array.from({ length: 17 }, (_, index) => `room=r${index}`).join('&'), 'HUB_TOO_MANY_ROOMS']
]

t.test('a bad query is refused in every representation, and harms nobody', async (t) => {
  const { url } = await startApp(t)
  const unharmed = await innocent(t, url)
  for (const [query, code] of QUERIES) {
    for (const accept of ['text/event-stream', 'application/json']) {
      refused(t, query.slice(0, 40), await call(`${url}/events?${query}`, { headers: { accept } }), 400, code)
    }
    await unharmed(query.slice(0, 40))
  }
})

t.test('bad paths, methods and history ranges are refused', async (t) => {
  const { url } = await startApp(t)
  const unharmed = await innocent(t, url)
  const cases: Array<[method: string, path: string, status: number, code?: string]> = [
    ['GET', '/nowhere', 404, 'HUB_NOT_FOUND'], ['PUT', '/events', 404, 'HUB_NOT_FOUND'], ['GET', `/${'x'.repeat(5_000)}`, 404, 'HUB_NOT_FOUND'],
    ['GET', '/..%2f..%2fpackage.json', 404], ['GET', '/rooms/%zz/events', 400], ['GET', '/rooms/A/events', 400, 'HUB_ROOM_INVALID'],
    ['GET', '/rooms/a%2fb/events', 400, 'HUB_ROOM_INVALID'],
    ...['limit=0', 'limit=501', 'limit=-1', 'limit=x', 'limit=1.5', 'limit=', 'after=x', 'before=1', 'after=1-0&after=2-0', 'before=1000000000000000-0']
      .map((query): [string, string, number, string] => ['GET', `/rooms/lobby/events?${query}`, 400, 'HUB_INVALID_QUERY']),
    ['GET', '/rooms/lobby/events?lmit=5', 400, 'HUB_UNKNOWN_FIELD'], ['GET', '/rooms?limit=0', 400, 'HUB_INVALID_QUERY'],
    ['GET', '/users?room=A', 400, 'HUB_ROOM_INVALID'], ['GET', '/users?rom=a', 400, 'HUB_UNKNOWN_FIELD']
  ]
  for (const [method, path, status, code] of cases) {
    refused(t, `${method} ${path.slice(0, 50)}`, await call(url + path, { method }), status, code)
    await unharmed(path.slice(0, 50))
  }
})

for (const [name, bytes, status] of [
  ['headers of more than 16 KB', `GET /healthz HTTP/1.1\r\nhost: x\r\nlast-event-id: ${'x'.repeat(17_000)}\r\n\r\n`, 431],
  ['what is no HTTP', 'what is this\r\n\r\n', 400]
] as const) {
  t.test(`${name} is refused in the same shape`, async (t) => {
    const { url } = await startApp(t)
    const unharmed = await innocent(t, url)
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('error', () => {})
    socket.write(bytes)
    await once(socket, 'close')
    refused(t, name, { status: Number(text.slice(9, 12)), body: JSON.parse(text.split('\r\n\r\n')[1] ?? 'null') }, status)
    await unharmed(name)
  })
}
