import type { Browser, BrowserContext, Page } from 'playwright-core'
import t from 'tap'
import { call, startApp } from '../harness.js'
import { MODERATED, moderator } from '../moderation/moderator.js'
import { connection, isLive, launch, messages, openPage, ownName, say, shows, visitor } from './chromium.js'

/** The page of somebody who has been made a moderator of the room. */
async function moderatorsPage (browser: Browser, url: string): Promise<{ page: Page, context: BrowserContext }> {
  const { body: { path } } = await call(`${url}/invites`, { body: { room: 'lobby', role: 'moderator' }, headers: await moderator() })
  const context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(`${url}/${path}`)
  await page.getByRole('button', { name: 'Come in' }).click()
  await isLive(page)
  return { page, context }
}

async function openMenu (page: Page, text: string): Promise<void> {
  const message = page.locator('#log .message').filter({ has: page.getByText(text, { exact: true }) }).last()
  await message.hover()
  await message.getByRole('button', { name: 'Actions' }).click()
}

async function more (page: Page, label: string): Promise<void> {
  await page.locator('#more').click()
  await page.getByRole('menuitem', { name: label, exact: true }).click()
}

/** What can be done about somebody, by the name in the list of who is online. */
async function about (page: Page, name: string, label: string): Promise<void> {
  await page.locator('#people li button').filter({ hasText: name }).click()
  await page.getByRole('menuitem', { name: label }).click()
}

const toast = (page: Page, words: string): ReturnType<Page['locator']> => page.locator('.toast').filter({ hasText: words })

t.test('moderators keep order', { timeout: 290_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, MODERATED)
  const { page: mod } = await moderatorsPage(browser, url)
  const page = await openPage(await visitor(browser), url)
  const [modName, name] = [await ownName(mod), await ownName(page)]
  const text = page.getByLabel('Message', { exact: true })

  await t.test('by deleting a message, and bringing it back', async (t) => {
    await say(page, 'a rude word')
    await shows(mod, 'a rude word')
    await openMenu(mod, 'a rude word')
    await mod.getByRole('menuitem', { name: 'Delete', exact: true }).click()
    for (const reader of [mod, page]) await shows(reader, 'This message was deleted.')
    await toast(mod, 'The message is deleted.').getByRole('button', { name: 'Undo' }).click()
    for (const reader of [mod, page]) await shows(reader, 'a rude word')
    await toast(mod, 'Undone.').waitFor()
    t.equal(await page.locator('#log .deleted').count(), 0)
  })

  await t.test('by muting, until it is lifted', async (t) => {
    await about(mod, name, 'Mute…')
    const dialog = mod.getByRole('dialog', { name: `Mute ${name}` })
    await dialog.getByLabel('Reason').fill('calm down')
    await dialog.getByRole('button', { name: 'Mute' }).click()
    await toast(mod, `${name} is muted.`).waitFor()
    await page.locator('#log .line.mute').getByText(`${modName} muted ${name}. calm down`, { exact: true }).waitFor()
    await page.getByText('You can only read here.').waitFor()
    t.equal(await text.isVisible(), false)
    await more(mod, 'Mutes and bans')
    const list = mod.getByRole('dialog', { name: 'Mutes and bans in lobby' })
    t.match(await list.locator('.cards li').innerText(), new RegExp(`^${name}[\\s\\S]*Muted by ${modName}, until: [\\s\\S]*calm down`))
    await list.getByRole('button', { name: 'Lift' }).click()
    await list.getByText('Nobody is muted or banned.').waitFor()
    await list.getByRole('button', { name: 'Close' }).click()
    await text.waitFor()
    await say(page, 'I am calm')
    await shows(mod, 'I am calm')
  })

  await t.test('by deleting all that somebody has said', async (t) => {
    await openMenu(mod, 'I am calm')
    await mod.getByRole('menuitem', { name: 'Delete their last messages…' }).click()
    await mod.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    const done = toast(mod, `2 messages of ${name} are deleted.`)
    await done.waitFor()
    await page.waitForFunction(() => document.querySelectorAll('#log .message.deleted').length === 2)
    await done.getByRole('button', { name: 'Undo' }).click()
    await page.waitForFunction(() => document.querySelectorAll('#log .message.deleted').length === 0)
    t.strictSame(await messages(page), ['a rude word', 'I am calm'])
  })

  await t.test('by what is reported to them', async (t) => {
    const witness = await openPage(await visitor(browser), url)
    await shows(witness, 'a rude word')
    await openMenu(witness, 'a rude word')
    await witness.getByRole('menuitem', { name: 'Report to the moderators' }).click()
    const dialog = witness.getByRole('dialog', { name: 'Report this message' })
    await dialog.getByLabel('What is wrong with it').fill('that <b> word')
    await dialog.getByRole('button', { name: 'Report' }).click()
    await toast(witness, 'The moderators are told. Thank you.').waitFor()
    await mod.reload()
    await mod.locator('#more .count').getByText('1', { exact: true }).waitFor()
    await more(mod, '1 report')
    const list = mod.getByRole('dialog', { name: 'Reported in lobby' })
    t.match(await list.locator('.cards li').innerText(), new RegExp(`${name}[\\s\\S]*a rude word[\\s\\S]*Reported by ${await ownName(witness)}[\\s\\S]*that <b> word`))
    await list.getByRole('button', { name: 'Show' }).click()
    await mod.waitForFunction(() => document.activeElement?.querySelector('.text')?.textContent === 'a rude word')
    await more(mod, '1 report')
    await list.getByRole('button', { name: 'Delete' }).click()
    await list.getByText('Nothing is reported.').waitFor()
    await toast(mod, 'The message is deleted.').getByRole('button', { name: 'Undo' }).click()
    await shows(page, 'a rude word')
    await list.getByRole('button', { name: 'Close' }).click()
    await openMenu(witness, 'a rude word')
    await witness.getByRole('menuitem', { name: 'Report to the moderators' }).click()
    await dialog.getByRole('button', { name: 'Report' }).click()
    await mod.reload()
    await mod.locator('#more .count').getByText('1', { exact: true }).waitFor()
    await more(mod, '1 report')
    await list.getByRole('button', { name: 'Nothing to do' }).click()
    await list.getByText('Nothing is reported.').waitFor()
    await list.getByRole('button', { name: 'Close' }).click()
    await mod.waitForFunction(() => document.querySelector('#more .count')!.textContent === '')
    await witness.close()
  })

  await t.test('where they asked to, though they have gone on since', async () => {
    await mod.getByLabel('Go to a room, or make one').fill('elsewhere')
    await mod.getByLabel('Go to a room, or make one').press('Enter')
    await mod.locator('#room').getByText('elsewhere', { exact: true }).waitFor()
    await mod.goBack()
    await mod.locator('#room').getByText('lobby', { exact: true }).waitFor()
    await more(mod, 'Room settings')
    const dialog = mod.getByRole('dialog', { name: 'Settings of lobby' })
    await dialog.getByLabel('Topic').fill('Of the lobby')
    await mod.goForward()
    await mod.locator('#room').getByText('elsewhere', { exact: true }).waitFor()
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.locator('#topic').getByText('Of the lobby', { exact: true }).waitFor()
    await mod.goBack()
    await mod.locator('#room').getByText('lobby', { exact: true }).waitFor()
  })

  await t.test('by how the room is kept', async (t) => {
    await more(mod, 'Room settings')
    const dialog = mod.getByRole('dialog', { name: 'Settings of lobby' })
    await dialog.getByLabel('Topic').fill('Be kind')
    await dialog.getByLabel('Slow mode, in seconds').fill('600')
    const looked = page.waitForResponse((response) => new URL(response.url()).pathname === '/rooms/lobby')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'detached' })
    await page.locator('#topic').getByText('Be kind', { exact: true }).waitFor()
    await (await looked).finished()
    await page.locator('#log .line.room').getByText(`${modName} set slow mode: 10 minutes between two messages.`).waitFor()

    await t.test('slowly: the button counts down', async (t) => {
      await say(page, 'in slow mode')
      await shows(page, 'in slow mode')
      const send = page.locator('#composer [type=submit]')
      await send.and(page.locator('[aria-disabled=true]')).waitFor()
      t.match(await send.innerText(), /^(10:00|[789]:[0-5]\d)$/)
      await say(page, 'too early')
      t.equal(await text.inputValue(), 'too early', 'nothing is lost')
      await page.reload()
      await send.and(page.locator('[aria-disabled=true]')).waitFor()
      t.equal(await text.inputValue(), 'too early', 'not by a reload either')
      await say(mod, 'not for moderators')
      await say(mod, 'who need not wait')
      await shows(page, 'who need not wait')
      await say(mod, '/slow 0')
      await page.locator('#log .line.room').getByText(`${modName} turned slow mode off.`).waitFor()
      await send.getByText('Send', { exact: true }).waitFor()
      await text.press('Enter')
      await shows(page, 'too early')
    })

    await t.test('for moderators alone', async (t) => {
      await more(mod, 'Room settings')
      await dialog.getByLabel('Who writes here').selectOption({ label: 'Moderators only' })
      await dialog.getByRole('button', { name: 'Save' }).click()
      await page.locator('#composer .closed').getByText('Only moderators write here.').waitFor()
      t.equal(await text.isVisible(), false)
      await toast(mod, 'The room is changed.').last().getByRole('button', { name: 'Undo' }).click()
      await text.waitFor()
    })
  })

  await t.test('by banning', async (t) => {
    await about(mod, name, 'Ban…')
    const dialog = mod.getByRole('dialog', { name: `Ban ${name}` })
    await dialog.getByLabel('Reason').fill('enough')
    await dialog.getByRole('button', { name: 'Ban' }).click()
    // From one address come the moderator and whoever is banned.
    await dialog.getByRole('button', { name: 'Do it nevertheless' }).click()
    await toast(mod, `${name} is banned.`).waitFor()
    await connection(page).getByText(/enough/).waitFor()
    t.equal(await page.locator('#connection').getAttribute('data-state'), 'refused')
    await toast(mod, `${name} is banned.`).getByRole('button', { name: 'Undo' }).click()
    await mod.locator('#log .line.unban').getByText(`${modName} let ${name} in again.`).waitFor()
    await page.getByRole('button', { name: 'Try now' }).click()
    await isLive(page)
  })
})

t.test('commands', { timeout: 280_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, MODERATED)
  const { page: mod } = await moderatorsPage(browser, url)
  const page = await openPage(await visitor(browser), url)
  const name = await ownName(page)
  const text = page.getByLabel('Message', { exact: true })
  const problem = page.locator('#composer .problem')

  await t.test('/me', async (t) => {
    await say(page, '/me')
    await problem.getByText('Say what you do: /me waves').waitFor()
    await say(page, '/me waves')
    await shows(mod, `${name} waves`)
    t.equal(await mod.locator('#log .message.action').count(), 1)
    t.equal(await text.inputValue(), '')
  })

  await t.test('/nick', async (t) => {
    await say(page, '/nick admin')
    await problem.getByText('That name is kept for the host.').waitFor()
    t.equal(await text.inputValue(), '/nick admin', 'it can be changed')
    await say(page, '/nick Robin')
    await toast(page, 'You are Robin now.').waitFor()
    t.equal(await ownName(page), 'Robin')
    await mod.locator('#log .line.name').getByText(`${name} is now called Robin.`).waitFor()
  })

  await t.test('/help', async (t) => {
    await say(page, '/help')
    const sheet = page.getByRole('dialog', { name: 'Keyboard and commands' })
    await sheet.getByText('say what you do').waitFor()
    await page.keyboard.press('Escape')
    await sheet.waitFor({ state: 'detached' })
    t.equal(await text.inputValue(), '')
  })

  await t.test('that do not exist, and what only looks like one', async (t) => {
    await say(page, '/foo bar')
    await problem.getByText('There is no command /foo. Begin with // to send it as it is.').waitFor()
    t.equal(await text.inputValue(), '/foo bar')
    await say(page, '//foo bar')
    await shows(mod, '/foo bar')
    await say(page, '/usr/bin is a directory')
    await shows(mod, '/usr/bin is a directory')
  })

  await t.test('/topic and /slow, for moderators', async (t) => {
    await say(mod, '/topic What /topic sets')
    await page.locator('#topic').getByText('What /topic sets', { exact: true }).waitFor()
    await say(mod, '/slow often')
    await mod.locator('#composer .problem').getByText('Say how many seconds: /slow 10').waitFor()
    await say(mod, '/slow 5')
    await page.locator('#log .line.room').getByText(/set slow mode: 5 seconds/).waitFor()
    await say(mod, '/slow 0')
    await page.locator('#log .line.room').getByText(/turned slow mode off/).waitFor()
    await say(page, '/topic mine')
    await problem.getByText(/You may not|no right/).waitFor()
    t.equal(await page.locator('#topic').innerText(), 'What /topic sets')
  })

  await t.test('/join', async (t) => {
    await text.fill('/j')
    await page.getByRole('option', { name: '/join' }).waitFor()
    await text.press('Tab')
    t.equal(await text.inputValue(), '/join ', 'commands are completed')
    await text.pressSequentially('tea')
    await text.press('Enter')
    await page.locator('#room').getByText('tea', { exact: true }).waitFor()
    t.equal(await text.inputValue(), '')
    await page.goBack()
    await page.locator('#room').getByText('lobby', { exact: true }).waitFor()
    t.equal(await text.inputValue(), '', 'it is no draft')
  })
})
