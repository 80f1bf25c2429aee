import t from 'tap'
import { Reader, post, startApp } from '../harness.js'

t.test('a message posted is answered, and reaches whoever reads', async (t) => {
  const { url } = await startApp(t)
  const reader = await Reader.open(`${url}/events`)
  t.teardown(() => reader.close())
  await reader.until(({ received }) => received.some(({ event }) => event === 'welcome'))
  const { status, body } = await post(url, { message: 'hi' })
  t.equal(status, 201)
  t.match(body, { success: true, durability: 'fsync', event: { message: 'hi', room: 'lobby', type: 'message', prev: '0-0' } })
  await reader.until(({ messages }) => messages.length === 1)
  t.strictSame(reader.events[0], body.event, 'the stream and the answer carry the same event')
})
