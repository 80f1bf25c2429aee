import t from 'tap'
import { call, startApp } from '../harness.js'
import { launch, openPage, ownName, visitor } from './chromium.js'

t.test('a first visit, with all its parallel requests, makes one guest', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t)
  const context = await visitor(browser)
  const cookies: string[] = []
  context.on('response', async (response) => {
    const cookie = await response.headerValue('set-cookie').catch(() => null)
    if (cookie !== null) cookies.push(cookie)
  })
  const page = await openPage(context, url)
  const names = await page.evaluate(async () => {
    const asked = Array.from({ length: 4 }, async () => ((await (await fetch('users/me')).json()) as { user: { name: string } }).user.name)
    return await Promise.all(asked)
  })
  t.strictSame(new Set(names), new Set([await ownName(page)]), 'every request is the same guest\'s')
  const { body } = await call(`${url}/users`)
  t.equal(body.count, 1)
  t.equal(body.users[0].name, await ownName(page))
  t.equal(cookies.length, 1, 'one cookie was set, by the page itself')
  t.match(cookies[0], /HttpOnly/)
  t.equal((await context.cookies()).length, 1)
})
