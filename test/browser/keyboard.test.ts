import t from 'tap'
import type { Page } from 'playwright-core'
import { call, eventually } from '../harness.js'
import { moderation, moderator } from '../moderation/moderator.js'
import { launch, shows } from './chromium.js'
import { STATES, show, startTown, tab } from './states.js'

const WIDE = { viewport: { width: 1_280, height: 720 } }

/** What has the focus, by what a screen reader calls it; a message by its text. */
const focused = (page: Page): Promise<string> => page.evaluate(() => {
  const element = document.activeElement as HTMLElement & { labels?: NodeListOf<HTMLLabelElement> }
  if (element === document.body) return 'nothing'
  return element.querySelector(':scope > .content > .text')?.textContent ?? element.labels?.[0]?.innerText ?? element.ariaLabel ?? element.innerText
})

/** Waits until this has the focus: what a key does may take an answer of the server's. */
async function has (page: Page, name: string | RegExp): Promise<void> {
  await eventually(async () => {
    const now = await focused(page)
    return typeof name === 'string' ? now === name : name.test(now)
  }, `the focus is at ${name}`).catch(async (failure) => { throw new Error(`${failure.message}, but at ${await focused(page)}`) })
}

/** Presses keys one after the other. @returns where the focus was after each */
async function press (page: Page, ...keys: string[]): Promise<string[]> {
  const places: string[] = []
  for (const key of keys) {
    await page.keyboard.press(key)
    places.push(await focused(page))
  }
  return places
}

t.test('by keyboard alone', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const town = await startTown(t)
  const { url, says, comes } = town

  await t.test('one way leads through the page, and messages are one stop on it', async (t) => {
    const page = await show(await tab(browser, WIDE), town, { as: 'Ada' })
    await has(page, 'Message')
    t.strictSame(await press(page, 'Shift+Tab', 'Shift+Tab'), ['Actions', 'Good morning, @Ada'])
    t.strictSame((await press(page, 'Shift+Tab', 'Shift+Tab')), ['Go', 'Go to a room, or make one'], 'links of other messages are no stops')
    t.equal(await page.locator('a, button, input, textarea, [tabindex]').first().getAttribute('class'), 'skip')
    await page.locator('.skip').focus()
    t.strictSame(await press(page, 'Enter'), ['Message'], 'the first of all leads to the text box')
    t.strictSame(await press(page, 'Tab', 'Tab', 'Tab'), ['Send', 'Rename', await page.locator('#people button').first().innerText()])
    await page.context().close()
  })

  await t.test('through messages, and what can be done with them', async (t) => {
    const page = await show(await tab(browser, WIDE), town, { as: 'Ada' })
    await page.keyboard.type('mine')
    t.strictSame(await press(page, 'Enter'), ['Message'], 'and one can go on writing')
    await shows(page, 'mine')
    t.strictSame(await press(page, 'Escape', 'ArrowUp', 'ArrowUp', 'ArrowDown', 'Home', 'End'), ['mine', 'Good morning, @Ada', 'You are all wrong, and I shall say so every day', 'Good morning, @Ada', 'Does anybody know when the market opens? It says eight at https://market.example/hours', 'mine'])
    t.strictSame(await press(page, 'Home', 'Tab'), ['Does anybody know when the market opens? It says eight at https://market.example/hours', 'https://market.example/hours'], 'links are reached from their message')
    t.strictSame(await press(page, 'Shift+Tab', 'End'), ['Does anybody know when the market opens? It says eight at https://market.example/hours', 'mine'])

    await t.test('reply', async () => {
      await press(page, 'ArrowUp', 'r')
      await page.locator('#composer .about').getByText('You reply to Mika.').waitFor()
      t.equal(await focused(page), 'Message')
      t.strictSame(await press(page, 'Escape'), ['Message'])
      await page.locator('#composer .about').waitFor({ state: 'hidden' })
      t.strictSame(await press(page, 'Escape'), ['Good morning, @Ada'], 'and back to where one was')
    })

    await t.test('edit', async () => {
      await press(page, 'End', 'e')
      t.equal(await focused(page), 'Message')
      await page.keyboard.type('!')
      await page.keyboard.press('Enter')
      await shows(page, 'mine!')
      await has(page, 'Message')
      await press(page, 'ArrowUp')
      t.equal(await page.locator('#text').inputValue(), 'mine!', 'the arrow leads to the last one, too')
      await press(page, 'Escape')
      t.equal(await page.locator('#text').inputValue(), '')
    })

    await t.test('the menu', async () => {
      t.strictSame(await press(page, 'Escape', 'End', 'Enter', 'ArrowDown', 'ArrowUp', 'ArrowUp', 'Home', 'End', 'c', 'Escape'),
        ['mine!', 'mine!', 'Reply', 'Edit', 'Reply', 'Delete', 'Reply', 'Delete', 'Copy link', 'mine!'])
      t.strictSame(await press(page, 'Enter', 'Tab'), ['Reply', 'Actions'], 'Tab leaves it, and goes on')
      t.strictSame(await press(page, 'Enter', 'Escape'), ['Reply', 'Actions'])
      await page.keyboard.press('Shift+Tab')
    })

    await t.test('copy its link', async () => {
      await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
      t.strictSame(await press(page, 'c'), ['mine!'])
      await page.locator('.toast', { hasText: 'The link is copied.' }).waitFor()
      t.match(await page.evaluate(() => navigator.clipboard.readText()), new RegExp(`^${url}/\\?room=town#\\d+-\\d+$`))
      // The toasts are the last of the page.
      await page.locator('.toast button').focus()
      t.strictSame(await press(page, 'Enter'), ['Message'], 'a toast that goes gives the focus back')
    })

    await t.test('delete', async () => {
      await press(page, 'Escape', 'End', 'Delete')
      await page.getByRole('dialog', { name: 'Delete this message?' }).waitFor()
      t.strictSame(await press(page, 'Shift+Tab', 'Tab'), ['Cancel', 'Delete'])
      await page.keyboard.press('Escape')
      await has(page, 'mine!')
      await page.keyboard.press('Delete')
      await has(page, 'Delete')
      await page.keyboard.press('Enter')
      await has(page, 'This message was deleted.')
    })
    await page.context().close()
  })

  await t.test('the focus stays with a message that another changes, and goes to the next where there is none', async (t) => {
    const page = await show(await tab(browser, WIDE), town, { as: 'Ada' })
    const { id } = await says('Kit', 'to be taken away', { replyTo: (await says('Mika', 'before it')).id })
    await shows(page, 'to be taken away')
    const mods = moderation(url, await moderator())
    await press(page, 'Escape', 'End', 'Tab')
    t.match(await focused(page), /before it/, 'what it answers')
    await mods.remove({ room: 'town', id })
    await has(page, 'This message was deleted.')
    await press(page, 'Enter')
    t.equal(await focused(page), 'Copy link')
    await mods.undo((await mods.log()).at(-1).id)
    await shows(page, 'to be taken away')
    t.strictSame(await press(page, 'Escape'), ['to be taken away'])
    t.strictSame((await press(page, 'Tab', 'Tab', 'Enter')).slice(1), ['Actions', 'Reply'])
    await mods.remove({ room: 'town', id })
    await shows(page, 'This message was deleted.')
    t.strictSame(await press(page, 'Escape'), ['Actions'], 'the button is the same one')

    await press(page, 'Shift+Tab', 'Home')
    const top = await focused(page)
    for (let i = 0; i < 60; i++) await says('Mika', `line ${i}`)
    await page.locator('#newer').getByText('60 new messages').waitFor()
    t.equal(await focused(page), top, 'it stays where it is, whatever comes')
    await page.locator('#newer').focus()
    t.strictSame(await press(page, 'Enter'), ['line 59'], 'down to the newest')
    await page.context().close()
  })

  await t.test('rooms and people', async (t) => {
    const page = await show(await tab(browser, WIDE), town, { as: 'Ada' })
    const leave = await comes('Robin')
    const robin = page.locator('#people button', { hasText: 'Robin' })
    await robin.focus()
    await comes('Mika')
    await page.locator('#people button', { hasText: 'Mika' }).waitFor()
    t.match(await focused(page), /^Robin/, 'who comes takes the focus from nobody')
    t.strictSame(await press(page, 'Enter'), ['Mention Robin'])
    t.match((await press(page, 'Escape'))[0], /^Robin/)
    leave()
    await robin.waitFor({ state: 'detached' })
    t.not(await focused(page), 'nothing', 'and who goes gives it to the next')

    await page.locator('#go').focus()
    await page.keyboard.type('No!')
    t.strictSame(await press(page, 'Enter'), ['Go to a room, or make one'])
    await page.getByRole('alert').getByText(/A room’s name has/).waitFor()
    await page.locator('#go').fill('orchard')
    t.strictSame(await press(page, 'Enter'), ['Message'])
    await page.locator('#room').getByText('orchard').waitFor()
    t.strictSame(await press(page, 'Alt+ArrowUp'), ['Message'])
    await page.locator('#room').getByText('town').waitFor()
    await press(page, 'Alt+ArrowDown')
    await page.locator('#room').getByText('orchard').waitFor()
    await page.locator('#more').focus()
    await press(page, 'Enter')
    await page.getByRole('menuitem', { name: 'Leave this room' }).focus()
    t.strictSame(await press(page, 'Enter'), ['Message'])
    await page.locator('#room').getByText('lobby').waitFor()

    await page.context().close()
  })

  await t.test('a name of one’s own', async (t) => {
    const page = await show(await tab(browser, WIDE), town, {})
    await page.locator('#me button').focus()
    t.strictSame(await press(page, 'Enter'), ['Name'])
    t.strictSame(await press(page, 'Tab', 'Tab'), ['Cancel', 'Save'])
    t.strictSame(await press(page, 'Escape'), ['Rename'])
    await press(page, 'Enter')
    await page.keyboard.type('Ada Lee')
    await press(page, 'Enter')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await has(page, 'Rename')
    await page.context().close()
  })

  await t.test('what is suggested', async (t) => {
    const page = await show(await tab(browser, WIDE), town, { as: 'Ada' })
    await comes('Robin')
    await page.locator('#people button', { hasText: 'Robin' }).waitFor()
    await page.keyboard.type('@ro')
    await page.getByRole('option').waitFor()
    t.strictSame(await press(page, 'ArrowDown', 'ArrowUp', 'Tab'), ['Message', 'Message', 'Message'])
    t.equal(await page.locator('#text').inputValue(), '@Robin ')
    await page.keyboard.type('@')
    await page.getByRole('option').first().waitFor()
    t.strictSame(await press(page, 'Escape'), ['Message'], 'Escape closes the list first')
    t.not((await press(page, 'Escape'))[0], 'Message', 'and then leads to the messages')
    await page.context().close()
  })

  await t.test('the page’s own menu, and what it opens', async (t) => {
    const page = await show(await tab(browser, WIDE), town, { as: 'Ada' })
    await page.context().grantPermissions(['notifications'])
    const choose = async (name: string): Promise<void> => {
      await page.locator('#more').focus()
      await press(page, 'Enter')
      await page.getByRole('menuitem', { name }).focus()
      await press(page, 'Enter')
    }
    await choose('Keyboard and commands')
    await has(page, 'Keyboard and commands')
    t.strictSame(await press(page, 'Tab', 'Escape'), ['Close', 'More'])
    await page.keyboard.press('Control+/')
    await page.getByRole('dialog').waitFor()
    t.strictSame(await press(page, 'Escape'), ['More'])
    await choose('About Hubbub')
    await has(page, 'Hubbub')
    t.strictSame(await press(page, 'Escape'), ['More'])
    await choose('Do not read messages aloud')
    t.equal(await focused(page), 'More')
    await choose('Read messages aloud')
    await choose('Notify me when I am mentioned')
    await page.locator('.toast').waitFor()
    t.equal(await focused(page), 'More')
    await page.context().close()
  })

  await t.test('where nothing can be written any more, and what is on its way', async (t) => {
    const page = await show(await tab(browser, WIDE), town, STATES['messages on their way']!)
    const retry = page.locator('#outbox [data-state=failed]').getByRole('button', { name: 'Discard' })
    await retry.focus()
    t.strictSame(await press(page, 'Enter'), ['Message'], 'what is discarded gives the focus back')
    await page.unroute('**/events')
    const waiting = page.locator('#outbox').getByRole('button', { name: 'Retry' })
    if (await waiting.count() > 0) {
      await waiting.focus()
      t.not((await press(page, 'Enter'))[0], 'nothing')
    }
    await shows(page, 'on its way')
    t.not(await focused(page), 'nothing')
    await page.locator('#text').focus()
    const mods = moderation(url, await moderator())
    await mods.set('town', { posting: 'moderators' })
    await page.locator('#composer.shut').waitFor()
    t.not(await focused(page), 'nothing', 'the messages have it')
    t.not((await press(page, 'Escape'))[0], 'nothing')
    await mods.set('town', { posting: null })
    await page.locator('#composer:not(.shut)').waitFor()
    await page.context().close()
  })

  await t.test('a connection that is lost, and tried again', async (t) => {
    const page = await show(await tab(browser, WIDE), town, STATES['offline']!)
    await page.getByRole('button', { name: 'Try now' }).focus()
    await page.context().setOffline(false)
    await page.locator('#connection[data-state=live]').waitFor()
    await has(page, 'Message')
    t.pass('the button that is gone gives the focus back')
    await page.context().close()
  })

  await t.test('keeping order', async (t) => {
    const page = await show(await tab(browser, WIDE), town, { as: 'moderator' })
    const { id } = await says('Kit', 'another one')
    await call(`${url}/rooms/town/reports`, { body: { event: id }, headers: await moderator('*', 'n') })
    await shows(page, 'another one')
    await press(page, 'Escape', 'End', 'Enter')
    t.strictSame(await press(page, 'm', 'm', 'Enter'), ['Mention Kit', 'Mute…', 'For how long'])
    t.strictSame(await press(page, 'Escape'), ['another one'])
    t.strictSame(await press(page, 'Delete'), ['another one'])
    await page.locator('.toast').getByRole('button', { name: 'Undo' }).focus()
    t.strictSame(await press(page, 'Enter'), ['Message'])
    await shows(page, 'another one')
    await page.locator('#more').focus()
    await press(page, 'Enter', 'Enter')
    await page.getByRole('dialog', { name: 'Reported in town' }).waitFor()
    const settle = page.getByRole('dialog').getByRole('button', { name: 'Nothing to do' })
    await settle.first().focus()
    while (await settle.count() > 0) {
      const left = await settle.count()
      await page.getByRole('dialog').getByRole('button', { name: 'Nothing to do' }).first().focus()
      await press(page, 'Enter')
      await eventually(async () => await settle.count() < left, 'one is settled')
      t.match(await focused(page), /^(Show|Close)$/, 'the next one has the focus')
    }
    await page.keyboard.press('Escape')
    await has(page, 'More')
    await page.context().close()
  })

  await t.test('panels of a narrow window', async (t) => {
    const page = await show(await tab(browser, { viewport: { width: 320, height: 568 } }), town, { as: 'Ada' })
    for (const [opener, panel] of [['#open-rooms', '#rooms'], ['#open-people', '#people']] as const) {
      await page.locator(opener).focus()
      const name = await focused(page)
      await press(page, 'Enter', 'Tab')
      t.ok(await page.locator(panel).evaluate((element) => element.contains(document.activeElement)), `${panel}: the way leads into it`)
      t.strictSame(await press(page, 'Escape'), [name])
      await page.locator(panel).waitFor({ state: 'hidden' })
    }
    await page.context().close()
  })
})
