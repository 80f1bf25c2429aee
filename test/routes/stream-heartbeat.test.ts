import t from 'tap'
import { Reader, post, startApp } from '../harness.js'

for (const accept of ['text/event-stream', 'application/x-ndjson']) {
  t.test(`silence brings heartbeats, with data and no id, which do not move the cursor (${accept})`, async (t) => {
    const { url } = await startApp(t, { HEARTBEAT: '200ms' })
    const reader = await Reader.open(`${url}/events?lurk=1`, { headers: { accept } })
    t.teardown(() => reader.close())
    await post(url, { message: 'one' })
    await reader.until(({ messages }) => messages.length === 1)
    const { cursor } = reader
    await reader.until((reader) => reader.notices('heartbeat').length >= 3)
    for (const { id, data } of reader.received.filter(({ event }) => event === 'heartbeat')) {
      t.equal(id, undefined)
      t.match(data, { type: 'heartbeat', at: /^\d{4}-.*Z$/ })
      t.notOk('cursor' in data)
    }
    t.equal(reader.cursor, cursor)
    const { body: { event } } = await post(url, { message: 'two' })
    await reader.until(({ messages }) => messages.length === 2)
    t.strictSame(reader.events.at(-1), event)
  })
}

t.test('a heartbeat is a block of its own', async (t) => {
  const { url } = await startApp(t, { HEARTBEAT: '200ms' })
  const reader = await Reader.open(`${url}/events?lurk=1`)
  t.teardown(() => reader.close())
  await reader.until((reader) => reader.notices('heartbeat').length >= 2)
  const blocks = reader.text.split('\n\n').slice(3, -1)
  for (const block of blocks) t.match(block, /^event: heartbeat\ndata: \{"type":"heartbeat",.*\}$/)
})
