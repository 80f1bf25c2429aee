import t from 'tap'
import type { Page } from 'playwright-core'
import { guest, post, startApp } from '../harness.js'
import { launch, openPage, say, shows, visitor } from './chromium.js'

/** What has the focus, by the name that a screen reader gives it. */
const focused = (page: Page): Promise<string> => page.evaluate(() => {
  const element = document.activeElement as HTMLElement & { labels?: NodeListOf<HTMLLabelElement> }
  return element.labels?.[0]?.innerText ?? element.ariaLabel ?? element.innerText
})

t.test('a small screen, a keyboard', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return

  await t.test('at 320 pixels', async (t) => {
    const { url } = await startApp(t)
    const { authorization } = await guest(url)
    await post(url, { message: `https://example.org/${'x'.repeat(500)}` }, { authorization })
    await post(url, { message: 'من اليمين إلى اليسار' }, { authorization })
    const page = await openPage(await visitor(browser, { viewport: { width: 320, height: 568 }, hasTouch: true }), url)
    await shows(page, 'من اليمين إلى اليسار')

    await t.test('nothing is wider than the screen', async (t) => {
      const widths = async (): Promise<number[]> => page.evaluate(() =>
        [document.documentElement, document.querySelector('#scroller')!].map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth))
      t.strictSame(await widths(), [0, 0])
      await page.getByRole('button', { name: '1 online' }).click()
      await page.locator('#people .author').first().waitFor()
      t.strictSame(await widths(), [0, 0], 'with who is online')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Rooms' }).click()
      await page.getByLabel('Go to a room, or make one').waitFor()
      t.strictSame(await widths(), [0, 0], 'with the rooms')
      await page.keyboard.press('Escape')
      await page.locator('#log .more').last().click()
      await page.getByRole('menu').waitFor()
      t.strictSame(await widths(), [0, 0], 'with a menu')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Rename' }).click()
      t.strictSame(await widths(), [0, 0], 'with the dialog')
      await page.keyboard.press('Escape')
    })

    await t.test('what is wrong with the name of a room is in sight, below many rooms', async (t) => {
      for (let i = 0; i < 12; i++) await post(url, { room: `room-${i}`, message: 'hello' }, { authorization })
      await page.getByRole('button', { name: 'Rooms' }).click()
      await page.locator('#rooms .others li').nth(11).waitFor()
      await page.getByLabel('Go to a room, or make one').fill('No!')
      await page.getByLabel('Go to a room, or make one').press('Enter')
      const problem = page.getByRole('alert').getByText('A room’s name has 1 to 64 of')
      await problem.waitFor()
      t.ok(await problem.evaluate((element) => element.getBoundingClientRect().bottom <= innerHeight))
      await page.keyboard.press('Escape')
    })

    await t.test('what is to be touched is large enough for a finger', async (t) => {
      const small = await page.locator('button:visible, textarea:visible').evaluateAll((elements) => elements
        .filter((element) => element.getBoundingClientRect().height < 44 || element.getBoundingClientRect().width < 44)
        .map(({ outerHTML }) => outerHTML))
      t.strictSame(small, [])
    })

    await t.test('new messages do not move who reads further up', async (t) => {
      for (let i = 0; i < 30; i++) await post(url, { message: `line ${i}` }, { authorization })
      await shows(page, 'line 29')
      const scroller = page.locator('#scroller')
      const atBottom = (): Promise<boolean> => scroller.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight < 2)
      await page.waitForFunction(() => {
        const { scrollHeight, scrollTop, clientHeight } = document.querySelector('#scroller')!
        return scrollHeight - scrollTop - clientHeight < 2
      })
      await scroller.evaluate((element) => { element.scrollTop = 100 })
      await page.waitForFunction(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)))))
      // What is above may be drawn meanwhile, so it is the message in sight that must not move, whatever the number.
      const line = await scroller.evaluateHandle((element) => Array.from(element.querySelectorAll('.message')).find((message) => message.getBoundingClientRect().top > element.getBoundingClientRect().top)!)
      const place = (): Promise<number> => line.evaluate((element) => Math.round(element.getBoundingClientRect().top))
      const before = await place()
      await post(url, { message: 'news' }, { authorization })
      const newer = page.getByRole('button', { name: '1 new message' })
      await newer.waitFor()
      t.equal(await place(), before)
      await newer.click()
      await newer.waitFor({ state: 'hidden' })
      t.ok(await atBottom())
    })
  })

  await t.test('by keyboard alone', async (t) => {
    const { url } = await startApp(t)
    const page = await openPage(await visitor(browser), url)
    t.equal(await focused(page), 'Message', 'one can type at once')
    const walk = async (key: string, steps: number): Promise<string[]> => {
      const order: string[] = []
      for (let i = 0; i < steps; i++) {
        await page.keyboard.press(key)
        order.push(await focused(page))
      }
      return order
    }
    await page.locator('#people li').waitFor()
    t.strictSame(await walk('Shift+Tab', 5), ['Go', 'Go to a room, or make one', 'lobby', 'More', 'Skip to the message box'])
    t.strictSame(await walk('Tab', 7), ['More', 'lobby', 'Go to a room, or make one', 'Go', 'Message', 'Send', 'Rename'])

    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    t.equal(await focused(page), 'Name')
    await page.keyboard.press('Escape')
    t.equal(await focused(page), 'Rename', 'the focus comes back')

    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.type('two')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('lines')
    await page.keyboard.press('Enter')
    await shows(page, 'two\nlines')
    t.equal(await page.locator('#log .text').innerText(), 'two\nlines')
    t.equal(await focused(page), 'Message', 'and one can go on writing')
    await say(page, 'more')
    await shows(page, 'more')
  })
})
