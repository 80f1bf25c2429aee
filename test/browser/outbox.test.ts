import type { Page, Route } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { call, startApp } from '../harness.js'
import { isLive, launch, messages, openPage, say, shows, visitor } from './chromium.js'
import { streamSockets } from './stream-sockets.js'

const UNAVAILABLE = { statusCode: 503, code: 'HUB_STORE_UNAVAILABLE', error: 'Service Unavailable', message: 'The store cannot do this now.' }
const FORBIDDEN = { statusCode: 403, code: 'HUB_FORBIDDEN', error: 'Forbidden', message: 'You may not do that here.' }

/** Whatever a page posts goes through this first. @returns lets it through again */
async function posts (page: Page, answer: (route: Route) => Promise<void>): Promise<() => Promise<void>> {
  const all = (url: URL): boolean => url.pathname === '/events'
  await page.route(all, (route) => route.request().method() === 'POST' ? answer(route) : route.fallback())
  return () => page.unroute(all)
}

t.test('what is sent arrives once, in order', { timeout: 280_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { app, url } = await startApp(t, { BLOCKED_WORDS: 'turnip' })
  const sockets = streamSockets(app)
  const stored = async (room: string): Promise<string[]> =>
    (await call(`${url}/rooms/${room}/events`)).body.events.map(({ message }: { message: string }) => message)
  /** That the page shows what is stored, and nothing is on its way. */
  const arrived = async (t: Test, page: Page, room: string, said: string[]): Promise<void> => {
    await shows(page, said.at(-1)!)
    await page.locator('#outbox li').first().waitFor({ state: 'detached' })
    t.strictSame(await messages(page), said)
    t.strictSame(await stored(room), said)
  }
  const waiting = (page: Page): Promise<string[]> => page.locator('#outbox .text').allTextContents()

  await t.test('though the browser is offline', async (t) => {
    const context = await visitor(browser)
    const page = await openPage(context, url, 'offline')
    await context.setOffline(true)
    for (const text of ['one', 'two', 'three']) await say(page, text)
    await page.locator('#outbox .state').getByText('Waiting for the connection. It is sent by itself in ').first().waitFor()
    t.strictSame(await waiting(page), ['one', 'two', 'three'])
    t.strictSame(await messages(page), [])
    await context.setOffline(false)
    await arrived(t, page, 'offline', ['one', 'two', 'three'])
  })

  await t.test('though the server refuses, and the page is loaded anew meanwhile', async (t) => {
    const page = await openPage(await visitor(browser), url, 'reload')
    const letThrough = await posts(page, (route) => route.fulfill({ status: 503, json: UNAVAILABLE }))
    for (const text of ['one', 'two']) await say(page, text)
    await page.locator('#outbox .state').getByText('The store cannot do this now. It is sent by itself in ').first().waitFor()
    await page.reload()
    await isLive(page)
    t.strictSame(await waiting(page), ['one', 'two'])
    await say(page, 'three')
    t.strictSame(await waiting(page), ['one', 'two', 'three'])
    t.strictSame(await stored('reload'), [])
    await letThrough()
    await arrived(t, page, 'reload', ['one', 'two', 'three'])
  })

  await t.test('though the answer is lost with the connection', async (t) => {
    const page = await openPage(await visitor(browser), url, 'lost')
    let lost = 0
    await posts(page, async (route) => {
      if (lost++ > 0) return await route.fallback()
      await route.fetch()
      sockets.cut()
      await route.abort()
    })
    await say(page, 'stored')
    await say(page, 'next')
    await arrived(t, page, 'lost', ['stored', 'next'])
  })

  await t.test('though the server asks to wait: how long is counted down', async (t) => {
    const page = await openPage(await visitor(browser), url, 'wait')
    let refused = false
    await posts(page, async (route) => {
      if (refused) return await route.fallback()
      refused = true
      await route.fulfill({ status: 429, headers: { 'retry-after': '4' }, json: { ...UNAVAILABLE, statusCode: 429, code: 'HUB_TOO_MANY_REQUESTS', message: 'Too many posts.' } })
    })
    await say(page, 'patient')
    for (const left of [/^Too many posts\. It is sent by itself in [345] seconds\.$/, /^Too many posts\. It is sent by itself in [12] seconds?\.$/]) await page.locator('#outbox .state').getByText(left).waitFor()
    await arrived(t, page, 'wait', ['patient'])
  })

  await t.test('from two tabs, and from one that is closed before it is sent', async (t) => {
    const context = await visitor(browser)
    const [one, other] = [await openPage(context, url, 'tabs'), await openPage(context, url, 'tabs')]
    await say(one, 'from one')
    await shows(other, 'from one')
    await say(other, 'from the other')
    await shows(one, 'from the other')
    await posts(one, (route) => route.abort())
    await say(one, 'left behind')
    await one.locator('#outbox .state').getByText('Waiting for the connection.').waitFor()
    t.strictSame(await waiting(other), [], 'each tab shows its own')
    await one.close()
    await arrived(t, other, 'tabs', ['from one', 'from the other', 'left behind'])
  })

  await t.test('or not at all, where it is refused for good', async (t) => {
    const page = await openPage(await visitor(browser), url, 'refused')
    const text = page.getByLabel('Message', { exact: true })
    const failed = page.locator('#outbox [data-state=failed]')

    await t.test('and is changed', async (t) => {
      await say(page, 'turnip soup')
      await failed.getByText('Not sent. A word in it is not wanted here.').waitFor()
      t.strictSame(await failed.getByRole('button').allTextContents(), ['Retry', 'Edit', 'Discard'])
      await say(page, 'behind it')
      t.strictSame(await waiting(page), ['turnip soup', 'behind it'])
      await failed.getByRole('button', { name: 'Edit' }).click()
      await shows(page, 'behind it')
      t.equal(await text.inputValue(), 'turnip soup')
      t.ok(await text.evaluate((element) => element === document.activeElement))
      await text.fill('parsnip soup')
      await text.press('Enter')
      await arrived(t, page, 'refused', ['behind it', 'parsnip soup'])
    })

    await t.test('and is discarded', async (t) => {
      await say(page, 'turnip pie')
      await say(page, 'behind that')
      await failed.getByRole('button', { name: 'Discard' }).click()
      await arrived(t, page, 'refused', ['behind it', 'parsnip soup', 'behind that'])
      t.equal(await text.inputValue(), '')
      t.ok(await text.evaluate((element) => element === document.activeElement), 'the focus is not lost')
    })

    await t.test('and is sent again', async (t) => {
      const letThrough = await posts(page, (route) => route.fulfill({ status: 403, json: FORBIDDEN }))
      await say(page, 'now or later')
      await failed.getByText('Not sent. You may not do that here.').waitFor()
      await letThrough()
      await failed.getByRole('button', { name: 'Retry' }).click()
      await arrived(t, page, 'refused', ['behind it', 'parsnip soup', 'behind that', 'now or later'])
    })
  })
})
