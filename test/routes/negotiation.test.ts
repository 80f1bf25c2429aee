import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import t from 'tap'
import { call, Reader, startApp } from '../harness.js'

const TYPES = ['text/event-stream', 'application/x-ndjson', 'application/json', 'text/plain']

t.test('Accept chooses the representation', async (t) => {
  const { url } = await startApp(t)
  const cases: Array<[string, string]> = [
    ['*/*', 'text/event-stream'],
    ['text/*', 'text/event-stream'],
    ['text/event-stream', 'text/event-stream'],
    ['TEXT/EVENT-STREAM', 'text/event-stream'],
    ['text/event-stream;charset=utf-8, */*;q=0.1', 'text/event-stream'],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['text/plain;q=0.5, application/x-ndjson;q=0.9', 'application/x-ndjson'],
    ['text/plain', 'text/plain'],
    ['image/png, text/plain', 'text/plain'],
    // Chrome, Firefox and Safari, which were sent here; and Firefox of some years ago.
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7', 'text/plain'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/plain'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', 'text/plain'],
    ['text/html, */*', 'text/plain'],
    ['text/html;q=0, */*', 'text/event-stream'],
    ['text/html, text/event-stream;q=0.5, */*;q=0.1', 'text/event-stream'],
    ['text/html, application/x-ndjson', 'application/x-ndjson'],
    ['image/avif,image/webp,*/*', 'text/event-stream']
  ]
  for (const [accept, type] of cases) {
    const reader = await Reader.open(`${url}/events?lurk=1`, { headers: { accept } })
    t.equal(reader.response.statusCode, 200)
    t.equal(reader.response.headers['content-type'], `${type}; charset=utf-8`, accept)
    t.match(reader.response.headers.vary, /\baccept\b/i, accept)
    t.equal(reader.response.headers['x-accel-buffering'], 'no', accept)
    t.match(reader.response.headers['cache-control'], /no-cache.*no-transform/, accept)
    reader.close()
  }
  const bare = request(`${url}/events?lurk=1`, { agent: false }).end()
  const [answer] = await once(bare, 'response') as [IncomingMessage]
  t.match(answer.headers['content-type'], 'text/event-stream', 'without a wish, the default')
  bare.destroy()
  const poll = await call(`${url}/events?wait=0`, { headers: { accept: 'application/json' } })
  t.equal(poll.headers.get('content-type'), 'application/json; charset=utf-8')
  t.match(poll.headers.get('vary'), /\baccept\b/i)
})

t.test('anything else is 406, with the list', async (t) => {
  const { url } = await startApp(t)
  for (const accept of ['image/png', 'text/html', 'application/xml;q=0.9', 'text/event-stream;q=0']) {
    const { status, body, headers } = await call(`${url}/events`, { headers: { accept } })
    t.equal(status, 406, accept)
    t.match(body, { statusCode: 406, code: 'HUB_NOT_ACCEPTABLE', error: 'Not Acceptable' })
    for (const type of TYPES) t.ok(body.message.includes(type), type)
    t.match(headers.get('vary'), /\baccept\b/i)
    t.notOk(headers.get('set-cookie'), 'no guest is made for it')
  }
  const head = await fetch(`${url}/events`, { method: 'HEAD', headers: { accept: 'image/png' } })
  t.equal(head.status, 406)
})
