import type { Page } from 'playwright-core'
import t from 'tap'
import { call, eventually, post, startApp } from '../harness.js'
import { bare, begin, countStreams, hasTold, isLive, pending, somebody, tab, texts } from './bare-page.js'
import { launch } from './chromium.js'

t.test('tabs that do not go with the others, and what they leave', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return

  await t.test('one that may not read its room is refused alone', async (t) => {
    const running = await startApp(t, { PRIVATE_ROOMS: 'secret' })
    const context = await somebody(t, browser)
    const lobby = await tab(context, running)
    const secret = await bare(context, running)
    await begin(secret, { rooms: ['secret'] })
    await secret.waitForFunction(() => globalThis.chat.state.state === 'refused')
    await isLive(lobby)
    await post(running.url, { message: 'hi' })
    await hasTold(lobby, 'hi')
    // And where it is the first.
    await lobby.close()
    await isLive(await tab(context, running))
  })

  await t.test('one that reads no room that is forbidden is not refused with one that does', async (t) => {
    const running = await startApp(t, { PRIVATE_ROOMS: 'secret' })
    const context = await somebody(t, browser)
    const both = await bare(context, running)
    await begin(both, { rooms: ['lobby', 'secret'] })
    await both.waitForFunction(() => globalThis.chat.state.state === 'refused')
    const lobby = await tab(context, running)
    await post(running.url, { message: 'hi' })
    await hasTold(lobby, 'hi')
  })

  await t.test('more rooms than a stream can have are more streams', async (t) => {
    const running = await startApp(t)
    const streams = countStreams(running)
    const context = await somebody(t, browser)
    const rooms = (from: number): string[] => Array.from({ length: 8 }, (_, index) => `room-${from + index}`)
    const pages = [await tab(context, running, { rooms: rooms(0) }), await tab(context, running, { rooms: rooms(8) }), await tab(context, running, { rooms: rooms(16) })]
    await eventually(() => streams.open === 2, 'the third has its own')
    for (const [index, page] of pages.entries()) {
      await post(running.url, { room: `room-${8 * index}`, message: `for ${index}` })
      await hasTold(page, `for ${index}`)
    }
  })

  await t.test('where no tab reads any more, nobody is seen', async (t) => {
    const running = await startApp(t, { PRESENCE_GRACE: '100ms' })
    const context = await somebody(t, browser)
    const lobby = await tab(context, running)
    const others = [await tab(context, running, { rooms: ['one'] }), await tab(context, running, { rooms: ['lobby', 'two'] })]
    const online = async (room: string): Promise<number> => (await call(`${running.url}/users?room=${room}`)).body.count
    for (const room of ['one', 'two']) await eventually(async () => await online(room) === 1, `somebody is in ${room}`)
    await others[0]!.close()
    await others[1]!.evaluate(() => globalThis.chat.leave('two'))
    for (const room of ['one', 'two']) await eventually(async () => await online(room) === 0, `nobody is in ${room}`)
    t.equal(await online('lobby'), 1)
    t.strictSame(await lobby.evaluate(() => globalThis.states.filter(({ state: { state } }) => state === 'offline')), [])
  })

  await t.test('without Web Locks each visible one streams, and a hidden one does not', async (t) => {
    const running = await startApp(t)
    const streams = countStreams(running)
    const context = await somebody(t, browser)
    await context.addInitScript(() => {
      Object.defineProperty(navigator, 'locks', { value: undefined })
      let state = 'visible'
      Object.defineProperty(document, 'visibilityState', { get: () => state, set: (value) => { state = value } })
    })
    const pages = [await tab(context, running), await tab(context, running)]
    t.equal(streams.open, 2)
    const look = (page: Page, state: string): Promise<void> => page.evaluate((state) => {
      Object.assign(document, { visibilityState: state })
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)
    await look(pages[0]!, 'hidden')
    await eventually(() => streams.open === 1, 'it has given its stream up')
    t.match(await pages[0]!.evaluate(() => globalThis.chat.state), { state: 'connecting' }, 'and says so')
    await post(running.url, { message: 'meanwhile' })
    await hasTold(pages[1]!, 'meanwhile')
    await look(pages[0]!, 'visible')
    await hasTold(pages[0]!, 'meanwhile')
    await isLive(pages[0]!)
    t.equal(streams.open, 2)
    const behind = await bare(context, running)
    await behind.evaluate(() => { Object.assign(document, { visibilityState: 'hidden' }) })
    await begin(behind)
    await behind.evaluate(() => globalThis.chat.history('lobby'))
    t.equal(streams.open, 2, 'one that opens behind the others does not stream')
    await look(behind, 'visible')
    await isLive(behind)
  })

  await t.test('storage is denied: they talk, and share all the same', async (t) => {
    const running = await startApp(t)
    const streams = countStreams(running)
    const context = await somebody(t, browser)
    await context.addInitScript(() => {
      for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(globalThis, name, { get: () => { throw new DOMException('denied', 'SecurityError') } })
    })
    const pages = [await tab(context, running), await tab(context, running)]
    for (const page of pages) await page.evaluate(() => globalThis.chat.post('hi'))
    for (const page of pages) await page.waitForFunction(() => globalThis.told.length === 2)
    t.equal(streams.open, 1)
  })

  await t.test('a copy of a tab is another tab', async (t) => {
    const running = await startApp(t)
    const context = await somebody(t, browser)
    const one = await tab(context, running)
    const id = await one.evaluate(() => sessionStorage.getItem('hubbub tab')!)
    const copy = await bare(context, running)
    await copy.evaluate((id) => sessionStorage.setItem('hubbub tab', id), id)
    await begin(copy)
    await isLive(copy)
    t.not(await copy.evaluate(() => sessionStorage.getItem('hubbub tab')!), id)
    await one.reload()
    await begin(one)
    await isLive(one)
    t.equal(await one.evaluate(() => sessionStorage.getItem('hubbub tab')), id, 'a tab that is loaded again is the same')
    await one.evaluate(() => globalThis.chat.close())
    await begin(one)
    await isLive(one)
    t.equal(await one.evaluate(() => sessionStorage.getItem('hubbub tab')), id, 'and so is one that has closed its client and has another one')
  })

  await t.test('what is not sent outlives a reload, and where its tab is gone another one sends it', async (t) => {
    const running = await startApp(t)
    const context = await somebody(t, browser)
    const one = await tab(context, running)
    let cut = true
    await context.route('**/events', (route) => cut && route.request().method() === 'POST' ? route.abort() : route.fallback())
    await one.evaluate(() => { globalThis.chat.post('first'); globalThis.chat.post('second') })
    await one.waitForFunction(() => globalThis.chat.pending[0]?.failure !== undefined)
    await one.reload()
    await begin(one)
    await one.waitForFunction(() => globalThis.chat.pending.length === 2)
    t.strictSame((await pending(one)).map(({ draft }) => draft.message), ['first', 'second'])

    const other = await tab(context, running)
    t.strictSame(await pending(other), [], 'they are not another tab\'s while theirs is there')
    await one.close()
    await other.waitForFunction(() => globalThis.chat.pending.length === 2)
    cut = false
    await hasTold(other, 'second')
    t.strictSame(await texts(other), ['first', 'second'])
    t.strictSame(await other.evaluate(() => Object.keys(localStorage).filter((key) => key.includes('outbox'))), [])
  })

  await t.test('a guest by cookie and one by token are two, and each can speak', async (t) => {
    const running = await startApp(t)
    const context = await somebody(t, browser)
    const pages = [await tab(context, running), await tab(context, running, { cookies: false })]
    const authors = await Promise.all(pages.map((page) => page.evaluate(async () => {
      const { user } = await globalThis.chat.post('hi') as { user: { id: string } }
      return [user.id, globalThis.chat.user!.id]
    })))
    for (const [author, self] of authors) t.equal(author, self)
    t.not(authors[0]![0], authors[1]![0])
  })

  await t.test('a guest of another site is one guest in all tabs', async (t) => {
    const running = await startApp(t, { PRESENCE_GRACE: '100ms' })
    const context = await somebody(t, browser)
    const pages = [await tab(context, running, { cookies: false }), await tab(context, running, { cookies: false })]
    for (const page of pages) t.match(await page.evaluate(() => globalThis.chat.post('hi')), { message: 'hi' })
    t.equal(new Set(await Promise.all(pages.map((page) => page.evaluate(() => globalThis.told[0]!.user.id)))).size, 1)
    await pages[1]!.evaluate(() => globalThis.chat.setName('Ada Lovelace'))
    await pages[0]!.waitForFunction(() => globalThis.chat.user!.name === 'Ada Lovelace')
    await pages[0]!.close()
    t.match(await pages[1]!.evaluate(() => globalThis.chat.post('still me')), { user: { name: 'Ada Lovelace' } })
  })
})
