import type { Page } from 'playwright-core'
import t from 'tap'
import { guest, post, startApp } from '../harness.js'
import { MODERATED, moderation, moderator } from '../moderation/moderator.js'
import { launch, messages, openPage, ownName, say, shows, visitor } from './chromium.js'

const mine = (page: Page, room: string): ReturnType<Page['locator']> => page.locator(`#rooms .mine [data-room="${room}"]`)
const isIn = (page: Page, room: string): Promise<void> => page.locator('#room').getByText(room, { exact: true }).waitFor()

async function goTo (page: Page, room: string): Promise<void> {
  await page.getByLabel('Go to a room, or make one').fill(room)
  await page.getByLabel('Go to a room, or make one').press('Enter')
}

t.test('rooms', { timeout: 280_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, MODERATED)
  const { authorization } = await guest(url)
  const write = (room: string, message: string): Promise<unknown> => post(url, { room, message }, { authorization })
  await write('tea', 'in tea')
  await write('coffee', 'in coffee')
  const page = await openPage(await visitor(browser), url)

  await t.test('are listed, and each is a click away', async (t) => {
    await page.locator('#rooms .others [data-room="tea"]').click()
    await isIn(page, 'tea')
    await shows(page, 'in tea')
    t.strictSame(await messages(page), ['in tea'])
    t.equal(page.url(), `${url}/?room=tea`)
    t.equal(await page.title(), 'tea · Hubbub')
    t.equal(await mine(page, 'tea').getAttribute('aria-current'), 'page')
    t.strictSame(await page.locator('#rooms .mine .room-name').allTextContents(), ['lobby', 'tea'])
  })

  await t.test('where the address has none that could be one, the page says so', async () => {
    const lost = await openPage(await visitor(browser), url, 'No%20Such')
    await isIn(lost, 'lobby')
    await lost.locator('#toasts').getByText('A room’s name has').waitFor()
  })

  await t.test('keep what was being written in each, and the way back leads back', async (t) => {
    const text = page.getByLabel('Message', { exact: true })
    await text.fill('half a cup')
    await mine(page, 'lobby').click()
    await isIn(page, 'lobby')
    t.equal(await text.inputValue(), '')
    await page.goBack()
    await isIn(page, 'tea')
    await shows(page, 'in tea')
    t.equal(await text.inputValue(), 'half a cup')
    await text.fill('')
    await page.goForward()
    await isIn(page, 'lobby')
    t.strictSame(await messages(page), [])
  })

  await t.test('are made by going there', async (t) => {
    await goTo(page, 'No such name!')
    await page.getByRole('alert').getByText('A room’s name has 1 to 64 of').waitFor()
    await goTo(page, '#New-Room')
    await isIn(page, 'new-room')
    await page.getByText('Nothing has been said here yet.').waitFor()
    await say(page, 'first')
    await shows(page, 'first')
    t.equal(await page.getByText('Nothing has been said here yet.').isVisible(), false)
    const other = await openPage(await visitor(browser), url, 'new-room')
    await shows(other, 'first')
    await other.close()
  })

  await t.test('say what is unread in them, live and after a reload', async (t) => {
    await write('tea', 'one')
    await write('tea', 'two')
    const count = mine(page, 'tea').locator('.count > [aria-hidden]')
    await count.getByText('2', { exact: true }).waitFor()
    t.equal(await mine(page, 'tea').locator('.count .unseen').textContent(), '2 unread messages')
    await page.waitForFunction(() => document.title === '(2) new-room · Hubbub')
    await page.reload()
    await count.getByText('2', { exact: true }).waitFor()
    await write('tea', 'three')
    await count.getByText('3', { exact: true }).waitFor()
    await mine(page, 'tea').click()
    await shows(page, 'three')
    await count.waitFor({ state: 'detached' })
    t.strictSame(await messages(page), ['in tea', 'one', 'two', 'three'])
    await page.waitForFunction(() => document.title === 'tea · Hubbub')
    await page.reload()
    await shows(page, 'three')
    await page.locator('#people li').waitFor()
    t.equal(await count.count(), 0)
  })

  await t.test('have a topic', async (t) => {
    const mods = moderation(url, await moderator())
    await mods.set('tea', { topic: 'Green <b> or black?' })
    await page.locator('#topic').getByText('Green <b> or black?').waitFor()
    await page.locator('#log .line.room').getByText('Moderator m set the topic: Green <b> or black?').waitFor()
    await mods.set('tea', { topic: null })
    await page.locator('#log .line.room').getByText('Moderator m took the topic away.').waitFor()
    await page.waitForFunction(() => document.querySelector('#topic')!.textContent === '')
    t.equal(await page.locator('#log .line.room').count(), 2)
  })

  await t.test('can be left', async (t) => {
    for (let i = 0; i < 40; i++) await write('tea', `cup ${i}`)
    await shows(page, 'cup 39')
    await page.evaluate(() => { document.querySelector('#scroller')!.scrollTop = 0 })
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))))
    await write('tea', 'one more')
    await page.waitForFunction(() => document.title.startsWith('(1)'))
    await page.getByRole('button', { name: 'More' }).click()
    await page.getByRole('menuitem', { name: 'Leave this room' }).click()
    await isIn(page, 'lobby')
    t.equal(await mine(page, 'tea').count(), 0)
    t.equal(await page.title(), 'lobby · Hubbub', 'and nothing in it is unread')
    await page.reload()
    await page.locator('#rooms .others [data-room="tea"]').waitFor()
    t.equal(await mine(page, 'tea').count(), 0)
  })
})

t.test('people in a room', { timeout: 280_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, { PRESENCE_GRACE: '100ms' })
  const ann = await openPage(await visitor(browser), url)
  const comings = ann.locator('#log .comings')

  await t.test('come and go in one line', async (t) => {
    const ben = await openPage(await visitor(browser), url)
    const bensName = await ownName(ben)
    await comings.getByText(`${bensName} came.`, { exact: true }).waitFor()
    const cat = await openPage(await visitor(browser), url)
    const catsName = await ownName(cat)
    await comings.getByText(`${bensName} and ${catsName} came.`, { exact: true }).waitFor()
    await ann.locator('#people h2').getByText('3 online').waitFor()
    t.same(await ann.locator('#people .author').allTextContents().then((names) => names.sort()), [await ownName(ann), bensName, catsName].sort())
    await ben.close()
    await comings.getByText(`${catsName} came.`, { exact: true }).waitFor()
    t.equal(await comings.count(), 1)
    await say(ann, 'hello')
    await shows(ann, 'hello')
    await cat.close()
    await comings.getByText(`${catsName} left.`, { exact: true }).waitFor()
    t.equal(await comings.count(), 1, 'there is one such line')
    t.match(await ann.locator('#log .entry').last().innerText(), `${catsName} left.`, 'and it stands where it happened')
    await ann.locator('#people h2').getByText('1 online').waitFor()
  })

  await t.test('are seen to type', async (t) => {
    const [ben, cat] = [await openPage(await visitor(browser), url), await openPage(await visitor(browser), url)]
    const typing = ann.locator('#typing')
    await ben.getByLabel('Message', { exact: true }).pressSequentially('h')
    await typing.getByText(`${await ownName(ben)} is typing…`, { exact: true }).waitFor()
    t.equal(await ben.locator('#typing').textContent(), '', 'one does not see oneself')
    await cat.getByLabel('Message', { exact: true }).pressSequentially('h')
    await ben.locator('#typing').getByText(`${await ownName(cat)} is typing…`, { exact: true }).waitFor()
    await cat.getByLabel('Message', { exact: true }).press('Enter')
    await shows(ann, 'h')
    await ann.waitForFunction((name) => !document.querySelector('#typing')!.textContent!.includes(name), await ownName(cat))
    await ben.getByLabel('Message', { exact: true }).fill('')
    await ann.waitForFunction(() => document.querySelector('#typing')!.textContent === '')
  })
})
