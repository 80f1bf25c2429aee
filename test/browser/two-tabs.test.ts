import t from 'tap'
import { call, eventually, startApp } from '../harness.js'
import { launch, messages, openPage, ownName, say, shows, visitor } from './chromium.js'

t.test('people talk with each other', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, { PRESENCE_GRACE: '100ms' })
  const context = await visitor(browser)
  const one = await openPage(context, url)
  const other = await openPage(context, url)

  await t.test('what is said in one tab is in the other, once', async (t) => {
    await say(one, 'Hello from the first tab')
    await shows(other, 'Hello from the first tab')
    await say(other, 'And from the second')
    await shows(one, 'And from the second')
    const said = ['Hello from the first tab', 'And from the second']
    t.strictSame(await messages(one), said)
    t.strictSame(await messages(other), said)
    t.equal(await one.locator('#outbox li').count(), 0, 'nothing is left on its way')
    t.equal(await one.getByLabel('Message', { exact: true }).inputValue(), '', 'the text box is free')
  })

  await t.test('two tabs of one browser are one person', async (t) => {
    t.match(await ownName(one), /^[a-z]+-[a-z]+/)
    t.equal(await ownName(other), await ownName(one))
    t.equal(await one.locator('#people h2').innerText(), '1 online')
    t.strictSame(await one.locator('#people .author').allTextContents(), [await ownName(one)])
    t.equal(await one.locator('#people .badge').count(), 1, 'and it is marked')
    t.equal(await one.locator('#log .message.own').count(), 2, 'whose messages are marked, too')
  })

  await t.test('two browsers are two people', async (t) => {
    const guest = await openPage(await visitor(browser), url)
    for (const page of [one, other, guest]) await page.locator('#people h2').getByText('2 online').waitFor()
    t.not(await ownName(guest), await ownName(one))
    t.same((await guest.locator('#people .author').allTextContents()).sort(), [await ownName(one), await ownName(guest)].sort())
    await shows(guest, 'Hello from the first tab')
    t.equal(await guest.locator('#log .message.own').count(), 0)
    await guest.close()
    await one.locator('#people h2').getByText('1 online').waitFor()
    await eventually(async () => (await call(`${url}/users`)).body.count === 1, 'the server counts one')
  })
})
