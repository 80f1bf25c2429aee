import t from 'tap'
import { eventually, post, startApp } from '../harness.js'
import { launch, visitor } from './chromium.js'
import { streamSockets } from './stream-sockets.js'

declare global {
  /** What the snippet has seen, kept in the page. */
  var payloads: Array<{ message?: string, type: string, room: string }>
  var welcomes: number
}

t.test('in Chromium, with nothing but an EventSource', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return

  await t.test('the talk\'s lines, as they stand, see the chat messages and nothing else', async (t) => {
    const { app, url } = await startApp(t)
    const page = await (await visitor(browser)).newPage()
    await page.goto(`${url}/healthz`) // The origin, without a page of ours.
    await page.evaluate(() => {
      globalThis.payloads = []
      const events = new EventSource('/events')
      events.onmessage = msg => { const payload = JSON.parse(msg.data); globalThis.payloads.push(payload) }
    })
    await eventually(() => app.broadcaster.streams === 1, 'the stream is open')
    await post(url, { message: 'first' })
    await post(url, { type: 'game.move', data: { x: 1 } })
    await post(url, { type: 'game.over', message: 'not chat' })
    await post(url, { message: 'elsewhere', room: 'other' })
    await page.evaluate(() => fetch('/users/me', {
      method: 'PATCH', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'Kim' })
    }))
    await post(url, { message: 'last' })
    await page.waitForFunction(() => globalThis.payloads.some(({ message }) => message === 'last'))
    const payloads = await page.evaluate(() => globalThis.payloads)
    t.strictSame(payloads.map(({ message }) => message), ['first', 'last'])
    t.ok(payloads.every(({ type, room }) => type === 'message' && room === 'lobby'))
  })

  await t.test('a bare EventSource that is cut before its first message misses nothing', async (t) => {
    const { app, url } = await startApp(t)
    const sockets = streamSockets(app)
    await post(url, { message: 'before anybody came' })
    const page = await (await visitor(browser)).newPage()
    await page.goto(`${url}/healthz`)
    await page.evaluate(() => {
      globalThis.payloads = []
      globalThis.welcomes = 0
      const events = new EventSource('/events')
      events.onmessage = msg => { globalThis.payloads.push(JSON.parse(msg.data)) }
      events.addEventListener('welcome', () => { globalThis.welcomes++ })
    })
    await page.waitForFunction(() => globalThis.welcomes === 1)
    sockets.cut()
    await eventually(() => app.broadcaster.streams === 0, 'the server has seen the cut')
    await post(url, { message: 'while it was away' })
    await post(url, { message: 'twice' })
    await page.waitForFunction(() => globalThis.welcomes === 2)
    await post(url, { message: 'after it came back' })
    await page.waitForFunction(() => globalThis.payloads.some(({ message }) => message === 'after it came back'))
    const payloads = await page.evaluate(() => globalThis.payloads)
    t.strictSame(payloads.map(({ message }) => message), ['while it was away', 'twice', 'after it came back'])
  })
})
