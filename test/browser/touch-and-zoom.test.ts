import t from 'tap'
import type { Page } from 'playwright-core'
import { launch, say, shows } from './chromium.js'
import { STATES, show, startTown, tab } from './states.js'

/** What is to be touched and is smaller than a finger's tip, but for links within a text. A box to tick is as large as its words. */
const small = (page: Page): Promise<string[]> => page.evaluate(() => {
  const boxOf = (element: Element): DOMRect => (element.matches('[type=checkbox]') ? element.parentElement! : element).getBoundingClientRect()
  return [...document.querySelectorAll('a, button, input, select, textarea, [role=option]')]
    .filter((element) => element.checkVisibility() && !element.matches('.text a, .noscript a'))
    .filter((element) => boxOf(element).width < 44 || boxOf(element).height < 44)
    .map((element) => `${element.outerHTML.slice(0, 120)} ${boxOf(element).width}×${boxOf(element).height}`)
})

/** By how much the page, and each part of it that scrolls, is wider than it is seen. */
const excess = (page: Page): Promise<number[]> => page.evaluate(() =>
  [document.documentElement, ...document.querySelectorAll('#scroller, dialog, .menu, .panel')].map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth).filter((width) => width > 0))

t.test('fingers, little room, and other colours', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const town = await startTown(t)

  await t.test('at 320 pixels everything is large enough to be touched, and nothing is wider than the screen', async (t) => {
    const looked = ['a conversation', 'what is unread', 'offline', 'messages on their way', 'what can be done with a message', 'an answer', 'suggestions', 'keyboard and commands',
      'a deletion that can be undone', 'a welcome', 'about this place', 'a room of a long name', 'the rooms', 'the people', 'a ban', 'what was reported', 'the settings of a room', 'within another page, to write', 'an invitation']
    const page = await tab(browser, { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true })
    for (const name of looked) {
      await show(page, town, STATES[name]!)
      t.strictSame(await small(page), [], name)
      t.strictSame(await excess(page), [], name)
    }
  })

  for (const [what, look] of [['200 %', { viewport: { width: 640, height: 360 }, deviceScaleFactor: 2 }], ['400 %', { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 }]] as const) {
    await t.test(`at ${what} one can read and write`, async (t) => {
      const page = await show(await tab(browser, look), town, { as: 'Ada' })
      t.strictSame(await excess(page), [])
      await say(page, `written at ${what}`)
      await shows(page, `written at ${what}`)
      for (const seen of [page.locator('#text'), page.locator('#composer [type=submit]'), page.getByText(`written at ${what}`, { exact: true })]) {
        const { y, height } = (await seen.boundingBox())!
        t.ok(y >= 0 && y + height <= look.viewport.height, `${await seen.evaluate(({ tagName }) => tagName)} is in sight`)
      }
      const { height } = (await page.locator('#scroller').boundingBox())!
      t.ok(height > look.viewport.height / 4, 'and there is room left to read')
      await page.locator('#me button, #more').last().focus()
      await page.locator('#more').click()
      t.strictSame(await excess(page), [])
      await page.keyboard.press('Escape')
      await page.keyboard.press('Control+/')
      await page.getByRole('dialog').waitFor()
      t.strictSame(await excess(page), [])
      await page.context().close()
    })
  }

  await t.test('who comes for the first time sees the welcome, however much was said', async (t) => {
    const page = await show(await tab(browser, { viewport: { width: 320, height: 568 } }), town, STATES['a welcome']!)
    const { y, height } = (await page.locator('#welcome').boundingBox())!
    t.ok(y >= 0 && y + height <= 568)
    t.ok((await page.locator('#scroller').boundingBox())!.y >= y + height, 'and it covers nothing')
    await page.context().close()
  })

  await t.test('who wants no motion sees none', async (t) => {
    const page = await show(await tab(browser, { reducedMotion: 'reduce' }), town, { as: 'Ada' })
    await page.locator('#log .quote').last().click()
    await page.locator('#log .found').waitFor()
    t.equal(await page.evaluate(() => document.getAnimations().filter(({ playState }) => playState === 'running').length), 0)
    await page.context().close()
  })

  await t.test('with colours of the system\'s everything has its edges', async (t) => {
    const page = await tab(browser, { viewport: { width: 1_280, height: 720 }, forcedColors: 'active' })
    for (const name of ['a conversation', 'what is unread', 'messages on their way', 'the menu of the page', 'the settings of a room', 'suggestions']) {
      await show(page, town, STATES[name]!)
      const edgeless = await page.evaluate(() => [...document.querySelectorAll('button, input:not([type=checkbox]), textarea, select, .menu, dialog, .choices, [aria-current], [aria-selected=true]')]
        // Rows of a list need none.
        .filter((element) => element.checkVisibility({ opacityProperty: true }) && !element.matches('.panel li *, .menu button'))
        .filter((element) => { const style = getComputedStyle(element); return parseFloat(style.borderTopWidth) === 0 && (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) === 0) })
        .map((element) => element.outerHTML.slice(0, 120)))
      t.strictSame(edgeless, [], name)
      if (process.env['SCREENSHOTS'] !== undefined) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/forced-colours ${name}.png` })
    }
  })
})
