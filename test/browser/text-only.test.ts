import t from 'tap'
import { call, guest, post, startApp } from '../harness.js'
import { launch, messages, openPage, say, shows, visitor } from './chromium.js'

const PAYLOADS = [
  '<script>alert(1)</script>',
  '<img src=x onerror="alert(2)"><svg onload=alert(3)>',
  '<a href="javascript:alert(4)">look</a> &amp; <b>bold</b>',
  '"><iframe srcdoc="<script>parent.alert(5)</script>"></iframe>',
  'two\n  lines \u202E and a turned one'
]

t.test('what people write is text, whatever it looks like', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t)
  const context = await visitor(browser)
  let dialogs = 0
  context.on('dialog', async (dialog) => {
    dialogs++
    await dialog.dismiss()
  })
  const { authorization } = await guest(url)
  for (const message of PAYLOADS) await post(url, { message }, { authorization })
  const page = await openPage(context, url)
  const refusals: string[] = []
  page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) refusals.push(message.text()) })
  const { status } = await call(`${url}/users/me`, { method: 'PATCH', body: { name: '<i>Eve</i>' }, headers: { authorization } })
  t.equal(status, 200)
  await post(url, { message: 'under the new name' }, { authorization })
  await say(page, PAYLOADS[0]!)
  await shows(page, 'under the new name')
  await page.waitForFunction((count) => document.querySelectorAll('#log .message').length === count, PAYLOADS.length + 2)

  t.strictSame(await messages(page), [...PAYLOADS, 'under the new name', PAYLOADS[0]])
  const tags = await page.locator('#log *').evaluateAll((elements) => [...new Set(elements.map(({ localName }) => localName))].sort())
  t.strictSame(tags, ['bdi', 'li', 'p', 'span', 'time'], 'no element but the page\'s own')
  t.equal(await page.locator('#log .message .author').getByText('<i>Eve</i>', { exact: true }).count(), 1)
  t.equal(dialogs, 0)
  t.strictSame(refusals, [], 'and the content security policy had nothing to refuse')
})
