import type { Page } from 'playwright-core'
import t from 'tap'
import { call, guest, post, startApp } from '../harness.js'
import { launch, openPage, shows, visitor } from './chromium.js'

/** What the log shows, message by message, with what it says of each. */
function messages (page: Page): Promise<string[]> {
  return page.locator('#log .content').evaluateAll((found) => found.map((content) => Array.from(content.querySelectorAll('.text, .edited'), ({ textContent }) => textContent).join(' ')))
}

t.test('what is edited changes in its place, what is deleted goes at once, and both stay so', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { app, url } = await startApp(t)
  const { authorization } = await guest(url)
  const said: Array<{ id: string }> = []
  for (const message of ['before', 'A tpyo', 'A secret', 'after']) said.push((await post(url, { message }, { authorization })).body.event)
  const at = (index: number): string => `${url}/rooms/lobby/events/${said[index]!.id}`
  const page = await openPage(await visitor(browser), url)
  await shows(page, 'after')

  await call(at(1), { method: 'PATCH', body: { message: 'A typo <b>' }, headers: { authorization } })
  await call(at(2), { method: 'PATCH', body: { message: 'Another secret' }, headers: { authorization } })
  await shows(page, 'Another secret')
  await call(at(2), { method: 'DELETE', headers: { authorization } })
  await shows(page, 'This message was deleted.')
  const now = ['before', 'A typo <b> (edited)', 'This message was deleted.', 'after']
  t.strictSame(await messages(page), now)
  t.equal(await page.locator('#log .message b').count(), 0, 'a text is text')

  await t.test('also in a page that comes later, and in one that comes back', async (t) => {
    await page.reload()
    await shows(page, 'after')
    t.strictSame(await messages(page), now)
    t.notMatch(await page.content(), /secret/)
  })

  await t.test('what is restored is shown again, as it was', async (t) => {
    const { id } = said[2]!
    const user = { id: 'm', name: 'moderator', tag: 'aaaaaa' }
    await app.engine.amend({ room: 'lobby', id, change: () => ({ message: 'No secret', edited: null, deleted: null }), announcement: { type: 'edit', user, data: { id } } })
    await shows(page, 'No secret')
    t.strictSame(await messages(page), [now[0], now[1], 'No secret', now[3]])
    t.equal(await page.locator('#log .message.deleted').count(), 0)
  })
})
