/// <reference lib="dom.iterable" />
import type { Browser, Page } from 'playwright-core'
import type { Test } from 'tap'
import { compareIds } from '../../src/chat/id.js'
import { Reader, call, eventually, post, startApp, type Environment, type RunningApp } from '../harness.js'
import { SECRET, bearer, sign } from '../host-application.js'
import { moderation, moderator } from '../moderation/moderator.js'
import { shows, visitor } from './chromium.js'

/** What the page can look like, for whatever looks at it. Nothing here goes by the page's words: it may be in any language. */

/** As long as it may be: 32 graphemes. */
export const LONG_NAME = 'Maximiliane Wolfeschlegelsteiner'
export const LONG_ROOM = `the-${'very-long-name-of-a-room-in-which-much-is-said-'.repeat(2)}`.slice(0, 64)
export const LONG_TOPIC = 'Everything about the long table in the hall, who brings what and when, and where the chairs are; please keep to it. '.repeat(2).trim()

/** Somebody whom the host knows by this name. */
const user = (name: string): { sub: string, name: string } => ({ sub: `u-${Buffer.from(name).toString('hex').slice(0, 24)}`, name })

export interface Town extends RunningApp {
  /** Says something as somebody. */
  says (name: string, message: string, more?: object): Promise<{ id: string }>
  /** Somebody who is there, and leaves by the function that this gives. */
  comes (name: string, room?: string): Promise<() => void>
}

/** A server where a few people have talked. */
export async function startTown (t: Test, environment: Environment = {}): Promise<Town> {
  const app = await startApp(t, {
    JWT_SECRET: SECRET, ROOM_HISTORY: '200', PRESENCE_GRACE: '0ms', BLOCKED_WORDS: 'knave', EDIT_TIME: '1h',
    WELCOME: 'Welcome to the town hall. Be kind, and say hello.', RULES_URL: '/rules', PRIVACY_URL: '/privacy', ...environment
  })
  const { url } = app
  const town: Town = {
    ...app,
    says: async (name, message, more = {}) => (await post(url, { room: 'town', message, ...more }, await bearer(user(name)))).body.event,
    comes: async (name, room = 'town') => {
      const reader = await Reader.open(`${url}/events?room=${room}`, { headers: await bearer(user(name)) })
      await reader.until(({ received }) => received.length > 0)
      return () => reader.close()
    }
  }
  const mods = moderation(url, await moderator())
  await mods.set('slow', { slowMode: 600 })
  await mods.set('notices', { posting: 'moderators', topic: 'What the house has to say' })
  await mods.set(LONG_ROOM, { topic: LONG_TOPIC })
  await talk(town)
  return town
}

/** Every kind of thing that a room's log has, but for what only a page that was away knows. */
async function talk (town: Town): Promise<void> {
  const { url, says } = town
  const mods = moderation(url, await moderator())
  await mods.set('town', { topic: 'Tea at four' })
  const first = await says('Robin', 'Does anybody know when the market opens? It says eight at https://market.example/hours')
  await says('Robin', 'And whether there is bread')
  await says('Mika', 'At eight, @Robin', { replyTo: first.id })
  await says('نور', 'صباح الخير، أحضر معي الخبز')
  await says(LONG_NAME, `${'x'.repeat(300)} and a line that has \`code\` in it`)
  await says('Mika', '```\nconst room = "town"\nfor (const stall of stalls) console.log(stall.name, stall.opens, stall.closes, stall.place)\n```')
  await says('Robin', '🥖🎉')
  await says('Robin', 'looks at the sky', { data: { me: true } })
  const edited = await says('Mika', 'Bring a bga')
  await call(`${url}/rooms/town/events/${edited.id}`, { method: 'PATCH', body: { message: 'Bring a bag' }, headers: await bearer(user('Mika')) })
  const deleted = await says('Sam', 'Buy my things')
  await mods.remove({ room: 'town', id: deleted.id })
  await mods.mute({ user: user('Sam').sub, room: 'town', for: '1h', reason: 'Adverts' })
  const reported = await says('Kit', 'You are all wrong, and I shall say so every day')
  await call(`${url}/rooms/town/reports`, { body: { event: reported.id, reason: 'Unkind' }, headers: await bearer(user('Robin')) })
  await says('Mika', 'Good morning, @Ada')
  await call(`${url}/users/me`, { method: 'PATCH', body: { name: 'Robin Redbreast' }, headers: await bearer(user('Robin')) })
}

export interface State {
  path?: string
  room?: string
  /** A user by name; somebody nobody knows otherwise. */
  as?: string
  /** Where the page looks different only with as little room. */
  narrow?: true
  welcomed?: false
  /** Whether the browser runs any. */
  scripts?: false
  /** The page is not said to be live. */
  dead?: true
  prepare?: (page: Page, town: Town) => Promise<unknown>
}

const write = async (page: Page, text: string): Promise<void> => {
  await page.locator('#text').fill(text)
  await page.locator('#text').press('Enter')
}
const menu = (page: Page, nth: number): Promise<void> => page.locator('[role=menu] [role=menuitem]').nth(nth).click()
const more = async (page: Page, nth: number): Promise<void> => {
  await page.locator('#more').click()
  await menu(page, nth)
}
/** Opens what can be done with the last message that has the text. */
export const about = async (page: Page, text: string): Promise<void> => {
  const message = page.locator('#log .message', { hasText: text }).last()
  await message.hover()
  await message.locator('.more').click()
  await page.locator('[role=menu]').waitFor()
}
const dialog = (page: Page): Promise<void> => page.locator('dialog[open]').waitFor()
/** Choose what the page calls by a word of its own, whatever its language. */
export const choose = async (page: Page, key: string, values: Record<string, string> = {}): Promise<void> => {
  const words = await page.evaluate(async (key) => {
    const { words } = JSON.parse(document.getElementById('site')!.textContent!)
    return words[key] ?? (await (await fetch(`languages/${document.documentElement.lang}.json`)).json())[key]
  }, key)
  const label = Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), words as string)
  await page.locator('[role=menu] [role=menuitem]').and(page.getByText(label, { exact: true })).click()
}
const refuse = (page: Page): Promise<unknown> => page.route('**/events', (route) => route.request().method() === 'POST' ? route.abort() : route.fallback())

export const STATES: Record<string, State> = {
  'an empty room': { room: 'empty' },
  'a conversation': { as: 'Ada' },
  'a conversation, its other end': { as: 'Ada', prepare: (page) => page.locator('#scroller').evaluate((element) => { element.scrollTop = 0 }) },
  'who was away': {
    as: 'Ada',
    room: 'away',
    prepare: async (page, town) => {
      const { context, app } = { context: page.context(), app: town.app }
      await write(page, 'Back in a moment')
      await shows(page, 'Back in a moment')
      await context.setOffline(true)
      await page.locator('#connection[data-state=offline]').waitFor()
      await eventually(() => app.broadcaster.streams === 0, 'the stream is gone')
      const { id } = await town.says('Mika', 'The first that is not kept', { room: 'away' })
      // The log is trimmed in steps, not at each event: as many as it takes.
      const trimmed = async (): Promise<boolean> => compareIds((await app.engine.read('away', { limit: 1 })).floor, id) > 0
      for (let i = 1; i < 5_000 && !(i % 50 === 0 && await trimmed()); i++) await town.says('Mika', `Stall ${i}`, { room: 'away' })
      await context.setOffline(false)
      await page.locator('#log .missing').waitFor({ state: 'attached' })
      const leave = await town.comes('Kim', 'away')
      await town.comes('Lou', 'away')
      leave()
      await page.locator('#log .comings').waitFor({ state: 'attached' })
    }
  },
  'what is unread': {
    as: 'Ada',
    prepare: async (page, town) => {
      await page.locator('#scroller').evaluate((element) => { element.scrollTop = 0 })
      await page.waitForFunction(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true)))))
      await town.says('Mika', 'News of today')
      await page.locator('#newer').waitFor()
      await page.locator('#log .unread').evaluate((element) => element.scrollIntoView({ block: 'center' }))
    }
  },
  'many who type': {
    as: 'Ada',
    prepare: async (page, { url, comes }) => {
      for (const name of ['Robin', LONG_NAME]) {
        await comes(name)
        await call(`${url}/rooms/town/typing`, { body: { typing: true }, headers: await bearer(user(name)) })
      }
      await page.locator('#typing:not(:empty)').waitFor()
    }
  },
  offline: {
    as: 'Ada',
    prepare: async (page) => {
      await page.context().setOffline(true)
      await page.locator('#connection[data-state=offline]').waitFor()
    }
  },
  'not let in': {
    as: 'Outlaw',
    prepare: async (page, { url }) => {
      const mods = moderation(url, await moderator())
      await mods.ban({ user: user('Outlaw').sub, room: 'town', reason: 'Adverts', confirm: true })
      await page.locator('#connection[data-state=refused]').waitFor()
    }
  },
  'messages on their way': {
    as: 'Ada',
    prepare: async (page) => {
      await write(page, 'a knave says so')
      await page.locator('#outbox [data-state=failed]').waitFor()
      await refuse(page)
      await write(page, 'on its way')
      await page.locator('#outbox [data-state=waiting], #outbox [data-state=stuck]').waitFor()
    }
  },
  'what can be done with a message': { as: 'Ada', prepare: (page) => about(page, 'Good morning') },
  'what can be done with one’s own': {
    as: 'Ada',
    prepare: async (page) => {
      await write(page, 'mine')
      await page.locator('#log .message.own', { hasText: 'mine' }).last().waitFor()
      await about(page, 'mine')
    }
  },
  'a message that is deleted': {
    as: 'Ada',
    prepare: async (page) => {
      await write(page, 'mine to delete')
      await page.locator('#log .message.own', { hasText: 'mine to delete' }).last().waitFor()
      await about(page, 'mine to delete')
      await choose(page, 'message.delete')
      await dialog(page)
    }
  },
  'an answer': {
    as: 'Ada',
    prepare: async (page) => {
      await about(page, 'Good morning')
      await choose(page, 'message.reply')
      await page.locator('#composer .about:visible').waitFor()
    }
  },
  'a text that is too long': { as: 'Ada', prepare: (page) => page.locator('#text').fill('x'.repeat(4_010)) },
  'a command there is not': { as: 'Ada', prepare: async (page) => { await write(page, '/nonsense'); await page.locator('#composer .problem:not(:empty)').waitFor() } },
  suggestions: {
    as: 'Ada',
    prepare: async (page, town) => {
      await town.comes('Robin')
      await page.locator('#people li').nth(1).waitFor({ state: 'attached' })
      await page.locator('#text').fill('@')
      await page.locator('#choices:visible').waitFor()
    }
  },
  'commands suggested': { as: 'Ada', prepare: async (page) => { await page.locator('#text').fill('/'); await page.locator('#choices:visible').waitFor() } },
  'the dialog for a name': { as: 'Ada', prepare: async (page) => { await page.locator('#me button').click(); await dialog(page) } },
  'a name that is refused': {
    as: 'Ada',
    prepare: async (page) => {
      await page.locator('#me button').click()
      await page.locator('dialog input').fill('admin')
      await page.keyboard.press('Enter')
      await page.locator('dialog .error:not(:empty)').waitFor()
    }
  },
  'a report': { as: 'Ada', prepare: async (page) => { await about(page, 'Good morning'); await choose(page, 'message.report'); await dialog(page) } },
  'the menu of the page': { as: 'Ada', prepare: async (page) => { await page.locator('#more').click(); await page.locator('[role=menu]').waitFor() } },
  'keyboard and commands': { as: 'Ada', prepare: async (page) => { await page.keyboard.press('Control+/'); await dialog(page) } },
  'about this place': { as: 'Ada', prepare: async (page) => { await page.locator('#more').click(); await page.locator('[role=menuitem]').last().click(); await dialog(page) } },
  'a toast': { prepare: async (page) => { await page.locator('#text').fill('/nick Ada Lee'); await page.keyboard.press('Enter'); await page.locator('.toast').waitFor() } },
  'a welcome': { as: 'Ada', welcomed: false, prepare: (page) => page.locator('#welcome:visible').waitFor() },
  'slow mode': { as: 'Ada', room: 'slow', prepare: async (page) => { await write(page, 'once'); await page.locator('#composer .waits').waitFor() } },
  'a room to read': { as: 'Ada', room: 'notices', prepare: (page) => page.locator('#composer.shut').waitFor() },
  'a room of a long name': { as: LONG_NAME, room: LONG_ROOM, prepare: async (page) => { await write(page, 'hello'); await shows(page, 'hello') } },
  'the rooms': {
    as: 'Ada',
    narrow: true,
    prepare: async (page) => { await page.locator('#open-rooms').click(); await page.locator('#rooms form').waitFor(); await page.locator('#go').fill('No!'); await page.keyboard.press('Enter') }
  },
  'the people': {
    as: 'Ada',
    narrow: true,
    prepare: async (page, town) => { await town.comes(LONG_NAME); await page.locator('#open-people').click(); await page.locator('#people li').nth(1).waitFor() }
  },
  'a moderator’s menu': { as: 'moderator', prepare: (page) => about(page, 'You are all wrong') },
  'a moderator’s menu of the page': { as: 'moderator', prepare: async (page) => { await page.locator('#more').click(); await page.locator('[role=menu]').waitFor() } },
  'a ban': { as: 'moderator', prepare: async (page) => { await about(page, 'You are all wrong'); await choose(page, 'moderation.ban-user'); await dialog(page) } },
  'what was reported': { as: 'moderator', prepare: async (page) => { await more(page, 0); await dialog(page) } },
  'mutes and bans': { as: 'moderator', prepare: async (page) => { await more(page, 1); await dialog(page) } },
  'the settings of a room': { as: 'moderator', prepare: async (page) => { await more(page, 2); await dialog(page) } },
  'a deletion that can be undone': {
    as: 'moderator',
    prepare: async (page, town) => {
      await town.says('Kit', 'to be deleted')
      await about(page, 'to be deleted')
      await choose(page, 'message.delete')
      await page.locator('.toast').waitFor()
    }
  },
  'within another page, to read': { path: 'embed?room=town' },
  'within another page, to write': { path: 'embed?room=town&composer=1', as: 'Ada' },
  'over a picture': {
    path: 'embed?room=town&overlay=1',
    dead: true,
    prepare: async (page, town) => {
      await page.locator('#connection[data-state=live]').waitFor({ state: 'attached' })
      await town.says('Mika', 'On the air')
      await page.locator('#log .message').first().waitFor()
    }
  },
  'an invitation': { path: 'join/abc', dead: true },
  'no script': { scripts: false, dead: true }
}

/** A tab of somebody's with a browser of their own. */
export async function tab (browser: Browser, look: Parameters<typeof visitor>[1] = {}): Promise<Page> {
  return (await visitor(browser, look)).newPage()
}

/** Shows the page in one of its states, to somebody who has never been there, whatever the tab has shown before. */
export async function show (page: Page, town: Town, state: State): Promise<Page> {
  const { room = 'town', path = `?room=${room}`, as, welcomed = true, scripts = true, dead, prepare } = state
  await page.unrouteAll()
  await page.context().setOffline(false)
  await page.context().clearCookies()
  if (scripts) {
    await page.goto(`${town.url}/healthz`) // The origin, without a page of ours.
    await page.evaluate(([welcome]) => {
      localStorage.clear()
      sessionStorage.clear()
      if (welcome !== undefined) localStorage.setItem('hubbub welcomed', welcome)
    }, welcomed ? [JSON.stringify(town.app.config.WELCOME)] : [])
  }
  const token = as === undefined ? undefined : as === 'moderator' ? (await moderator()).authorization!.replace('Bearer ', '') : await sign(user(as))
  await page.goto(`${town.url}/${path}${token === undefined ? '' : `#token=${token}`}`)
  if (dead !== true) {
    await page.locator('#connection[data-state=live]').waitFor()
    // What can wait has come, too.
    await page.locator('link[href="later.css"]').waitFor({ state: 'attached' })
    await page.locator('#log[aria-busy=false]').waitFor({ state: 'attached' })
    if (!path.startsWith('embed') || path.includes('composer')) await page.locator('#me:not([hidden])').waitFor({ state: 'attached' })
  }
  await prepare?.(page, town)
  // Fonts and what fades in.
  await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState === 'finished'), undefined, { timeout: 3_000 }).catch(() => {})
  return page
}

