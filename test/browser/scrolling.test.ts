import type { Browser, Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { guest, post, startApp } from '../harness.js'
import { launch, openPage, say, see, shows, visitor } from './chromium.js'
import { fill } from './fill.js'

/** Entries in the document at most. */
const BOUND = 600

const atBottom = (page: Page): Promise<boolean> => page.locator('#scroller').evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight < 2)
const focusedText = (page: Page): Promise<string | undefined> => page.evaluate(() => document.activeElement?.querySelector('.text')?.textContent ?? undefined)
/** When what was asked for is drawn. */
const drawn = (page: Page): Promise<unknown> => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))

t.test('a log that is longer than the window', { timeout: 290_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return

  await t.test('stays where somebody reads', (t) => staying(t, browser))
  await t.test('tells what is new', (t) => news(t, browser))
  await t.test('goes on where nothing had to be scrolled', (t) => still(t, browser))
  await t.test('shows what was said before all that nobody is shown', (t) => unseen(t, browser))
  await t.test('says so where the way down cannot be had, and goes it later', (t) => stuck(t, browser))
  await t.test('loses nothing that comes while it goes to another place', (t) => meanwhile(t, browser))
  await t.test('of 5,000 messages is in the document only in part', (t) => long(t, browser))
})

async function staying (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  await fill(app, 'lobby', 300)
  const { authorization } = await guest(url)
  const page = await openPage(await visitor(browser), url)
  await shows(page, 'number 299')
  await drawn(page)
  t.ok(await atBottom(page), 'it begins at its bottom')
  await post(url, { message: 'news' }, { authorization })
  await shows(page, 'news')
  await drawn(page)
  t.ok(await atBottom(page), 'and stays there')

  const first = (): Promise<string | null | undefined> => page.evaluate(() => document.querySelector('#log .text')?.textContent)
  for (let times = 0; times < 3; times++) {
    const before = await first()
    // The first message in sight, and where it is, before anything could have been loaded.
    const { id, top } = await page.evaluate(() => {
      const scroller = document.querySelector('#scroller')!
      scroller.scrollTop = 200
      const from = scroller.getBoundingClientRect().top
      const message = Array.from(document.querySelectorAll('#log .message')).find((message) => message.getBoundingClientRect().top >= from)!
      return { id: message.id, top: message.getBoundingClientRect().top }
    })
    await page.waitForFunction((before) => document.querySelector('#log .text')?.textContent !== before, before)
    await drawn(page)
    const now = await page.locator(`[id="${id}"]`).evaluate((message) => message.getBoundingClientRect().top)
    t.ok(Math.abs(now - top) <= 1, `what is read stays where it is: ${top}, ${now}`)
  }
  const { scrollTop, text } = await page.evaluate(() => ({ scrollTop: document.querySelector('#scroller')!.scrollTop, text: document.querySelector('#log .text')!.textContent }))
  await post(url, { message: 'more news' }, { authorization })
  await page.getByRole('button', { name: '1 new message' }).waitFor()
  t.same(await page.evaluate(() => ({ scrollTop: document.querySelector('#scroller')!.scrollTop, text: document.querySelector('#log .text')!.textContent })), { scrollTop, text })
}

async function news (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  await fill(app, 'lobby', 60)
  const { authorization } = await guest(url)
  const page = await openPage(await visitor(browser), url)
  await shows(page, 'number 59')
  const icon = (): Promise<string> => page.evaluate(() => document.querySelector<HTMLLinkElement>('link[rel=icon]')!.href)
  t.equal(await page.title(), 'lobby · Hubbub')
  await page.locator('#people li').waitFor()
  await page.evaluate(() => { document.querySelector('#scroller')!.scrollTop = 300 })
  await drawn(page)
  await post(url, { message: 'new one' }, { authorization })
  await page.getByRole('button', { name: '1 new message' }).waitFor()
  await post(url, { message: 'new two' }, { authorization })
  const newer = page.getByRole('button', { name: '2 new messages' })
  await newer.waitFor()
  await page.waitForFunction(() => document.title === '(2) lobby · Hubbub')
  t.match(await icon(), /\/favicon-unread\.svg$/)
  await shows(page, 'new two')
  t.strictSame(await page.locator('#log .unread').locator('..').locator('.text').allTextContents(), ['new one'], 'a line says where it begins')
  await newer.click()
  await newer.waitFor({ state: 'hidden' })
  t.ok(await atBottom(page))
  await page.waitForFunction(() => document.title === 'lobby · Hubbub')
  t.match(await icon(), /\/favicon\.svg$/)
  t.equal(await page.locator('#log .unread').count(), 1, 'the line stays while it is read')

  await t.test('also while nobody looks', async (t) => {
    await see(page, false)
    await post(url, { message: 'unseen' }, { authorization })
    await page.waitForFunction(() => document.title === '(1) lobby · Hubbub')
    await shows(page, 'unseen')
    t.strictSame(await page.locator('#log .unread').locator('..').locator('.text').allTextContents(), ['unseen'])
    await see(page, true)
    await page.waitForFunction(() => document.title === 'lobby · Hubbub')
    await say(page, 'answered')
    await shows(page, 'answered')
    t.equal(await page.locator('#log .unread').count(), 0, 'whoever answers has read it')
  })

  await t.test('and since the last visit', async (t) => {
    await page.goto(`${url}/healthz`)
    await post(url, { message: 'since then' }, { authorization })
    await post(url, { message: 'and that' }, { authorization })
    await page.goto(`${url}/?room=lobby`)
    await shows(page, 'and that')
    t.strictSame(await page.locator('#log .unread').locator('..').locator('.text').allTextContents(), ['since then'])
  })
}

/** Going to what is in sight. */
async function still (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  const ids = await fill(app, 'lobby', 60)
  const { authorization } = await guest(url)
  await post(url, { message: 'an answer', replyTo: ids[58] }, { authorization })
  const page = await openPage(await visitor(browser), url)
  await shows(page, 'an answer')
  await page.locator('#log .quote').click()
  t.equal(await focusedText(page), 'number 58')
  await page.getByLabel('Message', { exact: true }).focus()
  for (let i = 0; i < 10; i++) await post(url, { message: `after ${i}` }, { authorization })
  await shows(page, 'after 9')
  await drawn(page)
  t.ok(await atBottom(page), 'it goes along')
}

/** Events that only programs know. */
async function unseen (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  for (const room of ['lobby', 'games']) {
    await fill(app, room, 5)
    for (let i = 0; i < 130; i++) await app.engine.append({ room, draft: { type: 'game.move', user: { id: 'somebody', name: 'somebody', tag: 'aaaaaa' }, data: { i } } })
  }
  const page = await openPage(await visitor(browser), url)
  await shows(page, 'number 0')
  t.equal(await page.locator('.empty').isVisible(), false)
  for (const room of ['games', 'lobby']) {
    await page.locator(`#rooms [data-room="${room}"]`).click()
    await page.locator('#room').getByText(room, { exact: true }).waitFor()
    await shows(page, 'number 0')
  }
}

async function stuck (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  const ids = await fill(app, 'lobby', 300)
  const page = await (await visitor(browser)).newPage()
  await page.goto(`${url}/?room=lobby#${ids[20]}`)
  await page.waitForFunction(() => document.activeElement?.querySelector('.text')?.textContent === 'number 20')
  const history = (url: URL): boolean => url.pathname === '/rooms/lobby/events'
  await page.route(history, (route) => route.abort())
  const down = page.getByRole('button', { name: 'To the newest' })
  await down.click()
  await page.locator('#toasts').getByText('No answer from the server.').waitFor()
  await post(url, { message: 'not behind what is old' })
  await drawn(page)
  t.equal(await page.getByText('not behind what is old', { exact: true }).count(), 0)
  await page.unroute(history)
  await page.locator('.newer button').click()
  await shows(page, 'not behind what is old')
  await shows(page, 'number 299')
}

async function meanwhile (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  const ids = await fill(app, 'lobby', 200)
  const { authorization } = await guest(url)
  await post(url, { message: 'an answer', replyTo: ids[125] }, { authorization })
  const page = await openPage(await visitor(browser), url)
  await shows(page, 'an answer')
  // Answered before, and passed on after what is said meanwhile.
  let release = (): void => {}
  const held = new Promise<void>((resolve) => { release = resolve })
  const asked = new Promise<void>((resolve) => void page.route((url) => url.pathname === '/rooms/lobby/events' && url.searchParams.has('after'), async (route) => {
    const response = await route.fetch()
    resolve()
    await held
    await route.fulfill({ response })
  }))
  await page.locator('#log .quote').click()
  await asked
  await post(url, { message: 'meanwhile' }, { authorization })
  await shows(page, 'meanwhile')
  release()
  await page.waitForFunction(() => document.activeElement?.querySelector('.text')?.textContent === 'number 125')
  await page.evaluate(() => { document.querySelector('#scroller')!.scrollTop = 1e6 })
  await shows(page, 'meanwhile')
}

async function long (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  await fill(app, 'lobby', 5_000)
  const page = await openPage(await visitor(browser), url)
  await shows(page, 'number 4999')

  /** Scrolls to an end, and tells what it has seen. */
  const scroll = (up: boolean): Promise<{ most: number, seen: number, doubled: boolean }> => page.evaluate(async (up) => {
    const scroller = document.querySelector('#scroller')!
    const seen = new Set<string>()
    let most = 0
    let doubled = false
    for (;;) {
      const texts = Array.from(document.querySelectorAll('#log .message .text'), ({ textContent }) => textContent!)
      for (const text of texts) seen.add(text)
      doubled ||= new Set(texts).size < texts.length
      most = Math.max(most, document.querySelectorAll('#log .entry').length)
      if ((up ? texts[0] : texts.at(-1)) === (up ? 'number 0' : 'number 4999')) break
      scroller.scrollTop = up ? 0 : scroller.scrollHeight
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    }
    scroller.scrollTop = up ? 0 : scroller.scrollHeight
    return { most, seen: seen.size, doubled }
  }, up)

  for (const up of [true, false]) {
    const { most, seen, doubled } = await scroll(up)
    t.ok(most <= BOUND, `${most} entries are in the document at most, all the way ${up ? 'up' : 'down'}`)
    t.equal(seen, 5_000, 'and every message comes by')
    t.notOk(doubled)
  }
  await drawn(page)
  await post(url, { message: 'the newest' })
  await shows(page, 'the newest')
  await drawn(page)
  t.ok(await atBottom(page))

  await t.test('but never without what is focused or selected', async (t) => {
    const up = (steps: number): Promise<void> => page.evaluate(async (steps) => {
      const scroller = document.querySelector('#scroller')!
      for (let step = 0; step < steps; step++) {
        scroller.scrollTop = 0
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
      }
    }, steps)
    await page.locator('#log .message').last().focus()
    await up(15)
    t.equal(await focusedText(page), 'the newest')
    await page.evaluate(() => {
      document.getSelection()!.selectAllChildren(Array.from(document.querySelectorAll('#log .text')).at(-1)!)
      document.querySelector<HTMLElement>('#text')!.focus({ preventScroll: true })
    })
    await page.evaluate(() => document.getSelection()!.selectAllChildren(Array.from(document.querySelectorAll('#log .text')).at(-1)!))
    await up(5)
    t.equal(await page.evaluate(() => document.getSelection()!.toString()), 'the newest')
    await page.evaluate(() => {
      document.getSelection()!.removeAllRanges()
      ;(document.activeElement as HTMLElement).blur()
    })
    await up(2)
    t.ok(await page.locator('#log .entry').count() <= BOUND)
  })
}
