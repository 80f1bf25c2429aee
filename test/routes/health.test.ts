import t from 'tap'
import { call, startApp } from '../harness.js'

t.test('healthz and readyz', async (t) => {
  const { app, url } = await startApp(t)
  const health = await call(`${url}/healthz`)
  t.equal(health.status, 200)
  t.strictSame(health.body, { status: 'ok', durability: 'fsync', streams: 0 })
  t.strictSame((await call(`${url}/readyz`)).body, { status: 'ready' })
  app.draining.since = new Date()
  const { status, body, headers } = await call(`${url}/readyz`)
  t.equal(status, 503)
  t.match(body, { statusCode: 503, code: 'HUB_NOT_READY', error: 'Service Unavailable' })
  t.match(headers.get('retry-after'), /^\d+$/)
  t.equal((await call(`${url}/healthz`)).status, 200, 'the process works all the same')
})
