import t, { type Test } from 'tap'
import { Reader, call, eventually, guest, post, startApp, type Answer } from '../harness.js'

type Guest = Awaited<ReturnType<typeof guest>>
const rename = (url: string, { authorization }: Pick<Guest, 'authorization'>, name: unknown): Promise<Answer> =>
  call(`${url}/users/me`, { method: 'PATCH', body: { name }, headers: { authorization } })

async function open (t: Test, url: string, { authorization }: Pick<Guest, 'authorization'>): Promise<Reader> {
  const reader = await Reader.open(url, { headers: { authorization } })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}

t.test('names of real languages and emoji are taken, in NFC and without needless space', async (t) => {
  const { url } = await startApp(t)
  const user = await guest(url)
  const names: Array<[string, string?]> = [
    ['Zoë'], ['Zoe\u0308', 'Zoë'], ['محمد علي'], ['हिन्दी'], ['क्षत्रिय'], ['김철수'], ['李小龍'], ['Ελένη'], ['Владимир'], ['שלום'], ['ไทย'], ['👩‍👩‍👧‍👦'], ['❤️ cat'], ['🏴󠁧󠁢󠁳󠁣󠁴󠁿'],
    ["O'Brien-Smith Jr."], ['  two   words ', 'two words'], ['x'.repeat(32)], ['👍🏽'.repeat(32)], ['1']
  ]
  for (const [name, kept = name] of names) {
    const { status, body } = await rename(url, user, name)
    t.equal(status, 200, `${name} ${body.message ?? ''}`)
    t.equal(body.user?.name, kept)
    t.equal((await call(`${url}/users/me`, { headers: { authorization: user.authorization } })).body.user.name, kept, 'the old token has the new name')
  }
})

t.test('names that cannot be seen, or that change how others are read, are refused', async (t) => {
  const { url } = await startApp(t)
  const user = await guest(url)
  const names = ['', ' ', '\u00a0', '\u3000', '\u200b', 'a\u200bb', 'a\u200db', 'a\u0000', 'a\u001b[31m', 'a\nb', 'a\tb', 'a\u0085', '\u202eevil',
    'a\u202cb', 'a\u2066b', 'a\u200e', 'a\u061cb', 'a\u00adb', '\u2800', '\u3164', '\u115f', 'a\u2028b', 'a\ud800b', '\ue000', 'x'.repeat(33), '👍'.repeat(33),
    `a${'\u0301'.repeat(200)}`]
  for (const name of names) {
    const { status, body } = await rename(url, user, name)
    const shown = JSON.stringify(name).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).slice(0, 60)
    t.equal(status, 400, shown)
    t.equal(body.code, 'HUB_NAME_INVALID', shown)
  }
  for (const name of [1, null, ['a'], {}, 'x'.repeat(300)]) t.equal((await rename(url, user, name)).status, 400)
  t.equal((await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'x', nme: 'x' }, headers: { authorization: user.authorization } })).body.code, 'HUB_UNKNOWN_FIELD')
  t.equal((await call(`${url}/users/me`, { headers: { authorization: user.authorization } })).body.user.name, user.name)
})

t.test('a look-alike of a name that is online is refused, and free again when that one has gone', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  const [alice, other] = [await guest(url), await guest(url)]
  const reader = await open(t, `${url}/events?room=elsewhere`, alice)
  t.equal((await rename(url, alice, 'Alice Cooper')).status, 200)
  for (const name of ['Alice Cooper', 'alice cooper', 'ALICE-COOPER', 'Аlice Cooper', 'Ａlice Cooper', 'alice_cooper', 'Alíce Cooper'.normalize('NFD').replace('\u0301', '')]) {
    const { status, body } = await rename(url, other, name)
    t.equal(status, 409, name)
    t.equal(body.code, 'HUB_NAME_TAKEN')
  }
  t.equal((await rename(url, alice, 'alice cooper')).status, 200, 'her own she may respell')
  reader.close()
  await eventually(async () => (await call(`${url}/users?room=elsewhere`)).body.count === 0, 'she has gone')
  t.equal((await rename(url, other, 'Alice Cooper')).status, 200)
})

t.test('a capital I is no way to look like a small l', async (t) => {
  const { url } = await startApp(t)
  const [alice, other] = [await guest(url), await guest(url)]
  await open(t, `${url}/events`, alice)
  t.equal((await rename(url, alice, 'Alice Cooper')).status, 200)
  t.equal((await rename(url, other, 'AIice Cooper')).status, 409)
})

t.test('a guest who is not online yet may respell the own name, and go back to it', async (t) => {
  const { url } = await startApp(t)
  const user = await guest(url)
  t.equal((await rename(url, user, user.name.toUpperCase())).status, 200)
  t.equal((await rename(url, user, 'other')).status, 200)
  t.equal((await rename(url, user, user.name)).status, 200)
})

t.test('of two who take one name at the same instant, one gets it', async (t) => {
  const { url } = await startApp(t)
  const users = await Promise.all(Array.from({ length: 5 }, () => guest(url)))
  for (const user of users) await open(t, `${url}/events`, user)
  const answers = await Promise.all(users.map((user) => rename(url, user, 'The One')))
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409])
})

t.test('a rename is an event in each room where the user has a stream, and nowhere else; what was said keeps its name', async (t) => {
  const { url } = await startApp(t)
  const user = await guest(url)
  const { body: { event: said } } = await post(url, { room: 'c', message: 'before' }, { authorization: user.authorization })
  const reader = await open(t, `${url}/events?room=a&room=b`, user)
  const { status, body } = await rename(url, user, 'New Name')
  t.equal(status, 200)
  t.strictSame(body.user, { ...said.user, name: 'New Name' }, 'id and tag stay')
  await reader.until((reader) => reader.events.length === 2)
  for (const room of ['a', 'b']) {
    const { body: { events } } = await call(`${url}/rooms/${room}/events`)
    t.match(events, [{ type: 'name', room, user: body.user, data: { from: user.name, to: 'New Name' } }])
    t.equal(events.length, 1)
  }
  t.strictSame(reader.received.filter(({ data }) => data.prev !== undefined).map(({ event }) => event), ['name', 'name'], 'onmessage does not see it')
  t.strictSame((await call(`${url}/rooms/c/events`)).body.events, [said])
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [])
  const after = await post(url, { message: 'after' }, { authorization: user.authorization })
  t.strictSame(after.body.event.user, body.user, 'the older token has the new name')
  t.strictSame((await call(`${url}/users?room=a`)).body.users, [body.user])
  await rename(url, user, 'New Name')
  t.equal((await call(`${url}/rooms/a/events`)).body.events.length, 1, 'the same name again is nothing new')
})

t.test('one who renames just after joining joins under the new name', async (t) => {
  const { url } = await startApp(t)
  const witness = await open(t, `${url}/events`, await guest(url))
  await witness.until((reader) => reader.notices('presence').length === 1)
  const user = await guest(url)
  await open(t, `${url}/events`, user)
  t.equal((await rename(url, user, 'Quick One')).status, 200)
  await witness.until((reader) => reader.notices('presence').length === 2 && reader.events.length === 1)
  const names = witness.received.flatMap(({ event, data }) =>
    event === 'presence' ? data.joined.filter(({ id }: any) => id === user.id).map(({ name }: any) => name) : event === 'name' ? [data.user.name] : [])
  t.equal(names.at(-1), 'Quick One', `${names}`)
})
