import t from 'tap'
import { post, startApp } from '../harness.js'
import { launch, visitor } from './chromium.js'

t.test('without JavaScript the page says so, and leads to the room as text, which goes on', { timeout: 60_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t)
  await post(url, { room: 'tea', message: 'said before' })
  for (const [locale, line] of [['en-GB', /needs JavaScript/], ['ar', /تحتاج هذه الصفحة إلى JavaScript/]] as const) {
    await t.test(locale, async (t) => {
      const page = await (await visitor(browser, { javaScriptEnabled: false, locale })).newPage()
      await page.goto(`${url}/?room=tea`)
      await page.locator('.noscript').and(page.getByText(line)).waitFor()
      if (process.env['SCREENSHOTS'] !== undefined) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/no-script-${locale}.png` })
      const link = page.locator('.noscript a')
      t.equal(await link.getAttribute('href'), 'events?room=tea&history=50')
      const answered = page.waitForResponse((response) => new URL(response.url()).pathname === '/events')
      // The answer never ends, and so the browser never says that it has loaded.
      await link.click({ noWaitAfter: true })
      t.match(await (await answered).allHeaders(), { 'content-type': 'text/plain; charset=utf-8' })
      await page.getByText('said before').waitFor()
      await post(url, { room: 'tea', message: `said meanwhile, ${locale}` })
      await page.getByText(`said meanwhile, ${locale}`).waitFor()
      await page.close()
    })
  }
})
