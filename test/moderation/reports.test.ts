import t, { type Test } from 'tap'
import { call, eventually, guest, missing, post, startApp, type Answer, type Environment, type RunningApp } from '../harness.js'
import { bearer } from '../host-application.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'
import { MODERATED, moderation, moderator } from './moderator.js'

type Headers = Record<string, string>

const report = ({ url }: { url: string }, headers: Headers, body: unknown, room = 'lobby'): Promise<Answer> => call(`${url}/rooms/${room}/reports`, { body, headers })
const listed = ({ url }: { url: string }, headers: Headers, query = '', room = 'lobby'): Promise<Answer> => call(`${url}/rooms/${room}/reports${query}`, { headers })
const settle = ({ url }: { url: string }, headers: Headers, id: string, room = 'lobby'): Promise<Answer> => call(`${url}/rooms/${room}/reports/${id}`, { method: 'DELETE', headers })
const waiting = async ({ url }: { url: string }, headers: Headers, room = 'lobby'): Promise<any> => (await call(`${url}/rooms/${room}`, { headers })).body.reports
const somebody = async ({ url }: { url: string }): Promise<Headers & { id: string }> => {
  const { authorization, id } = await guest(url)
  return { authorization, id }
}
const say = async ({ url }: { url: string }, message: string, headers: Headers = {}, room = 'lobby'): Promise<any> => (await post(url, { room, message }, headers)).body.event
const auth = ({ authorization }: Headers): Headers => ({ authorization: authorization! })

/** Nodes on one store: a lone one, and two. */
async function stores (t: Test, what: string, run: (t: Test, nodes: [RunningApp, RunningApp]) => Promise<void>, environment: Environment = {}): Promise<void> {
  await t.test(`${what}, embedded`, async (t) => {
    const app = await startApp(t, { ...MODERATED, ...environment })
    await run(t, [app, app])
  })
  await t.test(`${what}, on two nodes`, async (t) => {
    if (missing(t, REDIS, REDIS_REMEDY)) return
    const { url } = await RedisServer.start(t)
    const node = (): Promise<RunningApp> => startApp(t, { ...MODERATED, REDIS_URL: url, DRAIN_TIME: '0s', ...environment })
    await run(t, [await node(), await node()])
  })
}

void stores(t, 'what is reported is for the room\'s moderators, until one settles it', async (t, [a, b]) => {
  const mod = await moderator('lobby')
  const [ada, bob, eve] = [await somebody(a), await somebody(b), await somebody(a)]
  const spam = await say(a, 'spam', auth(eve))
  const worse = await say(b, 'worse', auth(eve))
  t.equal(await waiting(a, mod), 0)
  const first = await report(a, auth(ada), { event: worse.id, reason: '  it is rude ' })
  t.strictSame([first.status, first.body], [201, { success: true }])
  for (const node of [a, b]) t.strictSame(await report(node, auth(ada), { event: worse.id, reason: 'again' }).then(({ status, body }) => [status, body]), [200, { success: true }], 'once')
  t.equal((await report(b, auth(bob), { event: worse.id })).status, 201)
  t.equal((await report(b, auth(bob), { event: spam.id, reason: 'spam', key: 'k' })).status, 201)
  for (const node of [a, b]) {
    const { status, body: { reports, next } } = await listed(node, mod)
    t.equal(status, 200)
    t.equal(next, undefined)
    t.match(reports, [
      { id: spam.id, room: 'lobby', event: spam, by: [{ id: bob.id }], count: 1, reasons: ['spam'] },
      { id: worse.id, event: { message: 'worse' }, by: [{ id: ada.id }, { id: bob.id }], count: 2, reasons: ['it is rude'] }
    ])
    t.equal(await waiting(node, mod), 2)
    t.equal(await waiting(node, auth(ada)), undefined, 'nobody else is told')
    t.equal(await waiting(node, {}), undefined)
  }
  await call(`${a.url}/rooms/lobby/events/${spam.id}`, { method: 'PATCH', body: { message: 'ham' }, headers: auth(eve) })
  t.match((await listed(b, mod)).body.reports[0].event, { message: 'ham', edited: String }, 'as it is now')

  const page = (await listed(a, mod, '?limit=1')).body
  t.match(page, { reports: [{ id: spam.id }], next: spam.id })
  t.match((await listed(a, mod, `?limit=1&after=${page.next}`)).body, { reports: [{ id: worse.id }], next: undefined })

  t.strictSame((await settle(b, mod, worse.id)).body, { success: true })
  t.match(await settle(a, mod, worse.id), { status: 404, body: { code: 'HUB_REPORT_UNKNOWN', message: new RegExp(worse.id) } })
  t.match((await listed(a, mod)).body.reports.map(({ id }: any) => id), [spam.id])
  const [entry] = await moderation(a.url, mod).log('?limit=1')
  t.match(entry, { type: 'settle', by: { id: 'm' }, data: { room: 'lobby', event: worse.id, user: { id: eve.id } } })
  t.match(await moderation(a.url, mod).undo(entry.id), { status: 409, body: { code: 'HUB_NOT_UNDOABLE' } })

  t.equal((await report(a, auth(ada), { event: worse.id, reason: 'still there' })).status, 200)
  t.equal(await waiting(a, mod), 1, 'whoever it was settled for does not open it again')
  t.equal((await report(a, auth(eve), { event: worse.id, reason: 'somebody else' })).status, 201)
  t.match((await listed(b, mod)).body.reports[1], { id: worse.id, by: [{ id: eve.id }], count: 1, reasons: ['somebody else'] })
})

void stores(t, 'what is deleted since, by whomever, or trimmed, is settled by itself', async (t, [a, b]) => {
  const mod = await moderator()
  const [ada, eve] = [await somebody(a), await somebody(a)]
  const events: any[] = []
  for (let index = 0; index < 4; index++) events.push(await say(a, `spam ${index}`, auth(eve)))
  for (const { id } of events) t.equal((await report(b, auth(ada), { event: id })).status, 201)
  await moderation(b.url, mod).remove(events[0])
  await call(`${a.url}/rooms/lobby/events/${events[1].id}`, { method: 'DELETE', headers: auth(eve) })
  t.strictSame((await listed(a, mod)).body.reports.map(({ id }: any) => id), [events[2].id, events[3].id])
  t.equal(await waiting(b, mod), 2)
  t.equal((await settle(a, mod, events[0].id)).status, 404)
  t.match(await report(a, auth(ada), { event: events[0].id }), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } })
  for (let index = 0; index < 9; index++) await say(a, `more ${index}`)
  await eventually(async () => (await call(`${a.url}/rooms/lobby/events?after=0-0`)).body.events[0].id > events[3].id, 'trimmed')
  t.strictSame((await listed(a, mod)).body.reports, [])
  t.equal(await waiting(b, mod), 0)
  t.equal((await settle(a, mod, events[3].id)).status, 404)
  for (const kind of ['report', 'reporter']) t.strictSame(await a.app.engine.documents.list(kind, { limit: 10 }), [], `${kind}: nothing of it is kept`)
}, { ROOM_HISTORY: '10' })

void stores(t, 'reports of one event at the same time are all there, of ten by name', async (t, nodes) => {
  const mod = await moderator()
  const event = await say(nodes[0], 'spam')
  const users = await Promise.all(Array.from({ length: 8 }, (_, index) => somebody(nodes[index % 2]!)))
  const answers = await Promise.all(users.flatMap((user) => nodes.map((node) => report(node, auth(user), { event: event.id, reason: `by ${user.id}` }))))
  t.ok(answers.every(({ status }) => status === 200 || status === 201))
  const { body: { reports: [one] } } = await listed(nodes[0], mod)
  t.equal(one.count, 8)
  t.strictSame(one.by.map(({ id }: any) => id).sort(), users.map(({ id }) => id).sort())
  t.strictSame([...one.reasons].sort(), users.map(({ id }) => `by ${id}`).sort())
  for (let index = 0; index < 5; index++) t.equal((await report(nodes[index % 2]!, auth(await somebody(nodes[0])), { event: event.id, reason: `late ${index}` })).status, 201)
  const { body: { reports: [now] } } = await listed(nodes[1], mod)
  t.match([now.count, now.by.length, now.reasons.length], [13, 10, 10])
})

void stores(t, 'what is reported while it is settled is not lost', async (t, [a, b]) => {
  const mod = await moderator()
  for (let round = 0; round < 10; round++) {
    const event = await say(a, `spam ${round}`)
    const [early, late] = [await somebody(a), await somebody(b)]
    await report(a, auth(early), { event: event.id })
    const [settled, reported] = await Promise.all([settle(a, mod, event.id), report(b, auth(late), { event: event.id })])
    t.strictSame([settled.status, reported.status], [200, 201])
    const open = (await listed(b, mod)).body.reports.filter(({ id }: any) => id === event.id)
    // It was seen by whoever has settled it, or it waits.
    const kept = await a.app.engine.documents.get<any>('reporter', `lobby ${event.id} ${late.id}`)
    t.equal(open.length, kept.settled === true ? 0 : 1)
  }
})

t.test('who may: whoever reads the room and has a session, the muted too; not the banned, and nobody is made a guest for it', async (t) => {
  const app = await startApp(t, { ...MODERATED, PRIVATE_ROOMS: 'ops' })
  const mod = await moderator()
  const mods = moderation(app.url, mod)
  const [ada, eve] = [await somebody(app), await somebody(app)]
  const event = await say(app, 'spam')
  const secret = await say(app, 'secret', mod, 'ops')
  await mods.mute({ user: ada.id, room: 'lobby' })
  t.equal((await report(app, auth(ada), { event: event.id })).status, 201)
  await mods.ban({ user: eve.id, room: 'lobby', address: false })
  t.match(await report(app, auth(eve), { event: event.id }), { status: 403, body: { code: 'HUB_BANNED' } })
  const nobody = await report(app, {}, { event: event.id })
  t.match(nobody, { status: 401, body: { code: 'HUB_TOKEN_REQUIRED' } })
  t.notOk(nobody.headers.get('set-cookie'))
  for (const id of [secret.id, '5-5']) t.match(await report(app, auth(ada), { event: id }, 'ops'), { status: 404, body: { code: 'HUB_ROOM_UNKNOWN' } }, 'a private room is not there')
  t.match(await report(app, auth(ada), { event: secret.id }), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } }, 'nor is what was said in another room')
  t.match(await report(app, await bearer({ sub: 'w', rooms: { write: ['lobby'] } }), { event: event.id }), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
  for (const headers of [await moderator('den'), await moderator('ops')]) {
    t.match(await listed(app, headers), { status: 404 })
    t.match(await settle(app, headers, event.id), { status: 404 })
    t.equal(await waiting(app, headers), undefined)
  }
  t.match(await settle(app, mod, event.id, 'ops'), { status: 404, body: { code: 'HUB_REPORT_UNKNOWN' } }, 'a report is of its room')
  t.equal(await waiting(app, mod), 1)
})

t.test('only what somebody has said can be reported', async (t) => {
  const app = await startApp(t, MODERATED)
  const mod = await moderator()
  const ada = await somebody(app)
  const event = await say(app, 'frist', auth(ada))
  const card = (await post(app.url, { type: 'my.card', data: {} }, auth(ada))).body.event
  const { body: { announcement } } = await call(`${app.url}/rooms/lobby/events/${event.id}`, { method: 'PATCH', body: { message: 'first' }, headers: auth(ada) })
  await moderation(app.url, mod).set('lobby', { topic: 'x' })
  const { body: { events } } = await call(`${app.url}/rooms/lobby/events`)
  for (const id of [announcement, events.at(-1).id, '0-0', '0-1', '999999999999999-0']) t.match(await report(app, mod, { event: id }), { status: 404, body: { code: 'HUB_EVENT_UNKNOWN' } }, id)
  for (const { id } of [event, card]) t.equal((await report(app, mod, { event: id })).status, 201)
})

t.test('hostile bodies are refused, each with its reason', async (t) => {
  const app = await startApp(t, MODERATED)
  const ada = await somebody(app)
  const { id } = await say(app, 'spam')
  const bad: Array<[body: unknown, code: string]> = [
    [{}, 'HUB_INVALID_BODY'], [{ event: 'x' }, 'HUB_INVALID_BODY'], [{ event: { room: 'lobby', id } }, 'HUB_INVALID_BODY'], [{ event: [id] }, 'HUB_INVALID_BODY'], [[], 'HUB_INVALID_BODY'],
    [{ event: id, resaon: 'x' }, 'HUB_UNKNOWN_FIELD'], [{ event: id, reason: 1 }, 'HUB_INVALID_BODY'], [{ event: id, reason: 'x'.repeat(501) }, 'HUB_INVALID_BODY'],
    [{ event: id, reason: 'a\nb' }, 'HUB_INVALID_BODY'], [{ event: id, reason: 'a\u202eb' }, 'HUB_INVALID_BODY'], [`{"event":"${id}","reason":"\\ud800"}`, 'HUB_TEXT_MALFORMED'],
    [{ event: id, key: '' }, 'HUB_INVALID_BODY'], [`{"event":"${id}","__proto__":{}}`, 'HUB_INVALID_JSON']
  ]
  for (const [body, code] of bad) t.match(await report(app, auth(ada), body), { status: 400, body: { code } }, JSON.stringify(body))
  for (const query of ['?limit=0', '?limit=101', '?after=x', '?before=1-1']) t.equal((await listed(app, await moderator(), query)).status, 400, query)
  t.match(await settle(app, await moderator(), 'x'), { status: 400 })
  t.equal(await waiting(app, await moderator()), 0)
  t.equal((await report(app, auth(ada), { event: id, reason: ' ' })).status, 201)
  t.match((await listed(app, await moderator())).body.reports, [{ count: 1, reasons: [] }])
})

t.test('how often a user reports is limited, and how much waits in a room', async (t) => {
  const limited = await startApp(t, { ...MODERATED, LIMITS: 'on', REPORTS_PER_MINUTE: '2' })
  const ada = await somebody(limited)
  const { id } = await say(limited, 'spam')
  t.equal((await report(limited, auth(ada), { event: '5-5' })).status, 404, 'which counts for nothing')
  for (const status of [201, 200]) t.equal((await report(limited, auth(ada), { event: id })).status, status)
  t.match(await report(limited, auth(ada), { event: id }), { status: 429, body: { code: 'HUB_TOO_MANY_REQUESTS', limit: 'reports-per-user' } })

  const app = await startApp(t, MODERATED)
  const bob = await somebody(app)
  const mod = await moderator()
  const events: any[] = []
  for (let index = 0; index < 26; index++) events.push(...await Promise.all(Array.from({ length: 20 }, (_, more) => say(app, `${index} ${more}`, auth(bob)))))
  for (const { id } of events.slice(0, 500)) t.equal((await report(app, auth(bob), { event: id })).status, 201)
  t.equal(await waiting(app, mod), 500)
  const full = await report(app, auth(bob), { event: events[510].id })
  t.match(full, { status: 429, body: { limit: 'open-reports-per-room', message: /this room's moderators/ } })
  t.match(full.headers.get('retry-after'), /^[1-9]\d*$/)
  t.equal((await report(app, auth(await somebody(app)), { event: events[3].id })).status, 201, 'what waits already can be reported')
  const elsewhere = await say(app, 'x', auth(bob), 'den')
  t.equal((await report(app, auth(bob), { event: elsewhere.id }, 'den')).status, 201)
  await moderation(app.url, mod).remove(events[0])
  t.equal((await report(app, auth(bob), { event: events[510].id })).status, 201, 'there is room again')
  let pages = 0
  const ids: string[] = []
  for (let after: string | undefined; pages === 0 || after !== undefined; pages++) {
    const { body } = await listed(app, mod, `?limit=100${after === undefined ? '' : `&after=${after}`}`)
    ids.push(...body.reports.map(({ id }: any) => id))
    after = body.next
  }
  t.equal(pages, 5)
  t.strictSame(ids, [...events.slice(1, 500), events[510]].map(({ id }) => id))
})
