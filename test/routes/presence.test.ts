import t, { type Test } from 'tap'
import { Reader, call, eventually, guest, startApp } from '../harness.js'

async function open (t: Test, url: string, authorization?: string): Promise<Reader> {
  const reader = await Reader.open(url, { headers: authorization === undefined ? {} : { authorization } })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}
const joined = (reader: Reader): string[] => reader.notices('presence').flatMap(({ joined = [] }) => joined.map(({ id }: any) => id))
const left = (reader: Reader): string[] => reader.notices('presence').flatMap(({ left = [] }) => left.map(({ id }: any) => id))

t.test('presence is per user, not per tab', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '200ms' })
  const [witness, user, last] = [await guest(url), await guest(url), await guest(url)]
  const watching = await open(t, `${url}/events`, witness.authorization)
  const tabs = await Promise.all([1, 2, 3].map(() => open(t, `${url}/events`, user.authorization)))
  await watching.until((reader) => joined(reader).includes(user.id))
  t.match((await call(`${url}/users`)).body, { count: 2 })
  tabs[0]!.close()
  tabs[1]!.close()
  await eventually(async () => (await call(`${url}/healthz`)).body.streams === 2, 'two tabs are gone')
  const probe = await open(t, `${url}/events`, last.authorization)
  await watching.until((reader) => joined(reader).includes(last.id))
  probe.close()
  await watching.until((reader) => left(reader).includes(last.id))
  t.notOk(left(watching).includes(user.id), 'one tab is left: later leaves were told, this one was none')
  tabs[2]!.close()
  await watching.until((reader) => left(reader).includes(user.id))
  t.equal(joined(watching).filter((id) => id === user.id).length, 1)
  t.strictSame((await call(`${url}/users`)).body.users.map(({ id }: any) => id), [witness.id])
})

t.test('a quick reconnect is neither a leave nor a join', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '2s' })
  const [witness, user, last] = [await guest(url), await guest(url), await guest(url)]
  const watching = await open(t, `${url}/events`, witness.authorization)
  for (let round = 0; round < 5; round++) {
    const tab = await open(t, `${url}/events`, user.authorization)
    tab.close()
    await eventually(async () => (await call(`${url}/healthz`)).body.streams === 1, 'it is gone')
  }
  await open(t, `${url}/events`, user.authorization)
  const probe = await open(t, `${url}/events`, last.authorization)
  await watching.until((reader) => joined(reader).includes(last.id))
  probe.close()
  await watching.until((reader) => left(reader).includes(last.id))
  t.equal(joined(watching).filter((id) => id === user.id).length, 1)
  t.notOk(left(watching).includes(user.id))
})

t.test('joins are gathered into few notices, each with the count', async (t) => {
  const { url } = await startApp(t)
  const watching = await open(t, `${url}/events`)
  await Promise.all(Array.from({ length: 30 }, () => open(t, `${url}/events`)))
  await watching.until((reader) => joined(reader).length === 31)
  t.ok(watching.notices('presence').length < 15, `${watching.notices('presence').length} notices for 31 joins`)
  t.equal(watching.notices('presence').at(-1).count, 31)
  t.equal(new Set(joined(watching)).size, 31)
  for (const { id } of watching.received.filter(({ event }) => event === 'presence')) t.equal(id, undefined)
})

t.test('a crowded room tells its count only', async (t) => {
  const { url } = await startApp(t, { CROWD: '3' })
  const readers = [await open(t, `${url}/events`), await open(t, `${url}/events`)]
  t.equal(readers[1]!.notices('welcome')[0].rooms[0].members.length, 2)
  for (let more = 0; more < 4; more++) readers.push(await open(t, `${url}/events`))
  const [room] = readers.at(-1)!.notices('welcome')[0].rooms
  t.equal(room.count, 6)
  t.notOk('members' in room)
  await readers[0]!.until((reader) => reader.notices('presence').at(-1)?.count === 6)
  const notice = readers[0]!.notices('presence').at(-1)
  for (const field of ['joined', 'left', 'members']) t.notOk(field in notice, field)
})

t.test('each room has its own members', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  const user = await guest(url)
  const both = await open(t, `${url}/events?room=a&room=b`, user.authorization)
  const one = await open(t, `${url}/events?room=b`, user.authorization)
  const count = async (room: string): Promise<number> => (await call(`${url}/users?room=${room}`)).body.count
  t.strictSame([await count('a'), await count('b'), await count('lobby')], [1, 1, 0])
  both.close()
  await eventually(async () => await count('a') === 0, 'gone from the one')
  t.equal(await count('b'), 1)
  one.close()
  await eventually(async () => await count('b') === 0, 'gone from the other')
})

t.test('a poller is online while it polls, and a while after', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '500ms' })
  const { authorization, id } = await guest(url)
  await call(`${url}/events?wait=0`, { headers: { authorization, accept: 'application/json' } })
  t.match((await call(`${url}/users`)).body, { users: [{ id }], count: 1 })
  await eventually(async () => (await call(`${url}/users`)).body.count === 0, 'it leaves')
})

t.test('when all streams are closed, nobody is online', async (t) => {
  const { url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  const readers = await Promise.all(Array.from({ length: 40 }, (_, index) => open(t, `${url}/events?room=r${index % 7}&room=lobby`)))
  t.equal((await call(`${url}/users`)).body.count, 40)
  for (const reader of readers) reader.close()
  await eventually(async () => (await call(`${url}/users`)).body.count === 0, 'they leave')
  for (let index = 0; index < 7; index++) t.equal((await call(`${url}/users?room=r${index}`)).body.count, 0)
  t.equal((await call(`${url}/healthz`)).body.streams, 0)
})
