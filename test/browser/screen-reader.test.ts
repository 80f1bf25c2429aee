import t from 'tap'
import type { Page } from 'playwright-core'
import { eventually } from '../harness.js'
import { launch, say, shows } from './chromium.js'
import { show, startTown, tab } from './states.js'

declare global {
  /** What was read aloud, and when: kept in the page. */
  var spoken: Array<{ words: string, at: number }>
}

/** From now on the page keeps what its live region says. */
const listen = (page: Page): Promise<void> => page.evaluate(() => {
  const region = document.getElementById('announcer')!
  globalThis.spoken = []
  new MutationObserver(() => globalThis.spoken.push({ words: region.textContent!, at: performance.now() })).observe(region, { childList: true, characterData: true, subtree: true })
})
const spoken = (page: Page): Promise<string[]> => page.evaluate(() => globalThis.spoken.map(({ words }) => words))
const heard = (page: Page, words: string): Promise<void> => eventually(async () => (await spoken(page)).some((one) => one.includes(words)), `"${words}" is read aloud`)

const TREE = `- log "Messages":
  - heading "the day" [level=2]
  - paragraph: "Moderator m set the topic: Tea at four"
  - article "Robin 12:34":
    - paragraph:
      - text: Robin abc123
      - time: 12:34
    - text: Does anybody know when the market opens? It says eight at
    - link "https://market.example/hours":
      - /url: https://market.example/hours
    - button "Actions": ⋯
  - article "Robin 12:34":
    - paragraph:
      - text: Robin abc123
      - time: 12:34
    - text: And whether there is bread
    - button "Actions": ⋯
  - article "Mika 12:34":
    - paragraph:
      - text: Mika abc123
      - time: 12:34
    - link "In reply to Robin Does anybody know when the market opens? It says eight at https://market.example/hours":
      - /url: "#id"
    - text: At eight, @Robin
    - button "Actions": ⋯
  - article "نور 12:34":
    - paragraph:
      - text: نور abc123
      - time: 12:34
    - text: صباح الخير، أحضر معي الخبز
    - button "Actions": ⋯
  - article "Maximiliane Wolfeschlegelsteiner 12:34":
    - paragraph:
      - text: Maximiliane Wolfeschlegelsteiner abc123
      - time: 12:34
    - text: x… and a line that has
    - code: code
    - text: in it
    - button "Actions": ⋯
  - article "Mika 12:34":
    - paragraph:
      - text: Mika abc123
      - time: 12:34
    - code: const room = "town" for (const stall of stalls) console.log(stall.name, stall.opens, stall.closes, stall.place)
    - button "Actions": ⋯
  - article "Robin 12:34":
    - paragraph:
      - text: Robin abc123
      - time: 12:34
    - text: 🥖🎉
    - button "Actions": ⋯
  - article "Robin 12:34":
    - paragraph:
      - text: Robin abc123
      - time: 12:34
    - text: Robin looks at the sky
    - button "Actions": ⋯
  - article "Mika 12:34":
    - paragraph:
      - text: Mika abc123
      - time: 12:34
    - text: Bring a bag (edited)
    - button "Actions": ⋯
  - article "Sam 12:34":
    - paragraph:
      - text: Sam abc123
      - time: 12:34
    - text: This message was deleted.
    - button "Actions": ⋯
  - paragraph: Moderator m muted Sam. Adverts
  - article "Kit 12:34":
    - paragraph:
      - text: Kit abc123
      - time: 12:34
    - text: You are all wrong, and I shall say so every day
    - button "Actions": ⋯
  - article "Mika 12:34":
    - paragraph:
      - text: Mika abc123
      - time: 12:34
    - text: Good morning,
    - mark: "@Ada"
    - button "Actions": ⋯`

t.test('what a screen reader meets', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const town = await startTown(t)
  const page = await show(await tab(browser, { locale: 'en-GB', viewport: { width: 1_280, height: 720 } }), town, { as: 'Ada' })

  await t.test('the page has its parts, each by its name', async (t) => {
    for (const [role, name] of [['banner'], ['navigation', 'Rooms'], ['main'], ['complementary', 'Who is online'], ['log', 'Messages']] as const) {
      t.equal(await page.getByRole(role, name === undefined ? {} : { name, exact: true }).count(), 1, role)
    }
    t.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Hubbub, room town')
    t.equal(await page.locator('#log').getAttribute('aria-live'), 'off', 'a log that speaks by itself would be a flood')
  })

  await t.test('the log tells who, when and what, in order', async (t) => {
    const tree = (await page.locator('#log').ariaSnapshot())
      .replace(/\b\d{1,2}:\d\d(?: [AP]M)?\b/g, '12:34')
      .replace(/(text: .*?) [a-z0-9]{6}$/gm, '$1 abc123')
      .replace(/(heading) ".*"/, '$1 "the day"')
      .replace(/\/url: "#.*"/g, '/url: "#id"')
      .replace(/x{300}/, 'x…')
    t.equal(tree, TREE)
    const described = await page.locator('#log .message').evaluateAll((messages) => messages.map((message) => document.getElementById(message.getAttribute('aria-describedby')!)?.parentElement?.parentElement === message))
    t.ok(described.every(Boolean), 'and each message that has the focus tells its own text')
  })

  await t.test('messages are read aloud, and no more than can be listened to', async (t) => {
    await listen(page)
    await say(page, 'my own')
    await shows(page, 'my own')
    await town.says('Mika', 'first')
    await heard(page, 'Mika: first')
    for (let i = 0; i < 9; i++) await town.says('Mika', `one of many ${i}`)
    await heard(page, '9 new messages')
    await town.says('نور', 'x'.repeat(500))
    await heard(page, `نور: ${'x'.repeat(280)}…`)
    const all = await spoken(page)
    t.notOk(all.some((words) => words.includes('my own')), 'nobody needs to hear what they have said')
    t.notOk(all.some((words) => words.includes('one of many')))
    const gaps = await page.evaluate(() => globalThis.spoken.slice(1).map(({ at }, index) => at - globalThis.spoken[index]!.at))
    t.ok(gaps.every((ms) => ms > 2_300), `one at a time: ${gaps.join(', ')}`)
  })

  await t.test('until somebody asks for silence', async (t) => {
    const choose = async (name: string): Promise<void> => {
      await page.locator('#more').click()
      await page.getByRole('menuitem', { name }).click()
    }
    await listen(page)
    await choose('Do not read messages aloud')
    await heard(page, 'New messages are no longer read aloud.')
    await town.says('Mika', 'unheard')
    await shows(page, 'unheard')
    await choose('Read messages aloud')
    await heard(page, 'New messages are read aloud.')
    await town.says('Mika', 'heard again')
    await heard(page, 'Mika: heard again')
    t.notOk((await spoken(page)).some((words) => words.includes('unheard')))
  })
})

