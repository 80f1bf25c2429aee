import t from 'tap'
import { Reader, call, eventually, post, startApp, type Answer } from '../harness.js'

/** ms that each turn of the event loop takes while it is stalled. */
const BUSY_MS = 600

/** Keeps the event loop busy, so that a turn takes as long, until it is told to stop. */
function stall (): () => void {
  let stalled = true
  const turn = (): void => {
    if (!stalled) return
    for (const end = performance.now() + BUSY_MS; performance.now() < end;);
    setImmediate(turn)
  }
  setImmediate(turn)
  return () => { stalled = false }
}

t.test('a server whose event loop is stalled says that it is not ready, and keeps its streams', async (t) => {
  const { url } = await startApp(t)
  const reader = await Reader.open(`${url}/events?lurk=1`)
  t.teardown(() => reader.close())
  await reader.until(({ received }) => received.length > 0)
  t.equal((await call(`${url}/readyz`)).status, 200)

  const resume = stall()
  t.teardown(resume)
  let answer: Answer
  await eventually(async () => (answer = await call(`${url}/readyz`)).status === 503, 'not ready', 60_000)
  t.match(answer!.body, { statusCode: 503, code: 'HUB_NOT_READY', message: /event loop is stalled/ })
  t.match(answer!.headers.get('retry-after'), /^\d+$/)
  resume()
  // It takes some seconds to see that the loop turns again. Until then nothing else is refused.
  const [posted, health] = await Promise.all([post(url, { message: 'slowly' }), call(`${url}/healthz`)])
  t.equal(posted.status, 201, 'a post is taken all the same')
  t.equal(health.status, 200)

  await eventually(async () => (await call(`${url}/readyz`)).status === 200, 'ready again')
  t.notOk(reader.ended, 'the stream is still open')
  await post(url, { message: 'at once' })
  await reader.until(({ messages }) => messages.length === 2)
  t.strictSame(reader.messages, ['slowly', 'at once'])
})
