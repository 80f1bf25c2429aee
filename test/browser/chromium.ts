/// <reference lib="dom" />
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { missing, temporaryDirectory } from '../harness.js'

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable']
const REMEDY = 'install Chromium: apt-get install chromium (or set CHROMIUM_PATH)'
/** No sandbox, so that it starts in a container as well; and no conversation of its own with the network. */
const ARGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'
]
/**
 * Sites of other names on this machine. Chromium has begun to keep pages of other sites from a network's addresses by itself, which not
 * every browser does: that is left out.
 */
export const OTHER_SITES = ['--host-resolver-rules=MAP *.example 127.0.0.1', '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests']
/** ms until a condition in the page must hold: long for a machine that does much else at the same time. */
const PATIENCE_MS = 20_000

/**
 * A real Chromium, for this test; undefined where there is none, which the test then has said.
 * @param args more of the command line
 */
export async function launch (t: Test, args: string[] = []): Promise<Browser | undefined> {
  const path = findChromium()
  if (missing(t, path, REMEDY)) return undefined
  const browser = await chromium.launch({ executablePath: path!, args: [...ARGS, ...args] })
  t.teardown(() => browser.close())
  return browser
}

/** One that blocks all cookies, and with them all storage. */
export async function launchWithoutCookies (t: Test): Promise<BrowserContext> {
  const profile = temporaryDirectory(t)
  mkdirSync(join(profile, 'Default'))
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }))
  const context = await chromium.launchPersistentContext(profile, { executablePath: findChromium()!, args: ARGS })
  t.teardown(() => context.close())
  context.setDefaultTimeout(PATIENCE_MS)
  return context
}

function findChromium (): string | undefined {
  const chosen = process.env['CHROMIUM_PATH']
  return (chosen === undefined ? PATHS : [chosen]).find((candidate) => existsSync(candidate))
}

/** An address of this machine in a network, where a browser does not trust plain HTTP as it does on the machine itself. */
export function lanAddress (): string | undefined {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? []).find(({ internal, family }) => !internal && family === 'IPv4')?.address
}

/** Somebody with a browser of their own: cookies are shared by the tabs of one visitor only. */
export async function visitor (browser: Browser, options: Parameters<Browser['newContext']>[0] = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(PATIENCE_MS)
  return context
}

/** The page in a new tab, when it says that it is live. */
export async function openPage (context: BrowserContext, url: string, room = 'lobby'): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${url}/?room=${room}`)
  await isLive(page)
  return page
}

export function connection (page: Page): ReturnType<Page['locator']> {
  return page.locator('#connection [role=status]')
}

declare global {
  /** What the page has said of its connection, kept in the page. */
  var said: string[]
}

/** From now on the page keeps what it says of its connection: a passing state could be missed by looking. */
export async function recordConnection (page: Page): Promise<void> {
  await page.evaluate(() => {
    const root = document.querySelector('#connection')!
    globalThis.said = []
    new MutationObserver(() => globalThis.said.push(root.textContent!)).observe(root, { subtree: true, childList: true, characterData: true })
  })
}

/** Waits until the page says that it is live. */
export async function isLive (page: Page): Promise<void> {
  await connection(page).and(page.getByText('Live', { exact: true })).waitFor()
}

/** Writes a message and sends it, as people do. */
export async function say (page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.getByLabel('Message', { exact: true }).press('Enter')
}

/** What the log shows, message by message. */
export function messages (page: Page): Promise<string[]> {
  return page.locator('#log .message .text').allTextContents()
}

/** Waits until the log shows the text. */
export async function shows (page: Page, text: string): Promise<void> {
  await page.locator('#log .message .text').and(page.getByText(text, { exact: true })).first().waitFor()
}

/** The log from top to bottom: what was said, and what the page itself remarks; not who came and went. */
export function logLines (page: Page): Promise<string[]> {
  return page.locator('#log').evaluate((log) => Array.from(log.querySelectorAll('.message .text, .line:not(.comings)'), ({ textContent }) => textContent!))
}

/** Nobody sees the tab, or somebody does again. */
export async function see (page: Page, visible: boolean): Promise<void> {
  await page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
    document.dispatchEvent(new Event('visibilitychange'))
  }, visible ? 'visible' : 'hidden')
}

/** Lets no stream through, until told to. @returns lets them through again, and has the page try at once */
export async function keepAway (page: Page): Promise<() => Promise<void>> {
  const away = (url: URL): boolean => url.pathname === '/events' && url.searchParams.has('room')
  await page.route(away, (route) => route.abort())
  return async () => {
    await page.unroute(away)
    // It may have come back by itself, and the button be gone.
    await page.locator('#connection button').evaluate((button) => (button as HTMLElement).click())
  }
}

export function ownName (page: Page): Promise<string> {
  return page.locator('#me .author').innerText()
}
