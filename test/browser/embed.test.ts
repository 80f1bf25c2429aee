import type { FrameLocator, Page } from 'playwright-core'
import t from 'tap'
import { call, eventually, guest, post, startApp } from '../harness.js'
import { OTHER_SITES, launch, visitor } from './chromium.js'
import { otherSite } from './other-site.js'

/** ms until something in a frame must hold. */
const PATIENCE_MS = 20_000

t.test('a room within a page of another site', async (t) => {
  const browser = await launch(t, OTHER_SITES)
  if (browser === undefined) return
  const site = `http://friend.example:${await otherSite(t)}`
  const { url } = await startApp(t, { EMBED_ORIGINS: site })

  /** A page of the other site with this in it. */
  const around = async (markup: string, prepare: (page: Page) => Promise<void> = async () => {}): Promise<Page> => {
    const page = await (await visitor(browser)).newPage()
    await prepare(page)
    await page.route(`${site}/`, (route) => route.fulfill({
      contentType: 'text/html',
      body: `<!doctype html><meta charset="utf-8"><body style="background: rgb(0, 128, 0)"><script type="module" src="${url}/embed.js"></script>${markup}`
    }))
    await page.goto(`${site}/`)
    return page
  }
  const chat = (page: Page): FrameLocator => page.frameLocator('hubbub-chat iframe')
  const isLive = (page: Page): Promise<void> => chat(page).locator('#connection [role=status]').getByText('Live', { exact: true }).waitFor({ timeout: PATIENCE_MS })
  const shows = (page: Page, text: string): Promise<void> => chat(page).locator('#log .text').getByText(text, { exact: true }).waitFor({ timeout: PATIENCE_MS })
  const online = async (room: string): Promise<number> => (await call(`${url}/users?room=${room}`)).body.count

  await t.test('to read: by one line, and nobody is there for it', async (t) => {
    await post(url, { message: 'from before', room: 'news' })
    const page = await around('<hubbub-chat room="news"></hubbub-chat>')
    await isLive(page)
    await shows(page, 'from before')
    await post(url, { message: 'from now', room: 'news' })
    await shows(page, 'from now')
    t.equal(await chat(page).locator('#text').count(), 0, 'there is nothing to write in')
    t.equal(await online('news'), 0)
    t.strictSame(await page.context().cookies(), [], 'and no cookie')
  })

  await t.test('to write: as the same guest after a reload, without a cookie', async (t) => {
    const page = await around('<hubbub-chat room="talk" composer></hubbub-chat>')
    await isLive(page)
    const write = async (text: string): Promise<void> => {
      await chat(page).locator('#text').fill(text)
      await chat(page).locator('#text').press('Enter')
      await shows(page, text)
    }
    await write('hello from the frame')
    const name = await chat(page).locator('#me .author').innerText()
    t.equal(await online('talk'), 1)
    await page.reload()
    await isLive(page)
    await write('me again')
    const { body: { events } } = await call(`${url}/rooms/talk/events`)
    t.strictSame(events.map(({ message, user }: { message: string, user: { name: string } }) => [message, user.name]), [['hello from the frame', name], ['me again', name]])
    t.strictSame(await page.context().cookies(), [])
  })

  await t.test('where a browser denies the frame its storage: for as long as it is open', async () => {
    const page = await around('<hubbub-chat room="private-window" composer></hubbub-chat>', async (page) => void await page.addInitScript(() => {
      for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get: () => { throw new DOMException('denied', 'SecurityError') } })
    }))
    await isLive(page)
    await chat(page).locator('#text').fill('nothing is kept')
    await chat(page).locator('#text').press('Enter')
    await shows(page, 'nothing is kept')
  })

  await t.test('as somebody whom the page around it knows', async (t) => {
    const { authorization, name } = await guest(url)
    const token = authorization.slice('Bearer '.length)
    const asked: string[] = []
    const page = await around(`<hubbub-chat room="known" composer token="${token}"></hubbub-chat>`, async (page) => void page.on('request', (request) => asked.push(request.url())))
    const isCalled = (name: string): Promise<void> => chat(page).locator('#me .author').getByText(name, { exact: true }).waitFor({ timeout: PATIENCE_MS })
    await isLive(page)
    await isCalled(name)
    t.notOk(asked.some((address) => address.includes(token)), 'no request\'s address has the token')
    const other = await guest(url)
    await page.locator('hubbub-chat').evaluate((element, token) => element.setAttribute('token', token), other.authorization.slice('Bearer '.length))
    await isCalled(other.name)
    await page.locator('hubbub-chat').evaluate((element) => element.removeAttribute('token'))
    await chat(page).locator('#me .author').getByText(other.name, { exact: true }).waitFor({ state: 'detached', timeout: PATIENCE_MS })
    await isLive(page)
    const now = await chat(page).locator('#me .author').innerText()
    t.notOk([name, other.name].includes(now), 'who has gone speaks no more')
  })

  await t.test('in the colours of the page around it', async (t) => {
    const page = await around('<style>hubbub-chat { --hubbub-background: rgb(1, 2, 3); --hubbub-accent: rebeccapurple; --hubbub-text: url(javascript:alert(1)) }</style><hubbub-chat room="colours" theme="dark"></hubbub-chat>')
    await isLive(page)
    const style = (property: string): Promise<string> => chat(page).locator('body').evaluate((body, property) => getComputedStyle(body).getPropertyValue(property), property)
    t.equal(await style('background-color'), 'rgb(1, 2, 3)')
    t.equal(await style('--brand'), 'rebeccapurple')
    t.match(await style('color'), /^rgb\(2[0-9]{2}, /, 'what is no colour is not taken')
  })

  await t.test('over a picture: nothing but what is said, for a while', async (t) => {
    await post(url, { message: 'from before', room: 'stage' })
    const page = await around('<hubbub-chat room="stage" overlay fade="1"></hubbub-chat>')
    await chat(page).locator('body.overlay').waitFor({ timeout: PATIENCE_MS })
    await eventually(async () => await chat(page).locator('#connection').getAttribute('data-state') === 'live', 'it is live')
    await post(url, { message: 'on air', room: 'stage' })
    const text = chat(page).locator('#log .text').getByText('on air', { exact: true })
    await text.waitFor({ timeout: PATIENCE_MS })
    await post(url, { message: 'still on air', room: 'stage' })
    await chat(page).locator('#log .text').getByText('still on air', { exact: true }).waitFor({ timeout: PATIENCE_MS })
    t.strictSame(await chat(page).locator('#log .text').allTextContents(), ['on air', 'still on air'], 'and nothing that was said before')
    t.equal(await chat(page).locator('#connection').isVisible(), false)
    t.equal(await chat(page).locator('body').evaluate((body) => getComputedStyle(body).backgroundColor), 'rgba(0, 0, 0, 0)', 'what is behind it is seen')
    await text.waitFor({ state: 'hidden', timeout: PATIENCE_MS })
    t.equal(await online('stage'), 0)
  })

  await t.test('the same where somebody wants less motion', async () => {
    const page = await around('<hubbub-chat room="calm-stage" overlay fade="2"></hubbub-chat>', (page) => page.emulateMedia({ reducedMotion: 'reduce' }))
    await eventually(async () => await chat(page).locator('#connection').getAttribute('data-state') === 'live', 'it is live')
    await post(url, { message: 'on air', room: 'calm-stage' })
    const text = chat(page).locator('#log .text').getByText('on air', { exact: true })
    await text.waitFor({ timeout: PATIENCE_MS })
    await text.waitFor({ state: 'hidden', timeout: PATIENCE_MS })
  })

  await t.test('another room from now on', async () => {
    await post(url, { message: 'in the other', room: 'other' })
    const page = await around('<hubbub-chat room="one"></hubbub-chat>')
    await isLive(page)
    await page.locator('hubbub-chat').evaluate((element) => element.setAttribute('room', 'other'))
    await shows(page, 'in the other')
  })
})
