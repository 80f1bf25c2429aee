import type { Browser, Page } from 'playwright-core'
import t from 'tap'
import { guest, post, startApp } from '../harness.js'
import { launch, openPage, ownName, see, shows, visitor } from './chromium.js'

declare global {
  /** What the page has had the system show, whose own windows no test can see. */
  var shown: Array<{ title: string, body?: string, onclick?: () => void }>
  var asked: number
  var badge: number | undefined
}

/** @param mayShow whether the system lets a page show something by itself */
async function watched (browser: Browser, url: string, mayShow = true): Promise<Page> {
  const context = await visitor(browser)
  await context.addInitScript((mayShow) => {
    globalThis.shown = []
    globalThis.asked = 0
    globalThis.Notification = class {
      static permission = 'default'
      static async requestPermission (): Promise<string> {
        globalThis.asked++
        return (this.permission = 'granted')
      }

      constructor (title: string, { body, silent }: { body?: string, silent?: boolean }) {
        if (!mayShow) throw new TypeError('Illegal constructor')
        if (silent !== true) globalThis.shown.push(Object.assign(this, { title, body }))
      }

      close (): void {}
    } as unknown as typeof Notification
    navigator.setAppBadge = async (count) => { globalThis.badge = count }
    navigator.clearAppBadge = async () => { globalThis.badge = 0 }
  }, mayShow)
  return openPage(context, url)
}

async function choose (page: Page, label: string): Promise<void> {
  await page.locator('#more').click()
  await page.getByRole('menuitem', { name: label }).click()
}

t.test('a page that nobody looks at', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t)
  const { authorization } = await guest(url)
  const write = (message: string): Promise<unknown> => post(url, { message }, { authorization })

  await t.test('has a badge, and shows where its reader is mentioned, if that was asked for', async (t) => {
    const page = await watched(browser, url)
    const name = await ownName(page)
    await see(page, false)
    await write(`@${name}, before`)
    await page.waitForFunction(() => globalThis.badge === 1)
    t.strictSame(await page.evaluate(() => [globalThis.asked, globalThis.shown.length]), [0, 0], 'nothing is asked, and nothing shown')
    await see(page, true)
    await page.waitForFunction(() => globalThis.badge === 0)

    await choose(page, 'Notify me when I am mentioned')
    await page.locator('#toasts').getByText('You are notified when somebody mentions you.').waitFor()
    t.equal(await page.evaluate(() => globalThis.asked), 1)
    await write(`@${name}, while it is seen`)
    await shows(page, `@${name}, while it is seen`)
    await see(page, false)
    await write('not for anybody')
    await write(`@${name}, look`)
    await page.waitForFunction(() => globalThis.shown.length > 0)
    t.match(await page.evaluate(() => globalThis.shown.map(({ title, body }) => ({ title, body }))), [{ title: /lobby/, body: `@${name}, look` }])
    await page.waitForFunction(() => globalThis.badge === 2)
    await see(page, true)
    await page.evaluate(() => globalThis.shown[0]!.onclick!())
    await page.waitForFunction((text) => document.activeElement?.querySelector('.text')?.textContent === text, `@${name}, look`)
  })

  await t.test('says so where the system shows nothing', async (t) => {
    const page = await watched(browser, url, false)
    await choose(page, 'Notify me when I am mentioned')
    await page.locator('#toasts').getByText('This browser shows no notifications of a page like this one.').waitFor()
    await page.locator('#more').click()
    t.ok(await page.getByRole('menuitem', { name: 'Notify me when I am mentioned' }).isVisible(), 'it is not on')
  })
})
