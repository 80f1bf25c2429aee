import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { build } from '../../src/app.js'
import { readConfig } from '../../src/plugins/config.js'
import { call, eventually, guest, missing, post, startApp, temporaryDirectory } from '../harness.js'
import { MODERATED, moderation, moderator } from '../moderation/moderator.js'
import { isLive, keepAway, lanAddress, launch, launchWithoutCookies, messages, openPage, ownName, say, see, shows, visitor } from './chromium.js'
import { streamSockets } from './stream-sockets.js'

t.test('whatever people write', { timeout: 280_000 }, (t) => writing(t))
t.test('wherever the page is opened', { timeout: 280_000 }, (t) => places(t))

async function writing (t: Test): Promise<void> {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t)
  const page = await openPage(await visitor(browser, { viewport: { width: 400, height: 700 } }), url)
  const write = async (message: string): Promise<void> => {
    const { status } = await post(url, { message })
    t.equal(status, 201)
  }
  /** That nothing sticks out of the page, nor out of its message. */
  const fits = async (t: Test): Promise<void> => {
    t.strictSame(await page.evaluate(() => {
      const wide = [document.documentElement, document.querySelector('#scroller')!].filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
      const { left, right } = document.querySelector('#log')!.getBoundingClientRect()
      const out = Array.from(document.querySelectorAll('#log .text, #log .by, #log .author')).filter((element) => {
        const box = element.getBoundingClientRect()
        return box.left < left || box.right > right
      })
      return [...wide, ...out].map(({ outerHTML }) => outerHTML.slice(0, 100))
    }), [])
  }

  await t.test('4,000 wide characters that need four bytes each', async (t) => {
    const text = '\u{1242B}'.repeat(4_000)
    await say(page, text)
    await page.waitForFunction((text) => document.querySelector('#log .message .text')?.textContent === text, text)
    await fits(t)
    await page.getByLabel('Message', { exact: true }).fill(`${text}x`)
    await page.getByText('1 character too many').waitFor()
    await page.getByLabel('Message', { exact: true }).press('Enter')
    t.equal((await page.getByLabel('Message', { exact: true }).inputValue()).length, text.length + 1, 'one more stays where it can be shortened')
    await page.getByLabel('Message', { exact: true }).fill('')
  })

  await t.test('letters with much piled upon them, which hide nothing of what is around them', async (t) => {
    await write('above')
    await shows(page, 'above')
    const above = page.locator('#log .message').filter({ hasText: 'above' })
    await page.mouse.move(0, 0)
    await write(`Z${'\u0300\u0301\u0302\u0303\u0304'.repeat(60)}a${'\u0316\u0317\u0323\u0324'.repeat(60)}`)
    await write('below')
    await shows(page, 'below')
    await fits(t)
    // As they look where nothing is beside them.
    const below = page.locator('#log .message').filter({ hasText: 'below' })
    const seen = [await above.screenshot(), await below.screenshot()]
    await page.locator('#log .message').nth(2).locator('.text').evaluate((element) => { (element as HTMLElement).style.visibility = 'hidden' })
    const alone = [await above.screenshot(), await below.screenshot()]
    t.ok(seen.every((picture, index) => picture.equals(alone[index]!)))
  })

  await t.test('300 emoji', async (t) => {
    const text = '👩🏽‍🚀'.repeat(300)
    await write(text)
    await page.waitForFunction((text) => Array.from(document.querySelectorAll('#log .text')).at(-1)!.textContent === text, text)
    await fits(t)
  })

  await t.test('what turns text around, which turns nothing around it', async (t) => {
    const { authorization } = await guest(url)
    const { body: { event } } = await post(url, { message: '\u202Etxet denrut \u2067' }, { authorization })
    await call(`${url}/rooms/lobby/events/${event.id}`, { method: 'PATCH', body: { message: '\u202Etxet denrut \u2067 more' }, headers: { authorization } })
    const message = page.locator(`[id="m${event.id}"]`)
    await message.locator('.edited').waitFor()
    const [author, time] = [await message.locator('.author').boundingBox(), await message.locator('time').boundingBox()]
    t.ok(author!.x < time!.x, 'who comes before when')
    t.equal(await message.locator('.edited').evaluate((element) => getComputedStyle(element).direction), 'ltr')
    await fits(t)
  })

  await t.test('a name of 32 characters', async (t) => {
    for (const name of ['W'.repeat(32), '🦊'.repeat(32)]) {
      const { authorization } = await guest(url)
      const { status, body } = await call(`${url}/users/me`, { method: 'PATCH', body: { name }, headers: { authorization } })
      t.equal(status, 200, body.message)
      await post(url, { message: `by ${name.slice(0, 2)}` }, { authorization })
      await page.locator('#log .by .author').getByText(name, { exact: true }).waitFor()
      await fits(t)
    }
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByLabel('Name', { exact: true }).fill('M'.repeat(32))
    await page.getByLabel('Name', { exact: true }).press('Enter')
    await page.locator('#me .author').getByText('M'.repeat(32), { exact: true }).waitFor()
    t.ok((await page.getByRole('button', { name: 'Rename' }).boundingBox())!.x < 400 - 44, 'the way to another one stays in sight')
    await fits(t)
  })
}

async function places (t: Test): Promise<void> {
  const browser = await launch(t)
  if (browser === undefined) return
  const { app, url } = await startApp(t, MODERATED)
  const sockets = streamSockets(app)

  /** That one can talk there. */
  const talks = async (t: Test, page: Page, room: string): Promise<void> => {
    await say(page, 'hello')
    await shows(page, 'hello')
    await post(url, { room, message: 'hello yourself' })
    await shows(page, 'hello yourself')
    t.strictSame(await messages(page), ['hello', 'hello yourself'])
    t.equal(await page.locator('#outbox li').count(), 0)
    t.equal(await page.locator('#log .message.own').count(), 1)
    t.equal(await page.locator('#log .message .author').first().innerText(), await ownName(page))
  }

  for (const [kind, hours] of [['behind', -1], ['ahead', 1]] as const) {
    await t.test(`where the clock is an hour ${kind}`, async (t) => {
      const room = `clock-${kind}`
      const context = await visitor(browser)
      await context.addInitScript((ahead) => {
        const Real = Date
        globalThis.Date = class extends Real {
          constructor (...given: any[]) {
            super(...(given.length === 0 ? [Real.now() + ahead] : given) as [])
          }

          static override now (): number {
            return Real.now() + ahead
          }
        } as DateConstructor
      }, hours * 3_600_000)
      const page = await openPage(context, url, room)
      await talks(t, page, room)
      const comeBack = await keepAway(page)
      sockets.cut()
      await page.getByText(/Trying again in \d+ seconds?\./).waitFor()
      await post(url, { room, message: 'missed' })
      await comeBack()
      await isLive(page)
      t.match(await page.locator('#log .away').innerText(), /^You were away \d+ (second|minute)s?: 1 message, none missed\.$/)
      const looked = page.waitForResponse((response) => new URL(response.url()).pathname === `/rooms/${room}`)
      await moderation(url, await moderator()).set(room, { slowMode: 600 })
      await (await looked).finished()
      await say(page, 'slowly')
      await shows(page, 'slowly')
      t.match(await page.locator('#composer [type=submit]').innerText(), /^(10:00|[89]:[0-5]\d)$/)
    })
  }

  await t.test('where nothing may be stored', async (t) => {
    const context = await visitor(browser)
    await context.addInitScript(() => {
      for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(globalThis, name, { get: () => { throw new DOMException('denied', 'SecurityError') } })
    })
    const errors: string[] = []
    const page = await openPage(context, url, 'no-storage')
    page.on('pageerror', ({ message }) => errors.push(message))
    await talks(t, page, 'no-storage')
    await page.getByLabel('Message', { exact: true }).fill('half')
    await page.getByLabel('Go to a room, or make one').fill('no-storage-2')
    await page.getByLabel('Go to a room, or make one').press('Enter')
    await page.goBack()
    await page.locator('#room').getByText('no-storage', { exact: true }).waitFor()
    t.equal(await page.getByLabel('Message', { exact: true }).inputValue(), 'half', 'as long as the page lives, it remembers')
    t.strictSame(errors, [])
  })

  await t.test('where cookies are blocked', async (t) => {
    const context = await launchWithoutCookies(t)
    const page = await context.newPage()
    await page.goto(`${url}/?room=no-cookies`)
    await isLive(page)
    await talks(t, page, 'no-cookies')
    const name = await ownName(page)
    await say(page, 'and again')
    await shows(page, 'and again')
    t.equal(await page.locator('#log .message.own').count(), 2, 'as the same')
    t.equal(await ownName(page), name)
  })

  await t.test('by plain HTTP in a network', async (t) => {
    const address = lanAddress()
    if (missing(t, address, 'connect this machine to a network: it has no address but its own')) return
    const app = await build(readConfig({ DATA_DIR: temporaryDirectory(t), LIMITS: 'off' }))
    t.teardown(() => app.close())
    await app.listen({ port: 0, host: '0.0.0.0' })
    const lan = `http://${address}:${(app.server.address() as { port: number }).port}`
    const context = await visitor(browser)
    const [one, other] = [await openPage(context, lan), await openPage(context, lan)]
    t.equal(await one.evaluate(() => isSecureContext), false)
    await say(one, 'hello')
    await shows(other, 'hello')
    await say(other, 'from the other tab')
    await shows(one, 'from the other tab')
    const message = one.locator('#log .message').first()
    await message.hover()
    await message.getByRole('button', { name: 'Actions' }).click()
    await one.getByRole('menuitem', { name: 'Copy link' }).click()
    // No page may write to the clipboard there.
    t.match(await one.getByRole('dialog', { name: 'Copy this' }).getByRole('textbox').inputValue(), new RegExp(`^${lan}/\\?room=lobby#\\d+-\\d+$`))
  })

  await t.test('in a browser without Web Locks', async (t) => {
    const context = await visitor(browser)
    await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }))
    const page = await context.newPage()
    await page.clock.install()
    await page.goto(`${url}/?room=no-locks`)
    await isLive(page)
    await talks(t, page, 'no-locks')
    const other = await openPage(context, url, 'no-locks')
    await shows(other, 'hello')
    const { streams } = app.broadcaster
    await see(page, false)
    await page.clock.fastForward('00:11')
    await eventually(() => app.broadcaster.streams === streams - 1, 'a tab that nobody sees gives its stream up')
    await post(url, { room: 'no-locks', message: 'unseen' })
    await shows(other, 'unseen')
    await see(page, true)
    await shows(page, 'unseen')
    await isLive(page)
    t.strictSame(await messages(page), ['hello', 'hello yourself', 'unseen'])
  })
}
