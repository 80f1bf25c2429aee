import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { eventually, guest, post, startApp, startRestartableApp } from '../harness.js'
import { connection, isLive, keepAway, launch, logLines, openPage, say, see, shows, visitor } from './chromium.js'
import { fill, fillUntilTrimmed } from './fill.js'
import { streamSockets } from './stream-sockets.js'

const MISSED = Array.from({ length: 30 }, (_, index) => `number ${index + 1}`)
const NONE_MISSED = /^You were away \d+ (second|minute)s?: 30 messages, none missed\.$/

/** What somebody else says meanwhile. */
async function saidMeanwhile (url: string): Promise<void> {
  const { authorization } = await guest(url)
  for (const message of MISSED) await post(url, { message }, { authorization })
}

async function talkAgain (ann: Page, ben: Page): Promise<void> {
  for (const page of [ben, ann]) await isLive(page)
  await say(ann, 'after')
}

/** That all is there once, in order, and said to be. */
async function nothingMissed (t: Test, page: Page): Promise<void> {
  await shows(page, 'after')
  const [before, remark, ...rest] = await logLines(page)
  t.equal(before, 'before')
  t.match(remark, NONE_MISSED, 'it is said where it goes on')
  t.strictSame(rest, [...MISSED, 'after'])
  t.equal(await page.locator('#log .missing').count(), 0)
}

t.test('of two who talk, one is away while the other goes on', { timeout: 280_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return

  /** Two who have begun to talk. */
  const talk = async (url: string): Promise<{ ann: Page, ben: Page }> => {
    const [ann, ben] = [await openPage(await visitor(browser), url), await openPage(await visitor(browser), url)]
    await say(ann, 'before')
    await shows(ben, 'before')
    return { ann, ben }
  }

  await t.test('since the connection is cut', async (t) => {
    const { app, url } = await startApp(t)
    const sockets = streamSockets(app)
    const { ann, ben } = await talk(url)
    const comeBack = await keepAway(ben)
    sockets.cut()
    await connection(ben).getByText('Cannot reach the server').or(connection(ben).getByText('Connection lost')).waitFor()
    await saidMeanwhile(url)
    await comeBack()
    await talkAgain(ann, ben)
    await nothingMissed(t, ben)
  })

  await t.test('in a room where nothing had been said', async (t) => {
    const { app, url } = await startApp(t)
    const sockets = streamSockets(app)
    const page = await openPage(await visitor(browser), url)
    const comeBack = await keepAway(page)
    sockets.cut()
    await connection(page).getByText('Cannot reach the server').or(connection(page).getByText('Connection lost')).waitFor()
    await fill(app, 'lobby', 260)
    await comeBack()
    await shows(page, 'number 259')
    // All the way up.
    const away = page.locator('#log .away')
    while (await away.count() === 0) await page.locator('#scroller').evaluate((scroller) => { scroller.scrollTop = 0 })
    t.match(await away.textContent(), /: 260 messages, none missed\.$/)
    t.equal((await logLines(page))[1], 'number 0', 'where they begin')
  })

  await t.test('since the browser is offline', async (t) => {
    const { app, url } = await startApp(t)
    const sockets = streamSockets(app)
    const { ann, ben } = await talk(url)
    await ben.context().setOffline(true)
    sockets.cut()
    await connection(ben).getByText('You are offline').waitFor()
    await saidMeanwhile(url)
    await ben.context().setOffline(false)
    await talkAgain(ann, ben)
    await nothingMissed(t, ben)
  })

  await t.test('since the server is restarted', async (t) => {
    const app = await startRestartableApp(t)
    const { url } = app
    const { ann, ben } = await talk(url)
    const comeBack = await keepAway(ben)
    await app.stop()
    await connection(ben).getByText('Cannot reach the server').waitFor()
    await app.start()
    await saidMeanwhile(url)
    await comeBack()
    await talkAgain(ann, ben)
    await nothingMissed(t, ben)
  })

  await t.test('in a tab that nobody sees', async (t) => {
    const { app, url } = await startApp(t)
    const sockets = streamSockets(app)
    const { ann, ben } = await talk(url)
    await see(ben, false)
    const comeBack = await keepAway(ben)
    sockets.cut()
    await connection(ben).getByText('Cannot reach the server').or(connection(ben).getByText('Connection lost')).waitFor()
    await saidMeanwhile(url)
    await comeBack()
    await isLive(ben)
    await ben.waitForFunction(() => document.title.startsWith('(30) '))
    t.pass('the title says how many')
    await talkAgain(ann, ben)
    await nothingMissed(t, ben)
    await see(ben, true)
    await ben.waitForFunction(() => !document.title.startsWith('('))
    await nothingMissed(t, ben)
  })

  await t.test('for longer than the history is kept', async (t) => {
    const { app, url } = await startApp(t, { ROOM_HISTORY: '3' })
    const { ben } = await talk(url)
    await ben.context().setOffline(true)
    await connection(ben).getByText('You are offline').waitFor()
    await eventually(() => app.broadcaster.streams === 1, 'its stream is gone')
    const count = await fillUntilTrimmed(app, 'lobby')
    await post(url, { message: 'the newest' })
    await ben.context().setOffline(false)
    await isLive(ben)
    await shows(ben, 'the newest')
    const [before, remark, missing, ...rest] = await logLines(ben)
    t.equal(before, 'before')
    t.match(remark, /^You were away \d+ (second|minute)s?: \d+ messages? (is|are) still kept\.$/)
    t.match(missing, /^Some messages between \d+:\d\d.[AP]M and \d+:\d\d.[AP]M are no longer kept\.$/)
    t.ok(rest.length > 1)
    const said = Array.from({ length: count }, (_, index) => `number ${index}`)
    t.strictSame(rest, [...said, 'the newest'].slice(-rest.length), 'and what is kept is there, once and in order')
  })
})
