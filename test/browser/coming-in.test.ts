import t from 'tap'
import { call, post, startApp } from '../harness.js'
import { SECRET, bearer, inSeconds, sign } from '../host-application.js'
import { connection, isLive, launch, launchWithoutCookies, messages, ownName, say, shows, visitor } from './chromium.js'

t.test('somebody opens an invitation, comes in, and talks in the private room', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'team-*' })
  const mod = await bearer({ sub: 'm', name: 'Mona', rooms: { moderate: ['team-red'] } })
  const { body: { path, id } } = await call(`${url}/invites`, { body: { room: 'team-red' }, headers: mod })
  await post(url, { room: 'team-red', message: 'welcome' }, mod)
  const context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(`${url}/?room=team-red`)
  await connection(page).and(page.getByText(/There is no room "team-red" here/)).waitFor()

  await page.goto(`${url}/${path}`)
  await page.getByRole('heading', { name: 'You are invited' }).waitFor()
  if (process.env['SCREENSHOTS'] !== undefined) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/join.png` })
  await page.keyboard.press('Enter')
  await isLive(page)
  t.equal(await page.locator('#room').innerText(), 'team-red')
  await shows(page, 'welcome')
  await say(page, 'thanks')
  await shows(page, 'thanks')

  await call(`${url}/invites/${id}?members=1`, { method: 'DELETE', headers: mod })
  await connection(page).and(page.getByText(/There is no room "team-red" here/)).waitFor()
  await page.goto(`${url}/${path}`)
  await page.getByRole('button', { name: 'Come in' }).click()
  await page.getByRole('status').getByText(/no longer, good/).waitFor()
})

t.test('an invitation is good where cookies are blocked, too', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'team-*' })
  const mod = await bearer({ sub: 'm', name: 'Mona', rooms: { moderate: ['team-red'] } })
  const { body: { path } } = await call(`${url}/invites`, { body: { room: 'team-red' }, headers: mod })
  const context = await launchWithoutCookies(t)
  const page = await context.newPage()
  await page.goto(`${url}/${path}`)
  await page.getByRole('button', { name: 'Come in' }).click()
  await isLive(page)
  t.equal(page.url(), `${url}/?room=team-red`, 'the address keeps no token')
  await say(page, 'thanks')
  await shows(page, 'thanks')
})

t.test('an application\'s user comes in by a token in the address, which does not stay there, and is told when it ends', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, { JWT_SECRET: SECRET, ACCESS: 'token' })
  const context = await visitor(browser)
  const page = await context.newPage()
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.goto(url)
  await connection(page).and(page.getByText(/This is for who has a token/)).waitFor()
  if (process.env['SCREENSHOTS'] !== undefined) await page.screenshot({ path: `${process.env['SCREENSHOTS']}/token-required.png` })

  await page.goto(`${url}/#token=${await sign({ sub: 'ada', name: 'Ada', exp: inSeconds(25) })}`)
  await page.reload()
  await isLive(page)
  t.equal(await ownName(page), 'Ada')
  t.equal(page.url(), `${url}/`)
  await say(page, 'hello')
  await shows(page, 'hello')
  t.strictSame(await messages(page), ['hello'])
  t.notOk(asked.some((address) => /token/.test(address)), 'and no request\'s address has it')
  await connection(page).and(page.getByText(/The token has expired/)).waitFor({ timeout: 60_000 })
})

t.test('a token in the address holds where the tab\'s storage is full', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const context = await visitor(browser)
  await context.addInitScript(() => {
    const { setItem } = Storage.prototype
    Storage.prototype.setItem = function (key, value) {
      if (value.length > 100) throw new DOMException('full', 'QuotaExceededError')
      setItem.call(this, key, value)
    }
  })
  const page = await context.newPage()
  await page.goto(`${url}/#token=${await sign({ sub: 'ada', name: 'Ada' })}`)
  await isLive(page)
  t.equal(await ownName(page), 'Ada')
  t.equal(page.url(), `${url}/`)
})

t.test('a program\'s messages carry a badge', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, { JWT_SECRET: SECRET })
  const { body: { token } } = await call(`${url}/tokens`, { body: { name: 'Deploys', rooms: { write: ['lobby'] } }, headers: await bearer({ rooms: { moderate: ['*'] } }) })
  await post(url, { message: 'deployed' }, { authorization: `Bearer ${token}` })
  const page = await (await visitor(browser)).newPage()
  await page.goto(url)
  await shows(page, 'deployed')
  t.equal(await page.locator('#log .message .badge').innerText(), 'bot')
})
