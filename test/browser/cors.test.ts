import type { Page } from 'playwright-core'
import t from 'tap'
import { call, guest, post, startApp } from '../harness.js'
import { OTHER_SITES, launch, visitor } from './chromium.js'
import { otherSite } from './other-site.js'

declare global {
  /** Messages that an EventSource in the page has brought. */
  var received: string[]
}

interface Requested {
  method?: string
  headers?: Record<string, string>
  body?: string
  credentials?: RequestCredentials
}

/** What a page's script gets of an answer. */
function requestIn (page: Page, url: string, options: Requested = {}): Promise<{ status: number, body: any, retryAfter: string | null } | string> {
  return page.evaluate(async ([url, options]) => {
    try {
      const response = await fetch(url, options)
      return { status: response.status, body: await response.json(), retryAfter: response.headers.get('retry-after') }
    } catch (error) {
      return String(error)
    }
  }, [url, options] as const)
}

/** The beginning of a stream that is read by fetch, up to some text. */
function streamIn (page: Page, url: string, headers: Record<string, string>, text: string): Promise<string> {
  return page.evaluate(async ([url, headers, text]) => {
    try {
      const { body } = await fetch(url, { headers })
      const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
      let received = ''
      while (!received.includes(text)) received += (await reader.read()).value
      await reader.cancel()
      return received
    } catch (error) {
      return String(error)
    }
  }, [url, headers, text] as const)
}

t.test('a page of another site, in Chromium', { timeout: 60_000 }, async (t) => {
  const browser = await launch(t, OTHER_SITES)
  if (browser === undefined) return
  const site = await otherSite(t)
  const { url } = await startApp(t, { CORS_ORIGINS: `http://friend.example:${site}`, LIMITS: 'on', POSTS_PER_MINUTE: '3' })
  const pageAt = async (host: string): Promise<Page> => {
    const page = await (await visitor(browser)).newPage()
    await page.goto(`http://${host}:${site}/`)
    return page
  }
  const { authorization } = await guest(url)
  const json = { authorization, 'content-type': 'application/json' }

  await t.test('that is in CORS_ORIGINS posts, reads and resumes with a token', async (t) => {
    const page = await pageAt('friend.example')
    const first = await requestIn(page, `${url}/events`, { method: 'POST', headers: json, body: '{"message":"from another site"}' })
    t.match(first, { status: 201, body: { success: true } })
    const { body: { event: { id } } } = first as { body: any }
    await post(url, { message: 'and answered' })
    t.match(await requestIn(page, `${url}/users/me`, { headers: { authorization, 'hubbub-client': 'widget' } }), { status: 200 })
    t.match(await requestIn(page, `${url}/users/me`, { method: 'PATCH', headers: json, body: '{"name":"Friend"}' }), { status: 200, body: { user: { name: 'Friend' } } })

    const stream = await streamIn(page, `${url}/events`, { authorization, 'last-event-id': `lobby:${id}`, 'hubbub-client': 'widget' }, 'and answered')
    t.match(stream, /"resumed":true/)
    t.notMatch(stream, 'from another site')

    await page.evaluate(([url, token]) => {
      globalThis.received = []
      new EventSource(`${url}/events?history=2&access_token=${token}`).onmessage = ({ data }) => { globalThis.received.push(JSON.parse(data).message) }
    }, [url, authorization.replace('Bearer ', '')] as const)
    await page.waitForFunction(() => globalThis.received.length === 2)
    await post(url, { message: 'live' })
    await page.waitForFunction(() => globalThis.received.length === 3)
    t.strictSame(await page.evaluate(() => globalThis.received), ['from another site', 'and answered', 'live'], 'with nothing but an EventSource, too')

    t.comment('what went wrong can be read')
    t.match(await requestIn(page, `${url}/users/me`, { headers: { authorization: 'Bearer nonsense' } }), { status: 401, body: { code: 'HUB_TOKEN_INVALID' } })
    let limited
    do limited = await requestIn(page, `${url}/events`, { method: 'POST', headers: json, body: '{"message":"again"}' })
    while (typeof limited === 'object' && limited.status === 201)
    t.match(limited, { status: 429, body: { code: 'HUB_TOO_MANY_REQUESTS' }, retryAfter: /^\d+$/ })
    t.match(await requestIn(page, `${url}/users`, { credentials: 'include' }), /TypeError/, 'but nothing with cookies')
  })

  await t.test('that is not: the browser keeps everything from it', async (t) => {
    const page = await pageAt('evil.example')
    const { events } = (await call(`${url}/rooms/lobby/events`)).body
    for (const options of [{ method: 'POST', headers: json, body: '{"message":"x"}' }, { headers: { authorization } }, {}]) {
      for (const path of ['/events', '/users', '/rooms/lobby/events']) t.match(await requestIn(page, `${url}${path}`, options), /TypeError/, path)
    }
    t.match(await streamIn(page, `${url}/events`, { authorization }, 'never'), /TypeError/)
    const state = await page.evaluate((url) => new Promise<number>((resolve) => {
      const events = new EventSource(url)
      events.onerror = () => resolve(events.readyState)
    }), `${url}/events?access_token=${authorization.replace('Bearer ', '')}`)
    t.equal(state, 2, 'an EventSource is closed for good')
    t.strictSame((await call(`${url}/rooms/lobby/events`)).body.events, events)
  })
})
