import t from 'tap'
import { startServer, temporaryDirectory } from '../harness.js'
import { isLive, launch, ownName, say, shows, visitor } from '../browser/chromium.js'
import { freePort } from '../redis/free-port.js'
import { missingCaddy, startCaddy } from './caddy.js'

/** Two of them on one host: Caddy takes the path of the one off, and leaves that of the other. */
const CADDYFILE = `{
  admin off
  skip_install_trust
  http_port {$HTTP_PORT}
  https_port {$HTTPS_PORT}
}
localhost, http://localhost:{$PLAIN_PORT} {
  respond /metrics 404
  redir /chat /chat/
  handle_path /chat/* {
    reverse_proxy STRIPPED
  }
  handle /talk* {
    reverse_proxy WHOLE
  }
}
`

t.test('under a path of a host, by HTTPS, in Chromium', { timeout: 120_000 }, async (t) => {
  if (missingCaddy(t)) return
  const browser = await launch(t)
  if (browser === undefined) return
  const ports = [await freePort(), await freePort()]
  const caddy = await startCaddy(t, [], CADDYFILE.replace('STRIPPED', `127.0.0.1:${ports[0]}`).replace('WHOLE', `127.0.0.1:${ports[1]}`))
  const servers = await Promise.all(['chat', 'talk'].map((path, index) => startServer(t, {
    DATA_DIR: temporaryDirectory(t), PORT: String(ports[index]), PUBLIC_URL: `${caddy.secure}/${path}/`, TRUST_PROXY: 'loopback'
  })))
  const context = await visitor(browser, { ignoreHTTPSErrors: true })
  const names: string[] = []

  for (const path of ['chat', 'talk']) {
    await t.test(`/${path}`, async (t) => {
      const page = await context.newPage()
      const said: string[] = []
      page.on('console', (message) => said.push(message.text()))
      // As somebody types it: without the last slash.
      await page.goto(`${caddy.secure}/${path}?room=tea`)
      t.equal(page.url(), path === 'chat' ? `${caddy.secure}/chat/` : `${caddy.secure}/talk/?room=tea`)
      await isLive(page)
      await say(page, `in ${path}`)
      await shows(page, `in ${path}`)
      names.push(await ownName(page))
      await page.reload()
      await isLive(page)
      t.equal(await ownName(page), names.at(-1))
      await page.goto(`${caddy.secure}/${path}/docs`)
      await page.locator('.opblock').first().waitFor()
      const users = page.locator('#operations-users-get_users')
      await users.locator('.opblock-summary-control').click()
      await users.getByRole('button', { name: 'Try it out' }).click()
      await users.getByRole('button', { name: 'Execute' }).click()
      await users.locator('.live-responses-table .response-col_status').getByText('200').waitFor()
      t.strictSame(said, [])
    })
  }

  await t.test('each has a cookie of its own, which comes by HTTPS only', async (t) => {
    const cookies = await context.cookies()
    t.strictSame(cookies.map(({ name, path, secure, httpOnly, sameSite }) => ({ name, path, secure, httpOnly, sameSite })).sort((a, b) => a.name < b.name ? -1 : 1),
      ['chat', 'talk'].map((path) => ({ name: `__Host-hubbub-${path}`, path: '/', secure: true, httpOnly: true, sameSite: 'Lax' })))
    const page = await context.newPage()
    await page.goto(`${caddy.secure}/chat/`)
    await isLive(page)
    t.equal(await ownName(page), names[0], 'who has been to the other is still the same here')
    for (const { output } of servers) t.notMatch(output(), 'TRUST_PROXY', 'and the proxy is known')
  })
})
