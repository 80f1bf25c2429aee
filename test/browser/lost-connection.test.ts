import t from 'tap'
import { eventually, post, startApp, startRestartableApp } from '../harness.js'
import { connection, isLive, launch, messages, openPage, recordConnection, say, shows, visitor } from './chromium.js'
import { fillUntilTrimmed } from './fill.js'
import { streamSockets } from './stream-sockets.js'

t.test('a connection that is lost', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return

  await t.test('because it is cut: the page says so, comes back, and has everything once', async (t) => {
    const { app, url } = await startApp(t)
    const sockets = streamSockets(app)
    const page = await openPage(await visitor(browser), url)
    await say(page, 'before')
    await shows(page, 'before')
    await recordConnection(page)
    sockets.cut()
    await page.waitForFunction(() => globalThis.said.some((words) => /^Connection lost Trying again in \d seconds?\./.test(words)))
    await post(url, { message: 'while it was away' })
    await post(url, { type: 'game.move', data: { x: 1 } })
    await isLive(page)
    await post(url, { message: 'after' })
    await shows(page, 'after')
    t.strictSame(await messages(page), ['before', 'while it was away', 'after'])
    t.equal(await page.locator('#log .missing').count(), 0, 'and nothing is said to be missing')
  })

  await t.test('because the server is restarted: the same', async (t) => {
    const app = await startRestartableApp(t)
    const { url } = app
    const page = await openPage(await visitor(browser), url)
    await say(page, 'before')
    await shows(page, 'before')
    await page.locator('#people li').waitFor()

    await app.stop()
    await connection(page).getByText('Cannot reach the server').waitFor()
    t.match(await page.locator('#people h2').innerText(), /was here/, 'nobody is said to be online now')

    await app.start()
    await post(url, { message: 'while it was away' })
    await isLive(page)
    await shows(page, 'while it was away')
    await say(page, 'after')
    await shows(page, 'after')
    t.strictSame(await messages(page), ['before', 'while it was away', 'after'])
  })

  await t.test('because the browser is offline: the same', async (t) => {
    const { app, url } = await startApp(t)
    const sockets = streamSockets(app)
    const context = await visitor(browser)
    const page = await openPage(context, url)
    await context.setOffline(true)
    sockets.cut()
    await connection(page).getByText('You are offline').waitFor()
    await post(url, { message: 'while it was away' })
    await context.setOffline(false)
    await isLive(page)
    await shows(page, 'while it was away')
    t.strictSame(await messages(page), ['while it was away'])
  })

  await t.test('without a word: silence is noticed, at once where somebody looks again', async (t) => {
    const { url } = await startApp(t)
    const page = await (await visitor(browser)).newPage()
    await page.clock.install()
    await page.goto(url)
    await isLive(page)
    await recordConnection(page)
    // Second by second: a jump of the clock is a machine that has slept, and makes it try at once.
    await page.clock.runFor('00:41')
    await page.waitForFunction(() => globalThis.said.some((words) => words.startsWith('Connection lost')))
    await isLive(page)
    // What is back before anybody could read it is not told.
    const opened = page.waitForRequest((request) => new URL(request.url()).pathname === '/events')
    await page.clock.fastForward('00:21')
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await opened
    await isLive(page)
    t.pass('and it is live again both times')
  })

  await t.test('for longer than the history is kept: the page says where something may be missing', async (t) => {
    const { app, url } = await startApp(t, { ROOM_HISTORY: '3' })
    const context = await visitor(browser)
    const page = await openPage(context, url)
    await say(page, 'before')
    await shows(page, 'before')
    await context.setOffline(true)
    await connection(page).getByText('You are offline').waitFor()
    await eventually(() => app.broadcaster.streams === 0, 'its stream is gone')
    await fillUntilTrimmed(app, 'lobby')
    await post(url, { message: 'the newest' })
    await context.setOffline(false)
    await isLive(page)
    await shows(page, 'the newest')
    t.equal(await page.locator('#log .missing').count(), 1)
    t.equal((await messages(page))[0], 'before', 'what was there stays above it')
  })
})
