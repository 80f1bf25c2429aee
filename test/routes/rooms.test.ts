import t from 'tap'
import { call, eventually, post, startApp } from '../harness.js'

t.test('history is given oldest first, by after, before and limit', async (t) => {
  const { url } = await startApp(t)
  const events: any[] = []
  for (let index = 0; index < 10; index++) events.push((await post(url, { room: 'a', message: `${index}` })).body.event)
  const read = async (query: string): Promise<any[]> => (await call(`${url}/rooms/a/events?${query}`)).body.events
  t.strictSame(await read(''), events)
  t.strictSame(await read('limit=3'), events.slice(-3))
  t.strictSame(await read('after=0-0&limit=3'), events.slice(0, 3))
  t.strictSame(await read(`after=${events[4].id}`), events.slice(5))
  t.strictSame(await read(`before=${events[4].id}`), events.slice(0, 4))
  t.strictSame(await read(`before=${events[4].id}&limit=2`), events.slice(2, 4))
  t.strictSame(await read(`after=${events[1].id}&before=${events[5].id}`), events.slice(2, 5))
  t.strictSame(await read(`after=${events[5].id}&before=${events[1].id}`), [])
  t.strictSame(await read(`after=${events[9].id}`), [])
  t.strictSame(await read('before=1-0'), [])
  t.strictSame(await read('after=999999999999999-999999999999999'), [])
  t.match((await call(`${url}/rooms/a/events`)).body, { floor: '0-0', head: events[9].id })
  t.strictSame((await call(`${url}/rooms/none/events`)).body, { events: [], floor: '0-0', head: '0-0' })
})

t.test('a room keeps what ROOM_HISTORY says, and after=0-0 starts at the oldest kept', async (t) => {
  const { url } = await startApp(t, { ROOM_HISTORY: '3' })
  const events: any[] = []
  for (let index = 0; index < 8; index++) events.push((await post(url, { message: `${index}` })).body.event)
  await eventually(async () => (await call(`${url}/rooms/lobby/events?after=0-0`)).body.events.length === 3, 'it is trimmed')
  const { body } = await call(`${url}/rooms/lobby/events?after=0-0`)
  t.strictSame(body, { events: events.slice(5), floor: events[4].id, head: events[7].id })
})

t.test('rooms are listed once they hold an event, page by page', async (t) => {
  const { url } = await startApp(t)
  await call(`${url}/events?room=unheld&wait=0`, { headers: { accept: 'application/json' } })
  t.strictSame((await call(`${url}/rooms`)).body, { rooms: [] })
  for (const room of ['b', 'a', 'a.b', 'a-b', '0']) await post(url, { room, message: 'x' })
  const { body: { rooms } } = await call(`${url}/rooms`)
  t.strictSame(rooms.map(({ room }: any) => room), ['0', 'a', 'a-b', 'a.b', 'b'])
  t.match(rooms[0], { events: 1, floor: '0-0', head: /^\d+-\d+$/, online: 0 })
  t.strictSame((await call(`${url}/rooms?after=a&limit=2`)).body.rooms.map(({ room }: any) => room), ['a-b', 'a.b'])
})
