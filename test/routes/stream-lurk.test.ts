import t from 'tap'
import { Reader, call, guest, post, startApp } from '../harness.js'

t.test('lurk=1 makes no guest and shows nobody', async (t) => {
  const { url } = await startApp(t)
  const { authorization } = await guest(url)
  const witness = await Reader.open(`${url}/events`, { headers: { authorization } })
  t.teardown(() => witness.close())
  await witness.until((reader) => reader.notices('presence').length === 1)
  for (const accept of ['text/event-stream', 'application/x-ndjson', 'text/plain']) {
    const lurker = await Reader.open(`${url}/events?lurk=1&token=1`, { headers: { accept } })
    t.teardown(() => lurker.close())
    await lurker.until(({ text }) => text !== '')
    t.notOk(lurker.response.headers['set-cookie'], accept)
    for (const welcome of lurker.notices('welcome')) {
      t.notOk('user' in welcome)
      t.notOk('token' in welcome)
      t.equal(welcome.rooms[0].count, 1, 'the witness alone')
    }
  }
  const polled = await call(`${url}/events?lurk=1&wait=0`, { headers: { accept: 'application/json' } })
  t.notOk(polled.headers.get('set-cookie'))
  t.equal((await call(`${url}/users`)).body.count, 1)
  // A guest who comes after them is told of; they would have been before.
  const other = await Reader.open(`${url}/events`)
  t.teardown(() => other.close())
  await witness.until((reader) => reader.notices('presence').length === 2)
  t.equal(witness.notices('presence')[1].joined.length, 1)
  t.equal(witness.notices('presence')[1].count, 2)
})

t.test('a lurker with a session is not shown either, and reads', async (t) => {
  const { url } = await startApp(t)
  const { authorization } = await guest(url)
  const lurker = await Reader.open(`${url}/events?lurk=1`, { headers: { authorization } })
  t.teardown(() => lurker.close())
  await lurker.until(({ received }) => received.length > 0)
  t.notOk('user' in lurker.notices('welcome')[0])
  t.strictSame((await call(`${url}/users`)).body, { users: [], count: 0 })
  await post(url, { message: 'seen' })
  await lurker.until(({ messages }) => messages.includes('seen'))
})
