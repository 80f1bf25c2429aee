import type { Page } from 'playwright-core'
import t from 'tap'
import { startApp } from '../harness.js'
import { isLive, launch, say, shows, visitor } from './chromium.js'
import { fill } from './fill.js'

/** Holds back a part of the page, as a slow network does. @returns lets it through */
async function holdBack (page: Page, part: string): Promise<() => void> {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => { release = resolve })
  await page.route(`**/page/${part}`, async (route) => {
    await held
    await route.continue()
  })
  return release
}

t.test('what somebody wants before all of the page is there, is done when it is', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { app, url } = await startApp(t)
  const [old] = await fill(app, 'lobby', 120)
  await app.engine.append({ room: 'lobby', draft: { type: 'message', user: { id: 'somebody', name: 'somebody', tag: 'aaaaaa' }, message: 'an answer', replyTo: old! } })

  await t.test('the way to what is answered, before there is a connection', async () => {
    const page = await (await visitor(browser)).newPage()
    const release = await holdBack(page, 'live.js')
    await page.goto(url, { waitUntil: 'commit' })
    await shows(page, 'an answer')
    await page.locator('#log .quote').click()
    release()
    await page.waitForFunction(() => document.activeElement?.querySelector('.text')?.textContent === 'number 0')
  })

  await t.test('a menu', async (t) => {
    const page = await (await visitor(browser)).newPage()
    const release = await holdBack(page, 'rest.js')
    await page.goto(url)
    await isLive(page)
    const message = page.locator('#log .message').last()
    await message.hover()
    await message.getByRole('button', { name: 'Actions' }).click()
    release()
    await page.getByRole('menuitem', { name: 'Reply' }).click()
    t.ok(await page.locator('#composer .about').isVisible())
  })

  await t.test('a command', async () => {
    const page = await (await visitor(browser)).newPage()
    const release = await holdBack(page, 'rest.js')
    await page.goto(url)
    await isLive(page)
    await say(page, '/join elsewhere')
    release()
    await page.locator('#room').getByText('elsewhere', { exact: true }).waitFor()
  })

  await t.test('but no menu that somebody has turned away from', async (t) => {
    const page = await (await visitor(browser)).newPage()
    const release = await holdBack(page, 'rest.js')
    await page.goto(url)
    await isLive(page)
    await page.locator('#more').click()
    await page.getByLabel('Message', { exact: true }).click()
    release()
    await page.locator('#people .author').first().waitFor()
    t.equal(await page.getByRole('menu').count(), 0)
  })
})
