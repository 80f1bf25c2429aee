import t, { type Test } from 'tap'
import { Reader, call, eventually, guest, post, startApp, temporaryDirectory, type Answer } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'
import { MODERATED, moderation, moderator } from '../moderation/moderator.js'

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
    ['Zoe\u0308', 'Zoë'], ['محمد علي'], ['علی‌رضا'], ['हिन्दी'], ['ශ්‍රී'], ['김철수'], ['李小龍'], ['田中さん'], ['Иван Smith'], ['שָׁלוֹם'], ['ไทย'], ['👩‍👩‍👧‍👦'], ['🏴󠁧󠁢󠁳󠁣󠁴󠁿'], ['1️⃣'],
    ['  two   words ', 'two words'], ['👍🏽'.repeat(32)], ['1']
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
  const names = ['', ' ', '\u200b', 'a\u200bb', 'a\u0000', 'a\u001b[31m', 'a\nb', '\u202eevil', '\u3164', 'a\ufe0f', 'a\u{e0061}b', 'a\ud800b', '\ue000', '\u0378', 'x'.repeat(33), '👍'.repeat(33),
    `a${'\u0301'.repeat(200)}`, 'a\u0301\u0302\u0303\u0304\u0306']
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
  for (const name of ['Alice Cooper', 'alice cooper', 'ALICE-COOPER', 'Ａlice Cooper', '𝐀𝐥𝐢𝐜𝐞 Cooper', 'Alice C00per', 'alice_cooper', 'Alíce Cooper'.normalize('NFD').replace('\u0301', '')]) {
    const { status, body } = await rename(url, other, name)
    t.equal(status, 409, name)
    t.equal(body.code, 'HUB_NAME_TAKEN')
  }
  t.equal((await rename(url, alice, 'alice cooper')).status, 200, 'her own she may respell')
  reader.close()
  await eventually(async () => (await call(`${url}/users?room=elsewhere`)).body.count === 0, 'she has gone')
  t.equal((await rename(url, other, 'Alice Cooper')).status, 200)
})

t.test('a name with a word of several scripts is refused, one with words of several is not', async (t) => {
  const { url } = await startApp(t)
  const user = await guest(url)
  t.match(await rename(url, user, 'Аlice'), { status: 400, body: { code: 'HUB_NAME_MIXED' } })
  t.equal((await rename(url, user, 'Alice Иванова')).status, 200)
})

t.test('a name that is kept for the host, or looks like it, is refused', async (t) => {
  const { url } = await startApp(t, { RESERVED_NAMES: 'Acme, Big Boss' })
  const user = await guest(url)
  for (const name of ['admin', 'ADM1N', 'ａｄｍｉｎ', '[Moderator]', 'Anna (mod)', 'system', 'acme', 'BIG-BOSS']) {
    const { status, body } = await rename(url, user, name)
    t.equal(status, 409, name)
    t.equal(body.code, 'HUB_NAME_RESERVED', name)
    t.ok(body.message.includes(name))
  }
  t.equal((await rename(url, user, 'Acme Fan')).status, 200)
})

t.test('whoever moderates every room may have such a name, and an application gives names as it likes', async (t) => {
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const boss = await bearer({ sub: 'boss', name: 'Admin', rooms: { moderate: ['*'] } })
  t.equal((await post(url, { message: 'hi' }, boss)).body.event.user.name, 'Admin')
  const invited = async (room: string): Promise<{ authorization: string }> => {
    const { body: { code } } = await call(`${url}/invites`, { body: { room, role: 'moderator' }, headers: boss })
    return { authorization: `Bearer ${(await call(`${url}/join/${code}`, { method: 'POST' })).body.token}` }
  }
  t.equal((await rename(url, await invited('lobby'), 'Moderator')).body.code, 'HUB_NAME_RESERVED', 'of one room is not enough')
  const moderator = await invited('*')
  t.equal((await rename(url, moderator, 'admin')).body.code, 'HUB_NAME_TAKEN', 'another has spoken under it')
  t.equal((await rename(url, moderator, 'Moderator')).status, 200)
})

t.test('a name with a blocked word is refused, and the word is said', async (t) => {
  const { url } = await startApp(t, { BLOCKED_WORDS: 'turnip,法轮' })
  const user = await guest(url)
  for (const [name, word] of [['Turnip', 'turnip'], ['big turnip!', 'turnip'], ['𝐭𝐮𝐫𝐧𝐢𝐩', 'turnip'], ['TURN1P', 'turnip'], ['我爱法轮功', '法轮']] as const) {
    const { status, body } = await rename(url, user, name)
    t.equal(status, 400, name)
    t.equal(body.code, 'HUB_WORD_BLOCKED')
    t.ok(body.message.includes(`"${word}"`))
  }
  t.equal((await rename(url, user, 'Turnipseed')).status, 200, 'it is another word')
})

t.test('no guest is given a name that is reserved or blocked', async (t) => {
  const { url } = await startApp(t, { BLOCKED_WORDS: 'fox, amber, bat, cat, owl, yak', RESERVED_NAMES: 'red-panda' })
  for (let count = 0; count < 200; count++) t.notMatch((await guest(url)).name, /\b(fox|amber|bat|cat|owl|yak)\b|^red-panda$/)
})

t.test('the name of somebody who has spoken in the last day is nobody else\'s, nor is one that looks like it', async (t) => {
  const DATA_DIR = temporaryDirectory(t)
  const { app, url } = await startApp(t, { DATA_DIR })
  const [alice, other] = [await guest(url), await guest(url)]
  t.equal((await rename(url, alice, 'Alice Cooper')).status, 200)
  t.equal((await post(url, { message: 'hi' }, { authorization: alice.authorization })).status, 201)
  await eventually(async () => await app.engine.documents.get('spoken', 'alicecooper') === alice.id, 'it is noted')
  await app.close()

  const again = await startApp(t, { DATA_DIR })
  for (const name of ['Alice Cooper', 'ALICE-COOPER', 'AIice Cooper']) {
    t.match(await rename(again.url, other, name), { status: 409, body: { code: 'HUB_NAME_TAKEN' } }, name)
  }
  t.equal((await rename(again.url, alice, 'Somebody Else')).status, 200)
  t.equal((await rename(again.url, other, 'Alice Cooper')).status, 409, 'also after she has taken another one')
  t.equal((await rename(again.url, alice, 'Alice Cooper')).status, 200, 'she gets it back')
})

t.test('whoever comes back under a name that another has spoken under since does not take it from them', async (t) => {
  const { app, url } = await startApp(t)
  const [first, second] = [await guest(url), await guest(url)]
  t.equal((await rename(url, second, 'Coco')).status, 200)
  t.equal((await post(url, { message: 'mine' }, { authorization: second.authorization })).status, 201)
  const noted = (): Promise<string | undefined> => app.engine.documents.get<string>('spoken', 'coco')
  await eventually(async () => await noted() === second.id, 'it is noted')
  app.registry.names.spoke({ id: first.id, name: 'Coco', tag: '' })
  // What is noted before it is noted when this is.
  app.registry.names.spoke({ id: first.id, name: 'Zaza', tag: '' })
  await eventually(async () => await app.engine.documents.get('spoken', 'zaza') === first.id, 'it is noted')
  t.equal(await noted(), second.id)
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

t.test('who is silent in a room takes no name while there, but for whoever moderates more than who said so', async (t) => {
  const { url } = await startApp(t, MODERATED)
  const [muted, promoted] = [await guest(url), await guest(url)]
  const mods = moderation(url, await moderator('team-red'))
  for (const { id } of [muted, promoted]) t.equal((await mods.mute({ user: id, room: 'team-red' })).status, 201)
  const { body: { path } } = await call(`${url}/invites`, { body: { room: 'team-*', role: 'moderator' }, headers: await moderator() })
  t.equal((await call(`${url}/${path}`, { method: 'POST', headers: { authorization: promoted.authorization } })).status, 200)
  for (const user of [muted, promoted]) await open(t, `${url}/events?room=team-blue`, user)
  const readers = [await open(t, `${url}/events?room=team-red`, muted), await open(t, `${url}/events?room=team-red`, promoted)]
  for (const reader of readers) await reader.until(({ received }) => received.length > 0)
  t.match(await rename(url, muted, 'A Last Word'), { status: 403, body: { code: 'HUB_MUTED', message: /in the room "team-red"/ } })
  readers[0]!.close()
  await eventually(async () => (await rename(url, muted, 'Silent')).status === 200, 'gone from there')
  t.equal((await rename(url, promoted, 'Heard')).status, 200)
  const told = async (room: string): Promise<string[]> => (await call(`${url}/rooms/${room}/events`)).body.events.filter(({ type }: any) => type === 'name').map(({ user }: any) => user.name)
  t.strictSame(await told('team-blue'), ['Silent', 'Heard'])
  t.strictSame(await told('team-red'), ['Heard'])
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
