import t, { type Test } from 'tap'
import { Reader, chainFlaw, post, startApp } from '../harness.js'

async function open (t: Test, url: string, cursor?: string): Promise<Reader> {
  const reader = await Reader.open(url, { headers: cursor === undefined ? {} : { 'last-event-id': cursor } })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}

t.test('a stream of several rooms carries one cursor line of all of them, sorted', async (t) => {
  const { url } = await startApp(t)
  const reader = await open(t, `${url}/events?room=b&room=a&room=b`)
  const heads: Record<string, string> = { a: '0-0', b: '0-0' }
  const expected = ['a:0-0,b:0-0']
  for (const room of ['b', 'a', 'a', 'b']) {
    const { body: { event } } = await post(url, { room, message: room })
    heads[room] = event.id
    expected.push(`a:${heads['a']},b:${heads['b']}`)
    await reader.until(({ messages }) => messages.length === expected.length - 1)
  }
  t.strictSame(reader.received.flatMap(({ id }) => id ?? []), expected)
  t.strictSame(reader.text.match(/^id: .*$/gm)?.length, expected.length, 'one line each')
})

t.test('a stream of several rooms resumes each of them from any of its cursors, missed and live', async (t) => {
  const { url } = await startApp(t)
  const reader = await open(t, `${url}/events?room=a&room=b&room=c`)
  for (let index = 0; index < 12; index++) await post(url, { room: 'abc'[index % 3], message: `${index}` })
  await reader.until(({ messages }) => messages.length === 12)
  for (const { id: cursor } of reader.received.filter(({ id }) => id !== undefined)) {
    const had = new Map(cursor!.split(',').map((part) => part.split(':') as [string, string]))
    const expected = reader.events.filter(({ room, id }) => {
      const [ms, seq] = id.split('-').map(Number)
      const [lastMs, lastSeq] = had.get(room)!.split('-').map(Number)
      return ms! > lastMs! || (ms === lastMs && seq! > lastSeq!)
    })
    const again = await open(t, `${url}/events?lurk=1&room=a&room=b&room=c`, cursor)
    await again.until(({ events }) => events.length === expected.length)
    t.notOk(again.notices('reset').length)
    t.ok(again.notices('welcome')[0].rooms.every(({ resumed }: { resumed: boolean }) => resumed))
    for (const room of ['a', 'b', 'c']) {
      t.notOk(chainFlaw(again.events.filter((event) => event.room === room), had.get(room)))
    }
    t.strictSame(new Set(again.events.map(({ id, room }) => `${room} ${id}`)), new Set(expected.map(({ id, room }) => `${room} ${id}`)))
    again.close()
  }
})

t.test('a room that the cursor does not name starts live', async (t) => {
  const { url } = await startApp(t)
  const { body: { event: first } } = await post(url, { room: 'a', message: 'a1' })
  await post(url, { room: 'a', message: 'a2' })
  await post(url, { room: 'b', message: 'b1' })
  const reader = await open(t, `${url}/events?room=a&room=b`, `a:${first.id}`)
  await post(url, { room: 'b', message: 'b2' })
  await reader.until(({ messages }) => messages.includes('b2'))
  t.strictSame(reader.messages, ['a2', 'b2'])
  t.strictSame(reader.notices('reset'), [])
  t.strictSame(reader.notices('welcome')[0].rooms.map(({ room, resumed }: any) => [room, resumed]), [['a', true], ['b', false]])
})

t.test('16 rooms are read in one stream', async (t) => {
  const { url } = await startApp(t)
  const rooms = Array.from({ length: 16 }, (_, index) => `r${index}.${'x'.repeat(60 - `${index}`.length)}`)
  const reader = await open(t, `${url}/events?${rooms.map((room) => `room=${room}`).join('&')}`)
  for (const room of rooms) await post(url, { room, message: room })
  await reader.until(({ messages }) => messages.length === 16)
  t.strictSame(reader.messages, rooms)
  const cursor = reader.cursor!
  reader.close()
  await post(url, { room: rooms[7], message: 'missed' })
  const again = await open(t, `${url}/events?${rooms.map((room) => `room=${room}`).join('&')}`, cursor)
  await again.until(({ messages }) => messages.length === 1)
  t.strictSame(again.messages, ['missed'])
})
