import t from 'tap'
import type { ClientStorage } from '../../static/client.js'
import { call, eventually, startApp } from '../harness.js'
import { SECRET, sign } from '../host-application.js'
import { Listener } from './listener.js'
import { PORTAL, RoughWay, type Fate, type Passing } from './rough-way.js'

const isPost = ({ method, path }: Passing): boolean => method === 'POST' && path === '/events'

/** What a browser keeps, as long as the test lasts. */
function memory (): ClientStorage & { kept: Map<string, string> } {
  const kept = new Map<string, string>()
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
    keys: () => [...kept.keys()]
  }
}

/** Posts something, hears no answer, and is gone. */
async function leaveUnanswered (way: RoughWay, listener: Listener, message: string, fate: Fate): Promise<void> {
  way.fate = (passing) => isPost(passing) ? fate : undefined
  listener.client.post(message).catch(() => {})
  await listener.until(({ pending }) => pending[0]?.failure !== undefined)
  listener.client.close()
  way.fate = () => undefined
}

/** The room's log, as the server has it. */
async function log (url: string, room = 'lobby'): Promise<string[]> {
  return (await call(`${url}/rooms/${room}/events`)).body.events.map(({ message }: { message: string }) => message)
}

t.test('a post is shown at once as pending, until the log shows it', async (t) => {
  const { url } = await startApp(t)
  const listener = await new Listener(t, { url }).live()
  const sent = listener.client.post('hi')
  t.match(listener.pending, [{ room: 'lobby', draft: { message: 'hi' }, state: 'sending' }])
  t.match(await sent, { message: 'hi', user: { id: listener.client.user!.id } })
  await listener.until(({ pending, told }) => pending.length === 0 && told.length === 1)
  t.ok(listener.order.includes('sent'))
})

t.test('one for a room that is not read does not wait for it to be shown', async (t) => {
  const { url } = await startApp(t)
  const listener = await new Listener(t, { url }).live()
  t.match(await listener.client.post({ room: 'elsewhere', message: 'hi' }), { room: 'elsewhere' })
  await listener.until(({ pending }) => pending.length === 0)
})

t.test('one that is answered before the stream begins does not wait for it', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const way = await RoughWay.to(t, url)
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => { open = resolve })
  way.fate = ({ method, path }) => method === 'GET' && path.startsWith('/events') ? opened.then(() => undefined) : undefined
  const listener = new Listener(t, { url: way.url, token: await sign() })
  await listener.client.post('hi')
  t.match(listener.pending, [{ state: 'sent' }])
  open()
  await listener.live()
  t.strictSame(listener.pending, [])
})

t.test('nor does one for a room that is left before the stream brings it', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url, rooms: ['lobby', 'other'] }).live()
  way.rewrite = (text, { headers }) => headers.accept === 'text/event-stream' ? '' : text
  await listener.client.post({ room: 'other', message: 'hi' })
  await listener.until(({ pending }) => pending[0]?.state === 'sent' || pending.length === 0)
  listener.client.leave('other')
  t.strictSame(listener.pending, [])
})

t.test('many that are written at once are kept once, and told once', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const storage = memory()
  const written: string[] = []
  const listener = await new Listener(t, { url: way.url, storage: { ...storage, setItem: (key, value) => { if (key.includes('outbox')) written.push(value) } } }).live()
  way.fate = (passing) => isPost(passing) ? 'silence' : undefined
  for (let i = 0; i < 1_000; i++) listener.client.post(`number ${i}`)
  t.equal(listener.pending.length, 1_000)
  await Promise.resolve()
  t.strictSame(written.map((text) => JSON.parse(text).length), [1_000])
  t.equal(listener.order.filter((type) => type === 'outbox').length, 1)
  listener.client.post('and one more')
  listener.client.close()
  t.strictSame(written.map((text) => JSON.parse(text).length), [1_000, 1_001], 'and what is written last, too')
})

const REFUSALS: Array<[what: string, fate: Fate]> = [
  ['cut', 'cut'],
  ['answered late, and lost', 'lose the answer'],
  ['answered by a network that wants a login first', PORTAL],
  ['answered with JSON of somebody else', { status: 200, headers: { 'content-type': 'application/json' }, body: '"ok"' }],
  ['answered with an object of somebody else', { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' }],
  ['answered by a proxy: 502', { status: 502, body: '<h1>Bad Gateway</h1>' }],
  ['answered by a proxy: 403', { status: 403, body: 'null' }],
  ['answered with 503', { status: 503, headers: { 'retry-after': '1' } }],
  ['answered with 429', { status: 429, headers: { 'retry-after': '1', 'content-type': 'application/json' }, body: '{"code":"HUB_TOO_MANY_REQUESTS","message":"Too many."}' }]
]
for (const [what, fate] of REFUSALS) {
  t.test(`a post that is ${what} is sent again, is stored once, and keeps its order`, async (t) => {
    const { url } = await startApp(t)
    const way = await RoughWay.to(t, url)
    const listener = await new Listener(t, { url: way.url }).live()
    let refused = 0
    way.fate = (passing) => isPost(passing) && refused++ < 1 ? fate : undefined
    const [first, second] = [listener.client.post('first'), listener.client.post('second')]
    await listener.until(({ pending }) => pending[0]?.failure !== undefined && pending[0].retryAt !== undefined)
    t.match(listener.pending, [{ state: 'waiting', failure: { message: String } }, { state: 'waiting' }])
    await Promise.all([first, second])
    t.strictSame(await log(url), ['first', 'second'])
    await listener.until(({ pending, told }) => pending.length === 0 && told.length === 2)
    t.strictSame(listener.messages(), ['first', 'second'])
    t.equal(way.count('POST', '/events'), 3)
  })
}

t.test('what has arrived, though its answer was lost, is not taken back', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  way.fate = (passing) => isPost(passing) ? 'lose the answer' : undefined
  const sent = listener.client.post('hi')
  await listener.until(({ pending }) => pending[0]?.told === true && pending[0].state === 'waiting')
  t.equal(listener.client.discard(listener.pending[0]!.key), undefined)
  way.fate = () => undefined
  listener.client.retry(listener.pending[0]!.key)
  t.match(await sent, { message: 'hi' })
  t.strictSame(await log(url), ['hi'])
})

t.test('what a server that asks for patience was sent is sent no earlier, though the connection comes back', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  let refusing = true
  way.fate = (passing) => isPost(passing) && refusing
    ? { status: 429, headers: { 'retry-after': '600', 'content-type': 'application/json' }, body: '{"code":"HUB_SLOW_MODE","message":"Wait."}' }
    : undefined
  const sent = listener.client.post('hi')
  await listener.until(({ pending }) => pending[0]?.retryAt !== undefined)
  t.match(listener.pending, [{ failure: { code: 'HUB_SLOW_MODE', status: 429 } }])
  t.ok(listener.pending[0]!.retryAt! - Date.now() > 500_000)
  refusing = false
  listener.client.reconnect()
  await listener.next('live')
  t.equal(way.count('POST', '/events'), 1)
  listener.client.retry(listener.pending[0]!.key)
  await sent
  t.strictSame(await log(url), ['hi'])
})

t.test('offline: what is posted meanwhile is there, in order, as soon as the connection is', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  way.fate = () => 'cut'
  way.cut()
  await listener.next('offline')
  const all = ['one', 'two', 'three']
  const sent = all.map((message) => listener.client.post(message))
  await listener.until(({ pending }) => pending[0]?.failure !== undefined)
  t.strictSame(listener.pending.map(({ draft }) => draft.message), all)
  way.fate = () => undefined
  listener.client.reconnect()
  await Promise.all(sent)
  await listener.until(({ pending }) => pending.length === 0)
  t.strictSame(listener.messages(), all)
})

t.test('what fails for good is seen to, and stops those behind it in its room only', async (t) => {
  const { url } = await startApp(t)
  const listener = await new Listener(t, { url, rooms: ['lobby', 'other'] }).live()
  const long = listener.client.post('x'.repeat(4_001))
  const behind = listener.client.post('behind')
  t.match(await listener.client.post({ room: 'other', message: 'elsewhere' }), { message: 'elsewhere' })
  await listener.until(({ pending }) => pending[0]?.state === 'failed')
  t.match(listener.pending[0], { failure: { code: 'HUB_MESSAGE_TOO_LONG', status: 400, message: /4,000/ } })
  t.equal(listener.pending[1]!.state, 'waiting')
  const { key } = listener.pending[0]!

  await t.test('tried again, it fails again', async (t) => {
    listener.client.retry(key)
    await listener.until(({ pending }) => pending[0]!.state !== 'failed')
    await listener.until(({ pending }) => pending[0]!.state === 'failed')
    t.strictSame(await log(url), [])
  })

  await t.test('discarded, it makes way, and is given back', async (t) => {
    t.equal(listener.client.discard(key)!.draft.message!.length, 4_001)
    await t.rejects(long, { name: 'RequestFailed' })
    await behind
    t.strictSame(await log(url), ['behind'])
    t.equal(listener.client.discard(key), undefined, 'once')
  })
})

t.test('a reload', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const storage = memory()
  const before = await new Listener(t, { url: way.url, storage }).live()
  const { user } = before.client
  let lost = 0
  way.fate = (passing) => isPost(passing) ? lost++ === 0 ? 'lose the answer' : 'cut' : undefined
  const posted = ['stored, which was not heard', 'not sent', 'neither'].map((message) => before.client.post(message))
  await before.until(({ pending }) => pending[0]?.failure !== undefined)
  before.client.close()
  for (const sent of posted) await t.rejects(sent, { name: 'RequestFailed' }, 'nobody waits for ever')

  const after = new Listener(t, { url: way.url, storage, history: 10 })
  const late = after.client.post('written before the rest was read')
  await after.until(({ pending }) => pending.length === 4)
  t.strictSame(after.pending.map(({ draft }) => draft.message), ['stored, which was not heard', 'not sent', 'neither', 'written before the rest was read'])
  way.fate = () => undefined
  await late
  t.strictSame(await log(url), ['stored, which was not heard', 'not sent', 'neither', 'written before the rest was read'])
  await after.until(({ pending }) => pending.length === 0)
  t.strictSame(after.client.user, user, 'by the same guest')
  t.strictSame([...storage.kept.keys()].filter((key) => key.includes('outbox')), [], 'nothing is left behind')
})

t.test('what may be stored is not sent again by itself when the server does not know its key any more', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const storage = memory()
  const before = await new Listener(t, { url: way.url, storage }).live()
  await leaveUnanswered(way, before, 'hi', 'lose the answer')

  const { now } = Date
  t.teardown(() => { Date.now = now })
  Date.now = () => now() + 24 * 3_600_000
  const after = new Listener(t, { url: way.url, storage })
  await after.until(({ pending }) => pending[0]?.state === 'failed')
  t.match(after.pending, [{ failure: { code: 'may-have-arrived', message: String } }])
  t.equal(way.count('POST', '/events'), 1)
  after.client.retry(after.pending[0]!.key)
  await after.until(({ pending }) => pending.length === 0)
  t.equal(way.count('POST', '/events'), 2, 'but where somebody wants it')
})

t.test('what one user has written is not sent by the next one at the same machine', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const way = await RoughWay.to(t, url)
  const storage = memory()
  const [ada, bob] = await Promise.all([sign({ sub: 'ada', name: 'Ada' }), sign({ sub: 'bob', name: 'Bob' })])
  const first = await new Listener(t, { url: way.url, storage, token: ada }).live()
  await leaveUnanswered(way, first, 'by Ada', 'cut')
  const next = await new Listener(t, { url: way.url, storage, token: bob }).live()
  await next.client.post('by Bob')
  next.client.close()
  const again = new Listener(t, { url: way.url, storage, token: ada, history: 10 })
  await again.until(({ events }) => events.length === 2)
  t.strictSame(again.events.map(({ message, user }) => [message, user.name]), [['by Bob', 'Bob'], ['by Ada', 'Ada']])
})

t.test('what a guest by cookie has written is not sent by the guest by token of the same browser', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const storage = memory()
  const page = await new Listener(t, { url: way.url, storage, cookies: true }).live()
  await leaveUnanswered(way, page, 'by cookie', 'cut')
  const embed = await new Listener(t, { url: way.url, storage }).live()
  await embed.client.post('by token')
  t.strictSame(await log(url), ['by token'])
})

t.test('storage that takes nothing is no hindrance', async (t) => {
  const { url } = await startApp(t)
  const full = (): never => { throw new Error('QuotaExceededError') }
  const listener = await new Listener(t, { url, storage: { getItem: full, setItem: full, removeItem: full, keys: full } }).live()
  await listener.client.post('hi')
  t.strictSame(await log(url), ['hi'])
})

t.test('the same key is the same post', async (t) => {
  const { url } = await startApp(t)
  const listener = await new Listener(t, { url }).live()
  const [one, same] = await Promise.all(['hi', 'hi'].map((message) => listener.client.post({ message, key: 'mine' })))
  t.equal(one!.id, same!.id)
  await eventually(async () => (await log(url)).length === 1, 'it is stored')
  t.strictSame(listener.order.filter((type) => type === 'sent').length, 1)
})
