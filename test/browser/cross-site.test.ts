import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { build } from '../../src/app.js'
import { readConfig } from '../../src/plugins/config.js'
import { type Environment, type RunningApp, call, eventually, missing, temporaryDirectory } from '../harness.js'
import { OTHER_SITES, lanAddress, launch, openPage, ownName, visitor } from './chromium.js'
import { otherSite } from './other-site.js'

/** What a page can make a browser send to `target` without asking, and, last, what it must ask for. */
const ATTACKS: Record<string, (target: string) => Promise<unknown> | unknown> = {
  'a form': (target) => submit(target, 'application/x-www-form-urlencoded'),
  'a form as text': (target) => submit(target, 'text/plain'),
  'a form in parts': (target) => submit(target, 'multipart/form-data'),
  'a simple post': (target) => fetch(`${target}/events`, { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"message":"forged"}' }),
  'a simple post of a Blob': (target) => fetch(`${target}/events`, { method: 'POST', mode: 'no-cors', credentials: 'include', body: new Blob(['{"message":"forged"}']) }),
  'a beacon': (target) => navigator.sendBeacon(`${target}/events`, new Blob(['{"message":"forged"}'], { type: 'text/plain' })),
  'a post of JSON': (target) => fetch(`${target}/events`, { method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body: '{"message":"forged"}' }),
  'another name': (target) => fetch(`${target}/users/me`, { method: 'PATCH', credentials: 'include', headers: { 'content-type': 'application/json' }, body: '{"name":"forged"}' }),
  'an image': (target) => load('img', `${target}/events`),
  'an image of who I am': (target) => load('img', `${target}/users/me`),
  'a script': (target) => load('script', `${target}/events`),
  'a sound': (target) => load('audio', `${target}/events`),
  'a style sheet': (target) => load('link', `${target}/events`),
  'an object': (target) => load('object', `${target}/events`),
  'a frame': (target) => load('iframe', `${target}/events`),
  'a frame of the page': (target) => load('iframe', `${target}/`),
  'a simple fetch': (target) => fetch(`${target}/events`, { mode: 'no-cors', credentials: 'include', headers: { accept: 'text/event-stream' } }),
  'a fetch': (target) => fetch(`${target}/users/me`, { credentials: 'include' }),
  'an EventSource': (target) => new Promise((resolve) => { new EventSource(`${target}/events`, { withCredentials: true }).onerror = resolve }),
  'a prefetch': (target) => load('link', `${target}/events`, 'prefetch')
}
declare function submit (target: string, enctype: string): Promise<unknown>
declare function load (tag: string, source: string, rel?: string): Promise<unknown>

/** In the attacker's page: waits until the browser has an answer, whatever that is. */
function arm (): void {
  Object.assign(globalThis, {
    submit: (target: string, enctype: string) => new Promise((resolve) => {
      const frame = document.body.appendChild(document.createElement('iframe'))
      frame.name = `answer-${Math.random()}`
      const form = document.body.appendChild(document.createElement('form'))
      Object.assign(form, { method: 'post', action: `${target}/events`, enctype, target: frame.name })
      const field = form.appendChild(document.createElement('input'))
      Object.assign(field, { name: '{"message":"forged","data":{"x":"', value: '"}}' })
      frame.onload = resolve
      form.submit()
    }),
    load: (tag: string, source: string, rel = 'stylesheet') => new Promise((resolve) => {
      const element = document.createElement(tag)
      element.onload = element.onerror = resolve
      element.setAttribute(tag === 'link' ? 'href' : tag === 'object' ? 'data' : 'src', source)
      if (tag === 'link') element.setAttribute('rel', rel)
      document.body.append(element)
    })
  })
}

interface Answered {
  request: string
  status: number
  code: string | undefined
  message: string | undefined
  cookie: boolean
}

interface Target extends RunningApp {
  port: number
  answered: Answered[]
}

/** The application, with what it answers. */
async function startTarget (t: Test, environment: Environment = {}): Promise<Target> {
  const config = readConfig({ DATA_DIR: temporaryDirectory(t), LIMITS: 'off', PRESENCE_GRACE: '0ms', ...environment })
  const app = await build(config)
  t.teardown(() => app.close())
  const answered: Answered[] = []
  app.addHook('onSend', async ({ method, url, headers }, reply, payload) => {
    // A page of another site cannot send that without asking: it is our own page that looks around.
    if (headers['hubbub-client'] !== undefined) return
    const { code, message } = typeof payload === 'string' && payload.startsWith('{"statusCode"') ? JSON.parse(payload) : {} as Partial<Answered>
    answered.push({ request: `${method} ${url}`, status: reply.statusCode, code, message, cookie: reply.hasHeader('set-cookie') })
  })
  await app.listen({ port: 0, host: '0.0.0.0' })
  const { port } = app.server.address() as { port: number }
  return { app, url: `http://127.0.0.1:${port}`, port, answered }
}

/** Has a page of another site attack, and shows that nothing comes of it. */
async function attack (t: Test, page: Page, { app, url, answered }: Target, target: string, code: string, but: string[] = []): Promise<void> {
  await page.evaluate(arm)
  const { streams } = app.broadcaster
  const { users } = app.registry
  for (const [what, run] of Object.entries(ATTACKS).filter(([what]) => !but.includes(what))) {
    const before = answered.length
    await page.evaluate(`void Promise.resolve((${run.toString()})(${JSON.stringify(target)})).catch(() => {})`)
    await eventually(() => answered.length > before, `${what} has arrived`)
    for (const answer of answered.slice(before)) {
      t.equal(answer.code, code, `${what}: ${answer.request}`)
      t.match(answer.message, /CORS_ORIGINS|PUBLIC_URL/, 'it says which variable that is')
      t.notOk(answer.cookie, `${what} makes no guest`)
    }
    t.strictSame([app.broadcaster.streams, app.registry.users], [streams, users], `${what} shows nobody as present`)
  }
  t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, [], 'nothing was stored')
}

t.test('a page of another site makes a browser speak for nobody', { timeout: 180_000 }, async (t) => {
  const browser = await launch(t, OTHER_SITES)
  if (browser === undefined) return
  const site = await otherSite(t)

  for (const [kind, at] of [['another host', 'http://evil.example'], ['another port of this host', 'http://127.0.0.1']] as const) {
    await t.test(`from ${kind}, while its visitor is here`, async (t) => {
      const target = await startTarget(t)
      const context = await visitor(browser)
      const chat = await openPage(context, target.url)
      const name = await ownName(chat)
      const page = await context.newPage()
      await page.goto(`${at}:${site}/`)
      await attack(t, page, target, target.url, 'HUB_CROSS_SITE')
      t.equal(await ownName(chat), name)
    })
  }

  await t.test('on an address of the network, where browsers say less', async (t) => {
    const address = lanAddress()
    if (missing(t, address, 'connect this machine to a network: it has no address but its own')) return
    const target = await startTarget(t)
    const lan = `http://${address}:${target.port}`
    const context = await visitor(browser)
    // Until it has all of its parts, it asks for them.
    await ownName(await openPage(context, lan))
    for (const [kind, at] of [['another host', 'http://evil.example'], ['another port', `http://${address}`]] as const) {
      const page = await context.newPage()
      if (kind === 'another port') await page.route(`${at}:1/`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><meta name="referrer" content="no-referrer">' }))
      await page.goto(kind === 'another port' ? `${at}:1/` : `${at}:${site}/`)
      // The page itself comes to whoever visits it, and shows nobody: its script does, and no frame runs it.
      await attack(t, page, target, lan, 'HUB_CROSS_SITE', ['a frame of the page'])
      await page.close()
    }
  })

  await t.test('under a name that was made to lead here', async (t) => {
    const target = await startTarget(t)
    const page = await (await visitor(browser)).newPage()
    const rebound = `http://rebound.example:${target.port}`
    // When it was loaded the name led elsewhere.
    await page.route(`${rebound}/attack`, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }))
    await page.goto(`${rebound}/attack`)
    await page.unrouteAll()
    await attack(t, page, target, rebound, 'HUB_HOST_UNKNOWN')
    for (const path of ['/users', '/rooms', '/rooms/lobby/events', '/events?lurk=1']) {
      t.match(await page.evaluate(async (path) => await (await fetch(path)).json(), path), { code: 'HUB_HOST_UNKNOWN' }, `nor can it read ${path}`)
    }
  })

  await t.test('while people come by links', async (t) => {
    const target = await startTarget(t)
    const page = await (await visitor(browser)).newPage()
    const linking = await otherSite(t, ['', '?room=tea', 'docs', 'rooms', 'join/abc'].map((path) => `<p><a href="${target.url}/${path}">to ${path}.</a></p>`).join(''))
    for (const path of ['', '?room=tea', 'docs', 'rooms', 'join/abc']) {
      await page.goto(`http://evil.example:${linking}/`)
      const [response] = await Promise.all([page.waitForResponse((response) => response.url() === `${target.url}/${path}`), page.getByText(`to ${path}.`, { exact: true }).click()])
      t.equal(response.status(), 200, path)
    }
  })
})
