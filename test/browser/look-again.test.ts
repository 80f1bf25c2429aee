import t from 'tap'
import { eventually, guest, post, startRestartableApp } from '../harness.js'
import { bare, begin, somebody, texts } from './bare-page.js'
import { launch } from './chromium.js'

/** What tells a page that another try may go better, or that somebody waits for it. */
const SIGNS: Record<string, () => unknown> = {
  'the network is back': () => dispatchEvent(new Event('online')),
  'the page is back by the way back': () => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })),
  'somebody looks again': () => document.dispatchEvent(new Event('visibilitychange'))
}

t.test('a client that waits for its next try makes it at once', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  for (const [what, sign] of Object.entries(SIGNS)) {
    await t.test(`where ${what}`, async (t) => {
      const app = await startRestartableApp(t)
      const page = await bare(await somebody(t, browser), app)
      await page.clock.install()
      await begin(page)
      const is = (...states: string[]): Promise<void> => eventually(async () => states.includes(await page.evaluate(() => globalThis.chat.state.state)), `it is ${states.join(' or ')}`)
      await is('live')
      await app.stop()
      await is('offline')
      // From here no time passes in the page: nothing is tried but for the sign.
      await page.clock.pauseAt(await page.evaluate(() => Date.now()) + 600_000)
      await is('offline')
      await app.start()
      await post(app.url, { message: 'meanwhile' }, await guest(app.url))
      t.equal(await page.evaluate(() => globalThis.chat.state.state), 'offline', 'it waits')
      await page.evaluate(sign)
      await is('live')
      t.strictSame(await texts(page), ['meanwhile'])
    })
  }
})
