import type { Page } from 'playwright-core'
import t from 'tap'
import { build } from '../../src/app.js'
import { readConfig } from '../../src/plugins/config.js'
import { missing, startApp, temporaryDirectory } from '../harness.js'
import { OTHER_SITES, isLive, lanAddress, launch, say, shows, visitor } from './chromium.js'
import { otherSite } from './other-site.js'

/** What the browser has to say about a page. */
function console (page: Page): string[] {
  const said: string[] = []
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', (error) => said.push(error.message))
  return said
}

t.test('what browsers are told not to do', { timeout: 180_000 }, async (t) => {
  const browser = await launch(t, OTHER_SITES)
  if (browser === undefined) return

  await t.test('on an address of the network by plain HTTP, the page works and nothing is warned of', async (t) => {
    const address = lanAddress()
    if (missing(t, address, 'connect this machine to a network: it has no address but its own')) return
    const app = await build(readConfig({ DATA_DIR: temporaryDirectory(t), LIMITS: 'off' }))
    t.teardown(() => app.close())
    await app.listen({ port: 0, host: '0.0.0.0' })
    const { port } = app.server.address() as { port: number }
    const context = await visitor(browser)
    const page = await context.newPage()
    const said = console(page)
    await page.goto(`http://${address}:${port}/`)
    t.equal(await page.evaluate(() => isSecureContext), false)
    await isLive(page)
    await say(page, 'from the sofa')
    await shows(page, 'from the sofa')
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByLabel('Name', { exact: true }).fill('Sofa')
    await page.getByLabel('Name', { exact: true }).press('Enter')
    await page.locator('#people .author').getByText('Sofa').waitFor()
    await page.reload()
    await isLive(page)
    await page.locator('#me .author').getByText('Sofa', { exact: true }).waitFor()
    t.strictSame(said, [])
  })

  await t.test('the host\'s own colour is the page\'s', async (t) => {
    const { url } = await startApp(t, { ACCENT_COLOR: '#123456', SITE_NAME: 'Tea & Co' })
    const page = await (await visitor(browser)).newPage()
    const said = console(page)
    await page.goto(`${url}/`)
    await isLive(page)
    t.equal(await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue('--brand')), '#123456')
    t.strictSame(said, [])
  })

  await t.test('the documentation is shown whole, and can be tried', async (t) => {
    const { url } = await startApp(t)
    const page = await (await visitor(browser)).newPage()
    const said = console(page)
    const elsewhere: string[] = []
    page.on('request', (request) => { if (!request.url().startsWith(url) && !request.url().startsWith('data:')) elsewhere.push(request.url()) })
    await page.goto(`${url}/docs`)
    await page.locator('.opblock').first().waitFor()
    const users = page.locator('#operations-users-get_users')
    await users.locator('.opblock-summary-control').click()
    await users.getByRole('button', { name: 'Try it out' }).click()
    await users.getByRole('button', { name: 'Execute' }).click()
    await users.locator('.live-responses-table .response-col_status').getByText('200').waitFor()
    t.strictSame(said, [], 'the policy refuses nothing')
    t.strictSame(elsewhere, [])
  })

  await t.test('the page is shown in frames of EMBED_ORIGINS, and of nobody else', async (t) => {
    const framing = async (environment: Record<string, string>, host: string, port: number): Promise<Page> => {
      const { url } = await startApp(t, environment)
      const page = await (await visitor(browser)).newPage()
      await page.route(`http://${host}:${port}/`, (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html><iframe src="${url}/?room=lobby"></iframe>` }))
      const arrived = page.waitForResponse((response) => response.url().startsWith(url))
      await page.goto(`http://${host}:${port}/`)
      await arrived
      await page.frames()[1]!.waitForLoadState()
      return page
    }
    const site = await otherSite(t)
    const friend = { EMBED_ORIGINS: `http://friend.example:${site}` }
    const shown = await framing(friend, 'friend.example', site)
    await shown.frameLocator('iframe').locator('#room').getByText('lobby').waitFor()
    t.equal(await shown.frameLocator('iframe').locator('#text').isVisible(), true)
    for (const [environment, host] of [[friend, 'evil.example'], [{}, 'friend.example']] as Array<[Record<string, string>, string]>) {
      const page = await framing(environment, host, site)
      t.equal(await page.frameLocator('iframe').locator('#room').count(), 0, `${host} with ${JSON.stringify(environment)}`)
    }
  })

  await t.test('a page of another site can load a file, and read no answer as an image or script', async (t) => {
    const { url } = await startApp(t, { CORS_ORIGINS: 'http://friend.example' })
    const page = await (await visitor(browser)).newPage()
    await page.goto(`http://evil.example:${await otherSite(t)}/`)
    const loads = (tag: string, path: string, type = ''): Promise<boolean> => page.evaluate(([tag, source, type]) => new Promise<boolean>((resolve) => {
      const element = document.createElement(tag!) as HTMLImageElement
      element.onload = () => resolve(true)
      element.onerror = () => resolve(false)
      if (type !== '') element.setAttribute('type', type!)
      element.src = source!
      document.body.append(element)
    }), [tag, `${url}${path}`, type])
    t.equal(await loads('img', '/favicon.svg'), true)
    t.equal(await loads('script', '/client/ids.js'), true)
    for (const path of ['/embed.js', '/vendor/eventsource-parser.js', '/client.js']) t.equal(await loads('script', path, 'module'), true, `${path}, and what it imports`)
    t.equal(await page.evaluate(async (source) => typeof (await import(source)).createParser, `${url}/vendor/eventsource-parser.js`), 'function')
    for (const path of ['/users', '/rooms', '/docs/json', '/docs/static/swagger-ui-bundle.js']) t.equal(await loads('script', path), false, path)
  })
})
