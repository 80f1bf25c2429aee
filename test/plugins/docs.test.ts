import t from 'tap'
import { errors } from '../../src/errors.js'
import { call, startApp } from '../harness.js'

t.test('/docs/json is OpenAPI 3.1 and lists every public route', async (t) => {
  const { url } = await startApp(t)
  const { status, body } = await call(`${url}/docs/json`)
  t.equal(status, 200)
  t.match(body, { openapi: /^3\.1\./, info: { title: 'Hubbub', version: /^\d/ } })
  const listed = Object.entries(body.paths).flatMap(([path, methods]) => Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`))
  for (const route of ['GET /events', 'POST /events', 'GET /rooms', 'GET /rooms/{room}/events', 'PATCH /rooms/{room}/events/{id}', 'DELETE /rooms/{room}/events/{id}', 'GET /users', 'GET /users/me', 'PATCH /users/me', 'GET /rooms/{room}', 'PATCH /rooms/{room}', 'POST /rooms/{room}/typing', 'POST /rooms/{room}/reports', 'GET /rooms/{room}/reports', 'DELETE /rooms/{room}/reports/{id}', 'POST /moderation/bans', 'POST /moderation/mutes', 'POST /moderation/clears', 'GET /moderation/restrictions', 'GET /moderation/log', 'POST /moderation/log/{id}/undo', 'GET /healthz', 'GET /readyz', 'GET /metrics']) {
    t.ok(listed.includes(route), route)
  }
  for (const [path, methods] of Object.entries<Record<string, any>>(body.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      t.type(operation.summary, 'string', `${method} ${path} says what it is`)
      t.ok(Object.keys(operation.responses).some((status) => status.startsWith('2')), `${method} ${path}`)
    }
  }
  t.match([body.paths['/rooms/{room}/typing'].post, body.paths['/events'].post].map(({ requestBody }) => requestBody.required), [false, true], 'which body may be left out')
  t.notOk(listed.some((route) => route.startsWith('HEAD') || route.endsWith(' /')), 'what is hidden is not listed')
})

t.test('/docs answers a page', async (t) => {
  const { url } = await startApp(t)
  const response = await fetch(`${url}/docs`)
  t.equal(response.status, 200)
  t.match(response.headers.get('content-type'), 'text/html')
  t.match(await response.text(), /swagger/i)
})

t.test('the catalogue\'s codes are unique, and each says the way out', async (t) => {
  const catalogue = Object.entries(errors).map(([name, Catalogued]) => ({ name, error: new Catalogued() }))
  t.equal(new Set(catalogue.map(({ error }) => error.code)).size, catalogue.length)
  for (const { name, error } of catalogue) {
    t.match(error.code, /^HUB_[A-Z_]+$/, name)
    t.ok(error.statusCode! >= 400 && error.statusCode! < 600, name)
    t.match(error.message, /\.$/, name)
  }
})
