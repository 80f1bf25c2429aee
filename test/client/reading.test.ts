import t from 'tap'
import { call, chainFlaw, eventually, guest, post, startApp, startRestartableApp, startServer, temporaryDirectory } from '../harness.js'
import { Listener } from './listener.js'
import { RoughWay } from './rough-way.js'

const STREAM = 'text/event-stream'

/** The same text without the events that say this. */
const without = (text: string, message: string): string => text.replace(new RegExp(`id: .*\\n(event: .*\\n)?data: .*"message":"${message}".*\\n\\n`), '')

/** @returns its id */
async function say (url: string, message: string, room = 'lobby'): Promise<string> {
  return (await post(url, { message, room })).body.event.id
}

/** Says so much that the beginning is kept no longer. */
async function trim (url: string): Promise<void> {
  for (let floor = '0-0'; floor === '0-0';) {
    await Promise.all(Array.from({ length: 100 }, (_, index) => post(url, { message: `number ${index}` })))
    ;({ floor } = (await call(`${url}/rooms/lobby/events`)).body)
  }
}

t.test('what is posted is told once and in order, through thirty cuts', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  const author = await guest(url)
  const posted: string[] = []
  let posting = true
  const speaking = (async () => {
    while (posting) {
      posted.push(`number ${posted.length}`)
      await post(url, { message: posted.at(-1) }, author)
    }
  })()
  for (let cuts = 0; cuts < 30; cuts++) {
    const had = listener.told.length
    const lost = listener.next('offline')
    way.cut()
    await lost
    listener.client.reconnect()
    await listener.until(({ told, client }) => told.length > had && client.state.state === 'live')
  }
  posting = false
  await speaking
  await listener.until(({ events }) => events.at(-1)?.message === posted.at(-1))
  t.strictSame(listener.messages(), posted)
  t.equal(chainFlaw(listener.events), undefined)
  t.equal(listener.continuities.length, 30, 'of each cut it is said what came of it')
  const missed = listener.continuities.reduce((sum, { messages }) => sum + messages, 0)
  t.equal(missed, listener.told.filter(({ why }) => why === 'missed').length, 'and how many messages were missed')
  t.ok(listener.continuities.every(({ gaps, since, until }) => gaps.length === 0 && since <= until), 'and that none is missing')
})

t.test('an event that gets lost on the way is noticed by the next one, and asked for', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  way.rewrite = (text, { headers }) => headers.accept === STREAM ? without(without(text, 'lost'), 'lost, too') : text

  await t.test('one', async (t) => {
    for (const message of ['first', 'lost', 'second']) await say(url, message)
    await listener.until(({ told }) => told.length === 3)
    t.strictSame(listener.messages(), ['first', 'lost', 'second'])
    t.strictSame(listener.told.slice(0, 2).map(({ why }) => why), ['live', 'missed'])
  })

  await t.test('and another one while the first is asked for', async (t) => {
    let asked = (): void => {}
    const asking = new Promise<void>((resolve) => { asked = resolve })
    let answer = (): void => {}
    way.holds = ({ path }) => {
      if (!path.startsWith('/rooms/')) return undefined
      way.holds = () => undefined
      asked()
      return new Promise((resolve) => { answer = resolve })
    }
    for (const message of ['lost', 'third']) await say(url, message)
    await asking
    for (const message of ['lost, too', 'fourth']) await say(url, message)
    await eventually(() => way.text.includes('"fourth"'), 'it is on its way')
    answer()
    await listener.until(({ events }) => events.at(-1)?.message === 'fourth')
    t.strictSame(listener.messages().slice(3), ['lost', 'third', 'lost, too', 'fourth'])
    t.strictSame(listener.resets, [], 'nothing is said to be missing for good')
  })
  t.strictSame(listener.states.slice(-1), [{ state: 'live', via: 'stream' }])
})

t.test('history comes first, and what happens while it is asked for after it', async (t) => {
  const { url } = await startApp(t, { HEARTBEAT: '2s' })
  const way = await RoughWay.to(t, url)
  for (let i = 0; i < 5; i++) await say(url, `before ${i}`)

  let answer = (): void => {}
  let open = (): void => {}
  let asked = false
  way.holds = ({ path }) => {
    if (!path.startsWith('/rooms/')) return undefined
    way.holds = () => undefined
    asked = true
    return new Promise((resolve) => { answer = resolve })
  }
  way.fate = ({ headers }) => {
    if (headers.accept !== STREAM) return undefined
    way.fate = () => undefined
    return new Promise((resolve) => { open = () => resolve(undefined) })
  }
  const listener = new Listener(t, { url: way.url, history: 3 })
  await eventually(() => asked && way.requests.some(({ headers }) => headers.accept === STREAM), 'both are asked for')
  await say(url, 'after the history was read, and before the stream began')
  open()
  // Long enough for whatever the stream owes.
  await eventually(() => way.text.includes('event: heartbeat'), 'it is quiet')
  answer()
  await listener.live()
  t.strictSame(listener.messages(), ['before 2', 'before 3', 'before 4', 'after the history was read, and before the stream began'])
  t.strictSame(listener.told.map(({ why }) => why), ['history', 'history', 'history', 'missed'])
  t.strictSame(listener.continuities, [], 'nobody was away')
  await say(url, 'now')
  await listener.until(({ told }) => told.at(-1)!.why === 'live')
  t.equal(chainFlaw(listener.events), undefined)
})

t.test('it begins where it is told to', async (t) => {
  const { url } = await startApp(t)
  const ids = []
  for (let i = 0; i < 4; i++) ids.push(await say(url, `number ${i}`))
  const listener = await new Listener(t, { url, rooms: [{ room: 'lobby', after: ids[1]! }] }).live()
  t.strictSame(listener.messages(), ['number 2', 'number 3'])
  const all = await new Listener(t, { url, rooms: [{ room: 'lobby', after: '0-0' }] }).live()
  t.equal(all.told.length, 4, 'from the very beginning')
  t.strictSame([...listener.resets, ...all.resets], [])
})

t.test('where that is no place in the room\'s history, it says so', async (t) => {
  const { url } = await startApp(t)
  const ids = []
  for (let i = 0; i < 4; i++) ids.push(await say(url, `number ${i}`))
  const future = await new Listener(t, { url, rooms: [{ room: 'lobby', after: '9999999999999-0' }], history: 2 }).until(({ told }) => told.length > 0)
  await future.live()
  t.match(future.resets, [{ room: 'lobby', reason: 'future', from: ids.at(-1) }])
  t.strictSame(future.messages(), ['number 2', 'number 3'], 'and begins anew')
  const unknown = await new Listener(t, { url, rooms: [{ room: 'lobby', after: `${ids[1]!.split('-')[0]}-999` }] }).live()
  t.match(unknown.resets, [{ room: 'lobby', reason: 'unknown', from: ids[1] }])
  t.strictSame(unknown.messages(), ['number 2', 'number 3'])
})

t.test('what is kept no longer is said to be missing, with when it was', async (t) => {
  const { url } = await startApp(t, { ROOM_HISTORY: '3' })
  const way = await RoughWay.to(t, url)
  const listener = await new Listener(t, { url: way.url }).live()
  const last = await say(url, 'before')
  await listener.until(({ told }) => told.length === 1)
  way.fate = () => 'cut'
  way.cut()
  await listener.next('offline')
  await trim(url)
  const { floor } = (await call(`${url}/rooms/lobby/events`)).body
  way.fate = () => undefined
  listener.client.reconnect()
  await listener.live()
  const [from, to] = [last, floor].map((id) => parseInt(id))
  t.match(listener.resets, [{ room: 'lobby', reason: 'trimmed', from: floor, since: from }])
  t.match(listener.continuities, [{ room: 'lobby', messages: listener.told.length - 1, gaps: [{ from, to, reason: 'trimmed' }] }])
  t.equal(chainFlaw(listener.events.slice(1), floor), undefined)
})

t.test('where the server has another history when it is back, it is not said first that nothing is missing', async (t) => {
  const before = await startServer(t, { DATA_DIR: temporaryDirectory(t) })
  const { url } = before
  const listener = await new Listener(t, { url }).live()
  await say(url, 'of the history before')
  await listener.until(({ told }) => told.length === 1)
  await before.stop('SIGTERM')
  await startServer(t, { DATA_DIR: temporaryDirectory(t), PORT: new URL(url).port })
  listener.client.reconnect()
  await listener.live()
  t.match(listener.resets, [{ reason: 'future' }])
  t.match(listener.continuities, [{ gaps: [{ reason: 'future' }] }])
  t.strictSame(listener.order.filter((type) => type === 'reset' || type === 'continuity'), ['reset', 'continuity'])
})

t.test('of several rooms each has what was missed in it', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const rooms = ['one', 'two', 'three']
  for (const room of rooms) await say(url, 'before', room)
  const listener = await new Listener(t, { url: way.url, rooms }).live()
  way.fate = () => 'cut'
  way.cut()
  await listener.next('offline')
  for (const message of ['first', 'second']) await say(url, message, 'two')
  await say(url, 'third', 'three')
  way.fate = () => undefined
  listener.client.reconnect()
  await listener.live()
  t.strictSame(listener.continuities.map(({ room, messages }) => [room, messages]), [['one', 0], ['two', 2], ['three', 1]])
  t.strictSame(listener.messages('two'), ['first', 'second'], 'and it is live only when all has come')
})

t.test('of a room that is joined while away it is not said that its history was missed', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  for (let i = 0; i < 3; i++) await say(url, `number ${i}`, 'other')
  const listener = await new Listener(t, { url: way.url }).live()
  way.fate = () => 'cut'
  way.cut()
  await listener.next('offline')
  listener.client.join('other', { history: 10 })
  way.fate = () => undefined
  listener.client.reconnect()
  await listener.live()
  t.equal(listener.messages('other').length, 3)
  t.match(listener.continuities, [{ room: 'lobby', messages: 0 }, { room: 'other', messages: 0 }])
})

t.test('rooms are joined and left while it streams', async (t) => {
  const { url } = await startApp(t)
  const listener = await new Listener(t, { url, rooms: ['one'] }).live()
  await say(url, 'early', 'two')
  listener.client.join('two')
  listener.client.join('three')
  await eventually(async () => (await call(`${url}/users?room=three`)).body.count === 1, 'it reads there')
  for (const room of ['one', 'two', 'three']) await say(url, `in ${room}`, room)
  await listener.until(({ told }) => told.length === 3)
  t.strictSame(listener.messages('two'), ['in two'], 'without what was there before')
  listener.client.leave('one')
  await eventually(async () => (await call(`${url}/rooms/one`)).body.online === 0, 'it has left', 30_000)
  t.strictSame(listener.client.rooms, ['two', 'three'])
  for (const room of ['one', 'two']) await say(url, `again in ${room}`, room)
  await listener.until(({ told }) => told.length === 4)
  t.strictSame(listener.messages(), ['in one', 'in two', 'in three', 'again in two'])
  t.notOk(listener.states.some(({ state }) => state === 'offline'), 'and nothing was lost for it')
  t.throws(() => { for (let i = 0; i < 16; i++) listener.client.join(`room-${i}`) }, { name: 'RangeError' })
})

t.test('the server is restarted', async (t) => {
  const app = await startRestartableApp(t)
  const { url } = app
  const listener = await new Listener(t, { url, history: 10 }).live()
  await say(url, 'before')
  await listener.until(({ told }) => told.length === 1)
  const restarting = listener.next('offline')
  await app.stop()
  t.equal((await restarting).reason, 'restarting')
  const sent = listener.client.post('while it was away')
  await app.start()
  await sent
  await listener.live()
  await listener.until(({ told }) => told.length === 2)
  t.strictSame(listener.messages(), ['before', 'while it was away'])
  t.strictSame(listener.pending, [])
})

t.test('two who talk: each is somebody, sees who is there, and under which name', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '0ms' })
  const [one, two] = [new Listener(t, { url }), new Listener(t, { url })]
  await Promise.all([one.live(), two.live()])
  t.not(one.client.user!.id, two.client.user!.id)
  await one.until(({ client }) => client.presence('lobby').members?.length === 2)
  await one.client.setName('Ada')
  await two.until(({ client }) => client.presence('lobby').members?.some(({ name }) => name === 'Ada') === true)
  const event = await one.client.post('hi') as { id: string, room: string }
  await two.until(({ events }) => events.some(({ message, user }) => message === 'hi' && user.name === 'Ada'))
  t.equal((await one.client.edit(event, { message: 'hello' })).message, 'hello')
  const edit = (await two.until(({ events }) => events.some(({ type }) => type === 'edit'))).events.at(-1)!
  t.match(edit, { message: 'hello', data: { id: event.id } })
  await one.client.delete(event)
  await two.until(({ events }) => events.some(({ type }) => type === 'delete'))
  t.match(await two.client.history('lobby', { limit: 1, before: edit.id }), { events: [{ id: event.id, deleted: /Z$/ }] })
  two.client.close()
  await one.until(({ client }) => client.presence('lobby').count === 1)
})

t.test('who lurks is nobody, and reads all the same', async (t) => {
  const { url } = await startApp(t)
  const listener = await new Listener(t, { url, lurk: true }).live()
  await say(url, 'hi')
  await listener.until(({ told }) => told.length === 1)
  t.equal(listener.client.user, undefined)
  t.equal((await call(`${url}/users`)).body.count, 0)
  await t.rejects(listener.client.post('hi'), { name: 'RequestFailed' })
})
