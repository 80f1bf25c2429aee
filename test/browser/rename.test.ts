import t from 'tap'
import { call, startApp } from '../harness.js'
import { MODERATED, moderation, moderator } from '../moderation/moderator.js'
import { launch, openPage, ownName, say, shows, visitor } from './chromium.js'

t.test('a new name', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, MODERATED)
  const context = await visitor(browser)
  const one = await openPage(context, url)
  const other = await openPage(context, url)
  const stranger = await openPage(await visitor(browser), url)
  const before = await ownName(one)

  await say(one, 'said under the old name')
  await shows(stranger, 'said under the old name')
  await one.getByRole('button', { name: 'Rename' }).click()
  const dialog = one.getByRole('dialog', { name: 'Change your name' })
  const field = dialog.getByLabel('Name', { exact: true })
  t.equal(await field.inputValue(), before)

  await t.test('that is refused: the server\'s words stand beside the field', async (t) => {
    await field.fill(await ownName(stranger))
    await field.press('Enter')
    await dialog.getByRole('alert').getByText('Somebody has that name, or one that looks like it.').waitFor()
    t.equal(await field.getAttribute('aria-invalid'), 'true')
    await field.fill('')
    t.equal(await dialog.locator('[role=alert]').textContent(), '', 'they go when the name is changed')
    t.equal(await field.getAttribute('aria-invalid'), null)
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.getByRole('alert').getByText('A name has 1 to 32 characters that can be seen').waitFor()
    t.ok(await dialog.isVisible())
  })

  await t.test('is seen everywhere, and what was said keeps the old one', async (t) => {
    await field.fill('Zoë <b>')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await dialog.waitFor({ state: 'hidden' })
    t.equal(await ownName(one), 'Zoë <b>')
    for (const page of [one, other, stranger]) {
      const line = page.locator('#log .line.name')
      await line.getByText(`${before} is now called Zoë <b>`).waitFor()
      t.equal(await line.evaluate((element) => (globalThis as any).getComputedStyle(element).boxShadow), 'none', 'it is a line, and no dialog')
      await page.locator('#people .author').getByText('Zoë <b>', { exact: true }).waitFor()
      t.equal(await page.locator('#log .message .author').first().innerText(), before)
    }
    t.equal(await ownName(other), 'Zoë <b>')
    await say(other, 'said under the new one')
    await shows(stranger, 'said under the new one')
    t.strictSame(await stranger.locator('#log .message .author').allTextContents(), [before, 'Zoë <b>'])
    await one.reload()
    await one.locator('#me .author').getByText('Zoë <b>', { exact: true }).waitFor()
  })

  await t.test('that a moderator deletes goes at once, also for who comes later, until it is brought back', async (t) => {
    const mods = moderation(url, await moderator())
    const event = (await call(`${url}/rooms/lobby/events`)).body.events.find(({ type }: { type: string }) => type === 'name')
    const { body: { action } } = await mods.remove(event)
    for (const page of [one, stranger]) await page.locator('#log .line.name').getByText('A name was deleted').waitFor()
    await stranger.reload()
    await shows(stranger, 'said under the new one')
    t.strictSame(await stranger.locator('#log .line.name').allTextContents(), ['A name was deleted.'])
    await mods.undo(action.id)
    for (const page of [one, stranger]) await page.locator('#log .line.name').getByText(`${before} is now called Zoë <b>`).waitFor()
  })
})
