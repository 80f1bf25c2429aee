import t, { type Test } from 'tap'
import type { ClientState, ClientStorage } from '../../static/client.js'
import { call, chainFlaw, eventually, guest, post, startApp, startServer, temporaryDirectory } from '../harness.js'
import { SECRET, inSeconds, sign } from '../host-application.js'
import { Listener } from './listener.js'
import { PORTAL, RoughWay, type Fate, type Passing } from './rough-way.js'

/** Lets time go by so many times as fast, in this process, until the test ends. */
function hurry (t: Test, times: number): void {
  const { setTimeout } = globalThis
  t.teardown(() => { globalThis.setTimeout = setTimeout })
  globalThis.setTimeout = ((act: () => void, ms = 0) => setTimeout(act, ms / times)) as typeof setTimeout
}

/** The same patience as ever, though time goes by fast. */
const live = (listener: Listener): Promise<Listener> => listener.until(({ client: { state } }) => state.state === 'live', 200_000)

const isStream = ({ headers }: Passing): boolean => headers.accept === 'text/event-stream'
const names = (states: ClientState[]): string[] => states.map(({ state }) => state)

t.test('it says how things are', async (t) => {
  const { url } = await startApp(t)
  const listener = new Listener(t, { url })
  t.strictSame(listener.client.state, { state: 'connecting' })
  await listener.live()
  t.strictSame(listener.states, [{ state: 'catching-up', via: 'stream' }, { state: 'live', via: 'stream' }])
})

const ANSWERS: Array<[what: string, fate: Fate, state: Partial<Extract<ClientState, { state: 'offline' }>>, atLeast: number]> = [
  ['no answer', 'cut', { reason: 'unreachable' }, 1_500],
  ['a proxy without a server', { status: 502, body: '<h1>Bad Gateway</h1>' }, { reason: 'unreachable' }, 1_500],
  ['a proxy that lets nobody in', { status: 403, body: 'null' }, { reason: 'unreachable' }, 1_500],
  ['a server that is busy', { status: 503, headers: { 'retry-after': '600', 'content-type': 'application/json' }, body: '{"code":"HUB_NODE_FULL","message":"Full."}' }, { reason: 'busy', message: 'Full.' }, 600_000],
  ['a limit', { status: 429, headers: { 'retry-after': new Date(Date.now() + 700_000).toUTCString() } }, { reason: 'busy' }, 600_000],
  ['a wait longer than timers take', { status: 429, headers: { 'retry-after': '99999999' } }, { reason: 'busy' }, 99_999_999_000],
  ['a network that wants a login first', PORTAL, { reason: 'portal' }, 1_500]
]
for (const [what, fate, state, atLeast] of ANSWERS) {
  t.test(`${what}: it says so, and when it tries next`, async (t) => {
    const { url } = await startApp(t)
    const way = await RoughWay.to(t, url)
    way.fate = () => fate
    const listener = new Listener(t, { url: way.url })
    const before = Date.now()
    const offline = await listener.next('offline')
    t.match(offline, state)
    t.ok(offline.retryAt - before >= atLeast - 2_000, `${offline.retryAt - before} ms`)
    way.fate = () => undefined
    listener.client.reconnect()
    await listener.live()
  })
}

t.test('it tries again by itself, and goes on where it was', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  let refused = 0
  way.fate = (passing) => isStream(passing) && ++refused < 3 ? PORTAL : undefined
  way.cut()
  await listener.next('offline')
  await post(url, { message: 'while it was away' })
  await listener.live()
  await listener.until(({ told }) => told.length === 1)
  t.strictSame(names(listener.states), ['catching-up', 'live', 'offline', 'connecting', 'offline', 'connecting', 'offline', 'connecting', 'catching-up', 'live'])
  t.match(listener.continuities, [{ messages: 1, gaps: [] }])
})

t.test('reconnect() is heard also by who is just told how things are', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  way.fate = () => ({ status: 503, headers: { 'retry-after': '600' } })
  const listener = new Listener(t, { url: way.url })
  listener.client.addEventListener('state', ({ detail: { state } }) => {
    if (state !== 'offline') return
    way.fate = () => undefined
    listener.client.reconnect()
  })
  await listener.live()
})

t.test('silence is noticed', async (t) => {
  const { url } = await startApp(t, { HEARTBEAT: '1s' })
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  way.silent = true
  t.match(await listener.next('offline'), { reason: 'lost' })
  way.silent = false
  await post(url, { message: 'meanwhile' })
  await listener.live()
  await listener.until(({ told }) => told.length === 1)
  await eventually(() => way.text.split('event: heartbeat').length > 4, 'it hears heartbeats')
  t.equal(names(listener.states).filter((state) => state === 'offline').length, 1, 'and heartbeats are no silence')
})

t.test('a proxy that holds streams back: it goes on by polls, says so, and streams again as soon as it can', async (t) => {
  const server = await startServer(t, { DATA_DIR: temporaryDirectory(t) })
  const { url } = server
  const way = await RoughWay.to(t, url)
  way.fate = (passing) => isStream(passing) ? 'hold back' : undefined
  const listener = new Listener(t, { url: way.url, history: 10 })
  await listener.live()
  t.strictSame(listener.client.state, { state: 'live', via: 'poll' })
  t.type(listener.client.user!.id, 'string')

  await t.test('what is posted comes, and who is there', async (t) => {
    const author = await guest(url)
    for (let i = 0; i < 5; i++) await post(url, { message: `number ${i}` }, author)
    await listener.client.post('mine')
    await listener.until(({ events }) => events.length === 6)
    t.strictSame(listener.messages(), ['number 0', 'number 1', 'number 2', 'number 3', 'number 4', 'mine'])
    t.equal(chainFlaw(listener.events), undefined)
    t.strictSame(listener.pending, [])
    await listener.until(({ order }) => order.includes('presence'))
  })

  await t.test('another room is joined without another try', async (t) => {
    const before = way.requests.filter(isStream).length
    listener.client.join('other')
    await eventually(() => way.requests.some(({ path }) => path.includes('room=other') && path.includes('wait=25')), 'it polls there')
    await post(url, { room: 'other', message: 'over here' })
    await listener.until(({ events }) => events.at(-1)?.room === 'other')
    t.equal(way.requests.filter(isStream).length, before)
    t.strictSame(listener.client.state, { state: 'live', via: 'poll' })
  })

  await t.test('much is said: it does not ask for each event', async (t) => {
    const polls = (): number => way.requests.filter(({ path }) => path.includes('wait=25')).length
    const [before, began] = [polls(), Date.now()]
    for (let i = 0; i < 200; i++) await post(url, { message: `more ${i}` })
    await listener.until(({ events }) => events.at(-1)?.message === 'more 199')
    t.ok(polls() - before <= (Date.now() - began) / 250 + 2, 'four times a second at most')
    t.equal(chainFlaw(listener.events.filter(({ room }) => room === 'lobby')), undefined)
  })

  await t.test('an answer that is none is no end', async (t) => {
    way.fate = (passing) => isStream(passing) ? 'hold back' : passing.path.startsWith('/events') ? { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' } : undefined
    t.match(await listener.next('offline'), { reason: 'unreachable' })
    way.fate = (passing) => isStream(passing) ? 'hold back' : undefined
    await post(url, { message: 'after it' })
    await listener.until(({ events }) => events.at(-1)?.message === 'after it')
    await listener.live()
  })

  await t.test('when some time has passed, it tries to stream', async (t) => {
    way.fate = () => undefined
    const { now } = Date
    t.teardown(() => { Date.now = now })
    Date.now = () => now() + 120_000
    // A poll ends.
    await post(url, { message: 'before the stream' })
    await listener.until(({ client: { state } }) => state.state === 'live' && state.via === 'stream')
    await post(url, { message: 'in the stream' })
    await listener.until(({ events }) => events.at(-1)?.message === 'in the stream')
    t.strictSame(listener.messages().slice(-2), ['before the stream', 'in the stream'])
    t.equal(chainFlaw(listener.events.filter(({ room }) => room === 'lobby')), undefined)
  })
})

t.test('where it polls, it is live only when all that was missed has come', async (t) => {
  const { url } = await startServer(t, { DATA_DIR: temporaryDirectory(t) })
  const way = await RoughWay.to(t, url)
  way.fate = (passing) => isStream(passing) ? 'hold back' : undefined
  hurry(t, 5)
  const listener = await live(new Listener(t, { url: way.url }))
  way.fate = () => 'cut'
  way.cut()
  await listener.next('offline')
  const author = await guest(url)
  await Promise.all(Array.from({ length: 600 }, (_, index) => post(url, { message: `number ${index}` }, author)))
  way.fate = (passing) => isStream(passing) ? 'hold back' : undefined
  listener.client.reconnect()
  await live(listener)
  t.equal(listener.told.length, 600)
  t.strictSame(new Set(listener.told.map(({ why }) => why)), new Set(['missed']))
  t.match(listener.continuities, [{ messages: 600, gaps: [] }])
})

t.test('where it polls, a look at it finds it well, though nobody has spoken for a while', async (t) => {
  const { url } = await startServer(t, { DATA_DIR: temporaryDirectory(t) })
  const way = await RoughWay.to(t, url)
  way.fate = (passing) => isStream(passing) ? 'hold back' : undefined
  hurry(t, 5)
  const { setInterval } = globalThis
  const { now } = Date
  t.teardown(() => Object.assign(globalThis, { setInterval }))
  t.teardown(() => { Date.now = now })
  let tick = (): void => {}
  globalThis.setInterval = ((act: () => void, ms: number) => setInterval(tick = act, ms)) as typeof setInterval
  const listener = await live(new Listener(t, { url: way.url }))
  await eventually(() => way.requests.some(({ path }) => path.includes('wait=25')), 'it polls')
  // It looks by itself where the clock has jumped.
  Date.now = () => now() + 24_000
  tick()
  await new Promise((resolve) => setTimeout(resolve))
  await post(url, { message: 'hi' })
  await listener.until(({ told }) => told.length === 1)
  t.strictSame(names(listener.states), ['catching-up', 'live'])
})

t.test('where it polls, silence in a room is none of the connection', async (t) => {
  const { url } = await startServer(t, { DATA_DIR: temporaryDirectory(t) })
  const way = await RoughWay.to(t, url)
  hurry(t, 20)
  let polls = 0
  way.fate = async (passing) => {
    if (isStream(passing)) return 'hold back'
    if (!passing.path.includes('wait=25')) return undefined
    await new Promise<void>((resolve) => setTimeout(resolve, 25_000))
    polls++
    return { status: 200, headers: { 'content-type': 'application/json' }, body: '{"events":[],"cursor":"lobby:0-0"}' }
  }
  const listener = await live(new Listener(t, { url: way.url }))
  await eventually(() => polls === 2, 'it has polled for 50 s')
  t.strictSame(names(listener.states), ['catching-up', 'live'])
})

t.test('what is of no use to try again', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'secret' })

  await t.test('a token that is none: 401', async (t) => {
    const refused = await new Listener(t, { url, token: 'nonsense' }).next('refused')
    t.match(refused, { code: 'HUB_TOKEN_INVALID', message: String })
  })

  await t.test('a function that gives none is asked twice', async (t) => {
    let asked = 0
    const refused = await new Listener(t, { url, token: () => `nonsense ${++asked}` }).next('refused')
    t.match(refused, { code: 'HUB_TOKEN_INVALID' })
    t.equal(asked, 2)
  })

  await t.test('reconnect() asks for another one, which is taken', async (t) => {
    let token = 'nonsense'
    let asked = 0
    const listener = new Listener(t, { url, token: () => { asked++; return token }, history: 1 })
    await listener.next('refused')
    const before = asked
    listener.client.reconnect()
    await listener.next('refused')
    t.ok(asked > before, 'it asks for another one')
    token = await sign()
    listener.client.reconnect()
    await listener.live()
  })

  await t.test('a room that is not for us, until we leave it', async (t) => {
    const listener = new Listener(t, { url, rooms: ['lobby', 'secret'] })
    t.match(await listener.next('refused'), { code: 'HUB_ROOM_UNKNOWN' })
    listener.client.leave('secret')
    await listener.live()
  })

  await t.test('a right that is not ours: 403', async (t) => {
    const token = await sign({ rooms: { read: ['lobby'] } })
    const refused = await new Listener(t, { url, token, rooms: ['elsewhere'] }).next('refused')
    t.match(refused, { code: /^HUB_/ })
    const listener = await new Listener(t, { url, token }).live()
    await t.rejects(listener.client.edit({ room: 'lobby', id: '1-0' }, { message: 'hi' }), { name: 'RequestFailed', status: /40[34]/, code: /^HUB_/ })
  })

  await t.test('a token that is taken back: the server says so, in the stream', async (t) => {
    const token = await sign({ sub: 'u-gone', jti: 'one' })
    const listener = await new Listener(t, { url, token }).live()
    const operator = { authorization: `Bearer ${await sign({ sub: 'boss', rooms: { moderate: ['*'] } })}` }
    const refused = listener.next('refused')
    await call(`${url}/revocations`, { body: { jti: 'one' }, headers: operator })
    t.match(await refused, { code: 'bye-revoked', message: String })
    listener.client.reconnect()
    t.match(await listener.next('refused'), { code: 'HUB_TOKEN_REVOKED' })
  })
})

t.test('a token is asked for again before it ends, and nothing is missed for it', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET, JWT_LEEWAY: '0s' })
  let asked = 0
  const token = (): Promise<string> => sign({ sub: 'u-1', name: 'Ada', jti: String(asked++), exp: inSeconds(4) })
  const listener = await new Listener(t, { url, token, history: 1 }).live()
  const posted: string[] = []
  const author = { authorization: `Bearer ${await sign({ sub: 'u-2', name: 'Bob' })}` }
  while (asked < 5) {
    posted.push(`number ${posted.length}`)
    await post(url, { message: posted.at(-1) }, author)
  }
  await listener.until(({ events }) => events.at(-1)?.message === posted.at(-1))
  t.strictSame(listener.messages(), posted)
  t.strictSame(names(listener.states), ['catching-up', 'live'], 'it was live all the time')
  t.match(await listener.client.post('by the last one'), { user: { id: 'u-1' } })
})

t.test('where no token is given, it says so, and asks again', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  let asked = 0
  const listener = new Listener(t, {
    url,
    token: async () => {
      if (++asked < 2) throw new Error('the application is away')
      return sign()
    }
  })
  t.match(await listener.next('offline'), { reason: 'unreachable', retryAt: Number })
  const sent = listener.client.post('written meanwhile')
  listener.client.reconnect()
  t.match(await sent, { user: { id: 'u-1' } })
  t.equal(asked, 2)
})

/** What a browser keeps, as long as the test lasts. */
function memory (token: string, url: string): ClientStorage & { token: () => string | undefined } {
  const slot = `hubbub token ${url}/`
  const kept = new Map([[slot, token]])
  return {
    token: () => kept.get(slot),
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
    keys: () => [...kept.keys()]
  }
}

t.test('a token that is long in coming is not taken for a proxy that holds streams back', async (t) => {
  const { url } = await startServer(t, { DATA_DIR: temporaryDirectory(t), JWT_SECRET: SECRET })
  hurry(t, 5)
  let asked = 0
  const token = (): string | Promise<string> => asked++ === 0 ? 'nonsense' : new Promise((resolve) => setTimeout(() => resolve(sign()), 8_000))
  const listener = await live(new Listener(t, { url, token }))
  t.strictSame(listener.states, [{ state: 'catching-up', via: 'stream' }, { state: 'live', via: 'stream' }])
})

t.test('a guest whose token is not known any more becomes another one', async (t) => {
  const { url } = await startApp(t)
  const storage = memory('of a server that is no more', url)
  const listener = await new Listener(t, { url, storage }).live()
  t.strictSame(names(listener.states), ['catching-up', 'live'])
  t.match(storage.token(), /^ey/)
  await listener.client.post('hi')
})

t.test('and stays that one, though it is said late that the token before is not known', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  let answer = (): void => {}
  way.holds = ({ path }) => {
    if (!path.startsWith('/rooms/')) return undefined
    way.holds = () => undefined
    return new Promise((resolve) => { answer = resolve })
  }
  const storage = memory('of a server that is no more', way.url)
  const listener = new Listener(t, { url: way.url, storage, history: 1 })
  await listener.until(({ client }) => client.user !== undefined)
  answer()
  await listener.live()
  t.match(await listener.client.post('hi'), { user: listener.client.user })
  t.match(storage.token(), /^ey/)
})

t.test('a proxy that wants a password does not make another guest of one', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const { authorization, id } = await guest(url)
  const storage = memory(authorization.slice('Bearer '.length), way.url)
  way.fate = () => ({ status: 401, headers: { 'www-authenticate': 'Basic' }, body: '<h1>Unauthorized</h1>' })
  const listener = new Listener(t, { url: way.url, storage, history: 1 })
  t.match(await listener.next('offline'), { reason: 'unreachable' })
  await t.rejects(listener.client.setName('Ada'), { name: 'RequestFailed', status: 401 })
  way.fate = () => undefined
  listener.client.reconnect()
  await listener.live()
  t.equal(listener.client.user!.id, id)
})
