import t from 'tap'
import type { ChatEvent } from '../../static/client.js'
import { call, eventually, post, startApp } from '../harness.js'
import { countStreams, hasAll, hasTold, isLive, liveSince, somebody, speaker, tab, texts } from './bare-page.js'
import { launch } from './chromium.js'

t.test('the tabs of a browser', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return

  await t.test('ten of them are one stream and one user, and leave the browser its connections', async (t) => {
    const running = await startApp(t, { PRESENCE_GRACE: '100ms' })
    const streams = countStreams(running)
    const context = await somebody(t, browser)
    const pages = [await tab(context, running)]
    pages.push(...await Promise.all(Array.from({ length: 9 }, () => tab(context, running))))
    t.equal(streams.asked, 1)
    t.equal(streams.open, 1)
    t.equal((await call(`${running.url}/users`)).body.count, 1)
    const users = await Promise.all(pages.map((page) => page.evaluate(() => globalThis.chat.user!.id)))
    t.equal(new Set(users).size, 1)

    const sent = await Promise.all(pages.map((page, index) => page.evaluate((text) => globalThis.chat.post(text), `from tab ${index}`))) as ChatEvent[]
    t.equal(new Set(sent.map(({ user }) => user.id)).size, 1, 'each of them can post')
    for (const page of pages) t.equal((await page.evaluate(() => globalThis.chat.history('lobby'))).events.length, 10, 'and ask')
    const order = sent.map(({ id, message }) => ({ id, message })).sort((a, b) => parseInt(a.id) - parseInt(b.id) || parseInt(a.id.split('-')[1]!) - parseInt(b.id.split('-')[1]!)).map(({ message }) => message)
    for (const page of pages) {
      await page.waitForFunction(() => globalThis.told.length === 10 && globalThis.chat.pending.length === 0)
      t.strictSame(await texts(page), order)
    }
    t.equal(streams.asked, 1)
  })

  await t.test('so are those that open at once', async (t) => {
    const running = await startApp(t)
    const streams = countStreams(running)
    const context = await somebody(t, browser)
    const pages = await Promise.all(Array.from({ length: 6 }, () => tab(context, running, { history: 5 })))
    t.equal(streams.open, 1)
    await post(running.url, { message: 'hi' })
    for (const page of pages) {
      await hasTold(page, 'hi')
      t.strictSame(await texts(page), ['hi'])
    }
  })

  await t.test('the one that streams is closed while somebody talks: the others have everything once', async (t) => {
    const running = await startApp(t)
    const context = await somebody(t, browser)
    const pages = [await tab(context, running), await tab(context, running), await tab(context, running), await tab(context, running)]
    const { posted, stop } = await speaker(t, running.url)
    while (pages.length > 1) {
      await hasTold(pages.at(-1)!, posted.at(-1)!)
      const closed = Date.now()
      await pages.shift()!.close()
      t.comment(`${await liveSince(pages[0]!, closed)} ms until the next one is live`)
    }
    await stop()
    await hasAll(t, pages[0]!, posted, 'everything')
  })

  await t.test('the one that streams is frozen, and wakes', async (t) => {
    const running = await startApp(t)
    const streams = countStreams(running)
    const context = await somebody(t, browser)
    const leader = await tab(context, running)
    const other = await tab(context, running)
    const { posted, stop } = await speaker(t, running.url)
    await hasTold(other, posted.at(-1)!)
    await hasTold(leader, posted.at(-1)!)
    const frozen = Date.now()
    // A browser freezes only what is hidden, which a page that a test drives never is: it is told of it, and then nothing runs in it.
    await leader.evaluate(() => document.dispatchEvent(new Event('freeze')))
    const frozenFor = leader.evaluate(() => {
      const until = Date.now() + 3_000
      while (Date.now() < until);
      document.dispatchEvent(new Event('resume'))
    })
    t.comment(`${await liveSince(other, frozen)} ms until another one is live`)
    await hasTold(other, posted.at(-1)!)
    await frozenFor
    await hasTold(leader, posted.at(-1)!)
    await isLive(leader)
    await stop()
    for (const [page, what] of [[leader, 'the one that was frozen'], [other, 'the other one']] as const) await hasAll(t, page, posted, what)
    await eventually(() => streams.open === 1, 'there is one stream')
  })

  await t.test('the one that streams hangs: a visible one takes over, and the first follows when it is back', async (t) => {
    const running = await startApp(t)
    const streams = countStreams(running)
    const context = await somebody(t, browser)
    const leader = await tab(context, running)
    const others = [await tab(context, running), await tab(context, running)]
    const { posted, stop } = await speaker(t, running.url)
    for (const page of [leader, ...others]) await hasTold(page, posted.at(-1)!)
    const hanging = leader.evaluate(() => {
      const until = Date.now() + 6_000
      const began = Date.now()
      while (Date.now() < until);
      return { began, ended: Date.now() }
    })
    const before = posted.length
    for (const page of others) await page.waitForFunction((number) => globalThis.told.some(({ message }) => message === `number ${number}`), before + 50)
    const { began, ended } = await hanging
    for (const page of others) {
      const states = await page.evaluate(() => globalThis.states)
      const live = states.find(({ state, at }) => state.state === 'live' && at > began)!
      t.ok(live.at < ended, 'before the first is back')
      t.comment(`${live.at - began} ms until another one is live`)
    }
    await hasTold(leader, posted.at(-1)!)
    await isLive(leader)
    await leader.waitForFunction(() => globalThis.continuities.length > 0)
    t.match(await leader.evaluate(() => globalThis.continuities), [{ room: 'lobby', gaps: [] }], 'it says that nothing is missing')
    await stop()
    for (const page of [leader, ...others]) await hasAll(t, page, posted, 'everything')
    await eventually(() => streams.open === 1, 'there is one stream')
    const asked = streams.asked
    await post(running.url, { message: 'at last' })
    for (const page of [leader, ...others]) await hasTold(page, 'at last')
    t.equal(streams.asked, asked, 'and nobody takes it from another any more')
  })

  await t.test('one that reads another room joins the stream, and so does one that joins a room that is read already', async (t) => {
    const running = await startApp(t)
    const streams = countStreams(running)
    const context = await somebody(t, browser)
    const lobby = await tab(context, running)
    const other = await tab(context, running, { rooms: ['other'] })
    await post(running.url, { message: 'here' })
    await post(running.url, { room: 'other', message: 'there' })
    await hasTold(lobby, 'here')
    await hasTold(other, 'there')
    await other.evaluate(() => globalThis.chat.join('lobby'))
    await post(running.url, { message: 'for both' })
    await hasTold(other, 'for both')
    await hasTold(lobby, 'for both')
    t.strictSame(await texts(lobby), ['here', 'for both'])
    t.equal(streams.open, 1)
    await lobby.close()
    await post(running.url, { message: 'still' })
    await post(running.url, { room: 'other', message: 'still there' })
    await hasTold(other, 'still')
    await hasTold(other, 'still there')
    t.equal(new Set((await texts(other))).size, (await texts(other)).length)
  })
})
