import type { Locator } from 'playwright-core'
import t from 'tap'
import { eventually, post, startApp } from '../harness.js'
import { launch, openPage, say, shows, visitor } from './chromium.js'

t.test('a room of several that may not be read any more does not keep somebody out of the others', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { app, url } = await startApp(t, { PRESENCE_GRACE: '50ms' })
  for (const room of ['lobby', 'garden', 'secret']) await post(url, { room, message: `first in ${room}` })
  const context = await visitor(browser)
  const mine = (room: string): Locator => page.locator(`#rooms .mine [data-room="${room}"]`)
  const page = await openPage(context, url, 'secret')
  await mine('secret').waitFor()
  for (const room of ['garden', 'lobby']) {
    await page.goto(`${url}/?room=${room}`)
    await shows(page, `first in ${room}`)
    await mine(room).waitFor()
  }

  await app.rooms.set('secret', { private: true }, { id: 'moderator', name: 'moderator', tag: 'aaaaaa' })
  await page.reload()
  await page.locator('#connection [role=status]').getByText('Live', { exact: true }).waitFor()
  await say(page, 'still here')
  await shows(page, 'still here')
  await mine('secret').waitFor({ state: 'detached' })
  // The other one is read again: what is said there is counted.
  await eventually(() => app.registry.count('garden') === 1, 'the garden is read again')
  await post(url, { room: 'garden', message: 'news' })
  await mine('garden').locator('.count').waitFor()
  t.pass('and the garden has news')
})
