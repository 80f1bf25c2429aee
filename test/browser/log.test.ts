import type { Browser, Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { post, startApp } from '../harness.js'
import { isLive, launch, messages, openPage, ownName, say, shows, visitor } from './chromium.js'
import { fill } from './fill.js'

/** Opens the menu of the message with that text, and chooses in it. */
async function choose (page: Page, text: string, label: string): Promise<void> {
  const message = page.locator('#log .message').filter({ has: page.getByText(text, { exact: true }) }).last()
  await message.hover()
  await message.getByRole('button', { name: 'Actions' }).click()
  await page.getByRole('menuitem', { name: label, exact: true }).click()
}

const atBottom = (page: Page): Promise<boolean> => page.locator('#scroller').evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight < 2)
const focusedText = (page: Page): Promise<string | undefined> => page.evaluate(() => document.activeElement?.querySelector('.text')?.textContent ?? undefined)
/** When what was asked for is drawn. */
const drawn = (page: Page): Promise<unknown> => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))

t.test('the log', { timeout: 290_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return

  await t.test('has a heading for each author, and for each day', (t) => headings(t, browser))
  await t.test('shows what people write as they mean it', (t) => writing(t, browser))
  await t.test('has answers that lead to what they answer', (t) => answers(t, browser))
  await t.test('lets people change and delete what they said', (t) => amending(t, browser))
  await t.test('has a link to each message', (t) => links(t, browser))
})

async function headings (t: Test, browser: Browser): Promise<void> {
  const real = Date.now
  let ahead = 0
  Date.now = () => real() + ahead
  t.teardown(() => { Date.now = real })
  const { app, url } = await startApp(t)
  const noon = new Date(real())
  noon.setDate(noon.getDate() - 2)
  noon.setHours(12, 0, 0, 0)
  const say = async (name: string, message: string, at: number): Promise<unknown> => {
    ahead = at - real()
    return await app.engine.append({ room: 'lobby', draft: { type: 'message', user: { id: name, name, tag: name }, message } })
  }
  for (const [name, message, minutes] of [['ann', 'first', 0], ['ann', 'at once', 1], ['ann', 'later', 7], ['ben', 'another', 8], ['ann', 'again', 9]] as const) {
    await say(name, message, +noon + minutes * 60_000)
  }
  await say('ann', 'today', real())
  Date.now = real
  const page = await openPage(await visitor(browser), url)
  await shows(page, 'today')
  const grouped = await page.locator('#log .entry').evaluateAll((entries) => entries.filter((entry) => entry.matches('.grouped')).map((entry) => entry.querySelector('.text')!.textContent))
  t.strictSame(grouped, ['at once'])
  const days = await page.locator('#log .day').allTextContents()
  t.equal(days.length, 2)
  t.match(days[0], noon.toLocaleDateString('en', { weekday: 'long' }))
  t.match(await page.locator('#log time').first().getAttribute('title'), /\d{4} at 12:00:00/, 'the exact time, where it is asked for')
  t.match(await page.locator('#log time').first().textContent(), /^12:00.PM$/)
}

async function writing (t: Test, browser: Browser): Promise<void> {
  const { url } = await startApp(t, { LINK_AFTER: '0s' })
  const page = await openPage(await visitor(browser), url)
  const other = await openPage(await visitor(browser), url)
  const [me, them] = [await ownName(page), await ownName(other)]
  await page.locator('#people').getByText(them, { exact: true }).waitFor()
  await page.locator('#people').getByText(me, { exact: true }).waitFor()
  const text = page.locator('#log .message').last().locator('.text')
  const write = async (message: string): Promise<void> => {
    const count = await page.locator('#log .message').count()
    await other.getByLabel('Message', { exact: true }).fill(message)
    await other.getByLabel('Message', { exact: true }).press('Enter')
    await page.locator('#log .message').nth(count).waitFor()
  }
  await write('see https://example.org/x, now')
  t.equal(await text.locator('a').getAttribute('href'), 'https://example.org/x')
  await write('two\nlines')
  t.equal(await text.innerText(), 'two\nlines')
  await write('run `a <b>` or\n```\nif (c) {\n  d\n}\n```')
  t.equal(await text.locator(':scope > code').innerText(), 'a <b>')
  t.equal(await text.locator('pre').innerText(), 'if (c) {\n  d\n}')
  await write('🎉👩‍👩‍👧')
  t.ok(await text.evaluate((element) => element.classList.contains('emoji')), 'a few emoji alone are larger')
  await write('🎉 hi')
  t.notOk(await text.evaluate((element) => element.classList.contains('emoji')))
  await write(`hey @${me.toUpperCase()}, look`)
  t.equal(await text.locator('mark.mention').innerText(), `@${me.toUpperCase()}`)
  t.ok(await page.locator('#log .message').last().evaluate((element) => element.classList.contains('mentions-me')))
  t.equal(await other.locator('#log .message').last().locator('span.mention').count(), 1, 'whoever wrote it sees a mention, and none of themselves')
  t.equal(await other.locator('#log .mentions-me').count(), 0)
  await write(`mail@${me} and @${me}x`)
  t.equal(await text.locator('.mention').count(), 0, 'no address, and nobody with a longer name')
  await other.getByLabel('Message', { exact: true }).pressSequentially(`@${me.slice(0, 3)}`)
  await other.getByRole('option', { name: me }).waitFor()
  await other.keyboard.press('Enter')
  t.equal(await other.getByLabel('Message', { exact: true }).inputValue(), `@${me} `, 'a name is completed')
}

async function answers (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  await fill(app, 'lobby', 120)
  const page = await openPage(await visitor(browser), url)
  const other = await openPage(await visitor(browser), url)
  await shows(page, 'number 119')
  await choose(page, 'number 90', 'Reply')
  await page.locator('#composer .about').getByText('You reply to somebody.').waitFor()
  await say(page, 'yes')
  t.equal(await page.locator('#composer .about').isVisible(), false)
  for (const reader of [page, other]) {
    await shows(reader, 'yes')
    const quote = reader.locator('#log .message').last().locator('.quote')
    t.equal(await quote.textContent(), 'In reply to somebody number 90')
    t.ok(await atBottom(reader))
    await quote.click()
    t.equal(await focusedText(reader), 'number 90')
    t.ok(await reader.locator('#log .found').isVisible(), 'it is marked')
  }

  await t.test('also where that is not loaded', async (t) => {
    const late = await openPage(await visitor(browser), url)
    await shows(late, 'yes')
    for (let i = 0; i < 49; i++) await post(url, { message: `since ${i}` })
    await late.reload()
    await shows(late, 'since 48')
    const quote = late.locator('#log .message').filter({ hasText: 'yes' }).locator('.quote')
    t.equal(await quote.textContent(), 'In reply to an earlier message')
    await quote.click()
    await late.waitForFunction(() => document.activeElement?.querySelector('.text')?.textContent === 'number 90')
    t.equal(await late.getByRole('button', { name: 'To the newest' }).isVisible(), true)
    await late.getByRole('button', { name: 'To the newest' }).click()
    await late.waitForFunction(() => Array.from(document.querySelectorAll('#log .text')).at(-1)?.textContent === 'since 48')
    await drawn(late)
    t.ok(await atBottom(late))
    t.equal(await focusedText(late), 'since 48', 'the focus goes along')
  })
}

async function amending (t: Test, browser: Browser): Promise<void> {
  const { url } = await startApp(t)
  const page = await openPage(await visitor(browser), url)
  const other = await openPage(await visitor(browser), url)
  const text = page.getByLabel('Message', { exact: true })
  await say(page, 'a tpyo')
  await shows(other, 'a tpyo')
  await text.fill('half written')
  await choose(page, 'a tpyo', 'Edit')
  t.equal(await text.inputValue(), 'a tpyo')
  await text.fill('a typo')
  await text.press('Enter')
  for (const reader of [page, other]) {
    await shows(reader, 'a typo')
    t.equal(await reader.locator('#log .edited').innerText(), '(edited)')
  }
  t.equal(await text.inputValue(), 'half written', 'what was being written comes back')

  await text.fill('')
  await text.press('ArrowUp')
  t.equal(await text.inputValue(), 'a typo', 'the last one is at hand')
  await text.press('Escape')
  t.equal(await text.inputValue(), '')
  await text.press('ArrowUp')
  await text.fill('no typo')
  await text.press('Enter')
  for (const reader of [page, other]) await shows(reader, 'no typo')

  await choose(page, 'no typo', 'Delete')
  await page.getByRole('dialog', { name: 'Delete this message?' }).getByRole('button', { name: 'Delete' }).click()
  for (const reader of [page, other]) await shows(reader, 'This message was deleted.')
  t.notMatch(await other.content(), /no typo/)
  await say(other, 'of another')
  await shows(page, 'of another')
  const message = page.locator('#log .message').last()
  await message.hover()
  await message.getByRole('button', { name: 'Actions' }).click()
  t.strictSame(await page.getByRole('menuitem').allTextContents(), ['Reply', 'Copy link', 'Copy text', `Mention ${await ownName(other)}`, 'Report to the moderators'], 'of others nothing can be changed')
}

async function links (t: Test, browser: Browser): Promise<void> {
  const { app, url } = await startApp(t)
  const ids = await fill(app, 'lobby', 300)
  const context = await visitor(browser)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: url })
  const page = await openPage(context, url)
  await shows(page, 'number 299')
  await choose(page, 'number 298', 'Copy link')
  await page.getByText('The link is copied.').waitFor()
  t.equal(await page.evaluate(() => navigator.clipboard.readText()), `${url}/?room=lobby#${ids[298]}`)

  const opened = await context.newPage()
  await opened.goto(`${url}/?room=lobby#${ids[100]}`)
  await opened.waitForFunction(() => document.activeElement?.querySelector('.text')?.textContent === 'number 100')
  const around = await messages(opened)
  t.ok(around.includes('number 60') && around.includes('number 140'), 'with what is around it')
  t.ok(await opened.locator(`[id="m${ids[100]}"]`).evaluate((element) => {
    const { top, bottom } = element.getBoundingClientRect()
    const { top: from, bottom: to } = document.querySelector('#scroller')!.getBoundingClientRect()
    return top >= from && bottom <= to
  }), 'it is in sight')
  await isLive(opened)
  // All the way down, and on.
  await opened.evaluate(async () => {
    const scroller = document.querySelector('#scroller')!
    for (;;) {
      scroller.scrollTop = scroller.scrollHeight
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
      if (Array.from(document.querySelectorAll('#log .text')).at(-1)!.textContent === 'number 299') return
    }
  })
  await post(url, { message: 'live' })
  await shows(opened, 'live')
  const all = await messages(opened)
  t.strictSame(all, [...Array.from({ length: all.length - 1 }, (_, index) => `number ${300 - all.length + 1 + index}`), 'live'], 'without a gap')

  const gone = await context.newPage()
  await gone.goto(`${url}/?room=lobby#1-1`)
  await gone.getByText('That message is no longer kept.').waitFor()
  await shows(gone, 'live')
}
