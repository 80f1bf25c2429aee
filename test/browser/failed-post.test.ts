import t from 'tap'
import { call, startApp } from '../harness.js'
import { isLive, launch, messages, openPage, ownName, say, shows, visitor } from './chromium.js'

/** As long as nobody wishes otherwise, it is not sent again. */
const LATER = { 'retry-after': '3600' }
const UNAVAILABLE = { statusCode: 503, code: 'HUB_STORE_UNAVAILABLE', error: 'Service Unavailable', message: 'The store cannot do this now.' }

t.test('a post that fails', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t)
  const stored = async (): Promise<string[]> =>
    (await call(`${url}/rooms/lobby/events`)).body.events.map(({ message }: { message: string }) => message)

  await t.test('keeps the text, gives the reason, and is stored once by a retry', async (t) => {
    const page = await openPage(await visitor(browser), url)
    let answered = 0
    await page.route('**/events', async (route) => {
      if (route.request().method() !== 'POST') return await route.fallback()
      answered++
      // The first is not stored; the second is, but its answer is lost.
      if (answered === 1) return await route.fulfill({ status: 503, headers: LATER, json: UNAVAILABLE })
      if (answered === 2) {
        await route.fetch()
        return await route.abort()
      }
      await route.fallback()
    })
    const state = page.locator('#outbox .state').first()
    await say(page, 'kept')
    await state.getByText('The store cannot do this now.').waitFor()
    t.equal(await page.locator('#outbox .text').innerText(), 'kept')
    await say(page, 'typed meanwhile')
    t.strictSame(await page.locator('#outbox .text').allTextContents(), ['kept', 'typed meanwhile'], 'what comes behind it waits')
    t.strictSame(await stored(), [])

    await page.getByRole('button', { name: 'Retry' }).click()
    await shows(page, 'typed meanwhile')
    await page.locator('#outbox li').first().waitFor({ state: 'detached' })
    t.strictSame(await messages(page), ['kept', 'typed meanwhile'])
    t.strictSame(await stored(), ['kept', 'typed meanwhile'], 'each is stored once')
    t.equal(answered, 4, 'the one whose answer was lost was sent again by itself')
  })

  await t.test('can be taken back and changed, and outlives a reload', async (t) => {
    const page = await openPage(await visitor(browser), url)
    await page.route('**/events', (route) => route.request().method() === 'POST' ? route.fulfill({ status: 503, headers: LATER, json: UNAVAILABLE }) : route.fallback())
    await say(page, '//not yet')
    const edit = page.getByRole('button', { name: 'Edit' })
    await edit.waitFor()
    await page.reload()
    await isLive(page)
    t.equal(await page.locator('#outbox .text').innerText(), '/not yet')
    await page.getByLabel('Message', { exact: true }).fill('and this')
    await edit.click()
    t.equal(await page.getByLabel('Message', { exact: true }).inputValue(), '//not yet\nand this', 'as it was typed')
    t.equal(await page.locator('#outbox li').count(), 0)
  })

  await t.test('because the session has ended: it goes on as a new guest', async (t) => {
    const context = await visitor(browser)
    const page = await openPage(context, url)
    const before = await ownName(page)
    // That somebody types would be the first to be refused, which nobody is told.
    await page.route('**/typing', (route) => route.abort())
    const [cookie] = await context.cookies()
    await context.addCookies([{ ...cookie!, value: 'no longer ours' }])
    await say(page, 'who am I?')
    await page.locator('#outbox .state').getByText('Sending again goes on as a new guest').waitFor()
    await page.waitForFunction((name) => document.querySelector('#me .author')?.textContent !== name, before)
    await page.getByRole('button', { name: 'Retry' }).click()
    await shows(page, 'who am I?')
    t.equal(await page.locator('#log .message .author').last().innerText(), await ownName(page))
  })

  await t.test('never: where the browser has forgotten who we were, the page says who we are now', async (t) => {
    const context = await visitor(browser)
    const page = await openPage(context, url)
    const before = await ownName(page)
    await context.clearCookies()
    await say(page, 'who was I?')
    await shows(page, 'who was I?')
    const author = await page.locator('#log .message .by .author').last().innerText()
    t.not(author, before)
    await page.locator('#me .author').getByText(author, { exact: true }).waitFor()
    await page.locator('#log .message.own').last().getByText('who was I?').waitFor()
  })

  await t.test('for a limit: the seconds are counted down, the text is kept, and sent by itself', async (t) => {
    const { app, url } = await startApp(t, { LIMITS: 'on', POSTS_PER_MINUTE: '1' })
    const page = await openPage(await visitor(browser), url)
    await page.route('**/events', async (route) => {
      if (route.request().method() !== 'POST') return await route.fallback()
      const response = await route.fetch()
      // The refusal is the server's, but not all of the minute is waited for.
      const early = response.status() === 429 && { headers: { ...response.headers(), 'retry-after': '1' } }
      await route.fulfill({ response, ...early })
    })
    const refused = (): Promise<unknown> => page.waitForResponse((response) => response.status() === 429)
    await say(page, 'first')
    await shows(page, 'first')
    const [first] = [refused(), await say(page, 'second')]
    await first
    const again = refused()
    const state = page.locator('#outbox .state').getByText(/^Too many posts by you.* It is sent by itself in [12] seconds?\.$/)
    await state.waitFor()
    t.equal(await page.locator('#outbox .text').innerText(), 'second')
    await again
    await state.waitFor()
    app.limits.post = async () => {}
    await shows(page, 'second')
    await page.locator('#outbox li').first().waitFor({ state: 'detached' })
    t.strictSame(await messages(page), ['first', 'second'])
  })
})
