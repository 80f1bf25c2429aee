import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import t from 'tap'
import { Reader, call, eventually, guest, post, startApp } from '../harness.js'
import { ROOM_PATTERN } from '../../src/chat/event.js'
import { compareIds } from '../../src/chat/id.js'
import { launch, messages, visitor } from './chromium.js'
import { PAYLOADS } from './payloads.js'

const NAUGHTY: string[] = JSON.parse(readFileSync(new URL('../../node_modules/big-list-of-naughty-strings/blns.json', import.meta.url), 'utf8'))
const CLASSIC = Object.values(PAYLOADS).flat()
/** Events that the page has at once. */
const AT_ONCE = 100
/** Events that come at once and are all drawn. */
const DRAWN = 25
/** What is refused in words is not shown. */
const REFUSED = new Set(['HUB_MESSAGE_BLANK', 'HUB_ROOM_INVALID', 'HUB_NAME_INVALID', 'HUB_NAME_MIXED', 'HUB_NAME_TAKEN', 'HUB_NAME_RESERVED'])
const ROOM = new RegExp(ROOM_PATTERN)
/** All that the page is made of where people write. */
const ELEMENTS = ['a', 'article', 'bdi', 'button', 'code', 'div', 'h2', 'p', 'pre', 'span', 'time']
const ATTRIBUTES = ['aria-describedby', 'aria-haspopup', 'aria-label', 'class', 'data-user', 'datetime', 'dir', 'href', 'id', 'rel', 'style', 'tabindex', 'target', 'title', 'type']
/** What the page asks for, by its own doing. */
const ASKED = /^\/(|((client|page|vendor)\/)?[a-z-]+\.(js|css|svg)|languages\/en\.json|events|users|users\/me|rooms|rooms\/[a-z\d-]+(\/events)?)$/
/** What is code, without what says that it is. */
const codeOf = (text: string): string => text.replace(/`([^`\n]+)`/g, '$1')

declare global {
  /** Tells the test, from within the page. */
  var tell: (what: string) => Promise<void>
}

interface Watch {
  /** What ran, was asked for or refused, and should not have been. */
  readonly seen: string[]
}

/** A collector of what browsers report. */
async function collector (t: Test, reports: string[]): Promise<string> {
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => {
      reports.push(text)
      response.writeHead(204).end()
    })
  })
  server.listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/csp`
}

/** Looks at all that a page does. */
async function watch (page: Page, origin: string): Promise<Watch> {
  const seen: string[] = []
  await page.exposeFunction('tell', (what: string) => { seen.push(what) })
  await page.addInitScript(() => {
    for (const name of ['alert', 'confirm', 'prompt', 'print', 'open'] as const) (globalThis as any)[name] = () => { void globalThis.tell(`${name} was called`) }
    document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample }) => { void globalThis.tell(`refused by ${effectiveDirective}: ${blockedURI} ${sample}`) })
  })
  page.on('dialog', async (dialog) => {
    seen.push(`a dialog: ${dialog.message()}`)
    await dialog.dismiss()
  })
  page.on('pageerror', (error) => seen.push(`an error: ${error.message}`))
  page.on('popup', (popup) => seen.push(`a window: ${popup.url()}`))
  page.on('download', (download) => seen.push(`a download: ${download.url()}`))
  page.on('frameattached', (frame) => seen.push(`a frame: ${frame.url()}`))
  page.on('console', (message) => { if (/Content Security Policy|Trusted/.test(message.text())) seen.push(message.text()) })
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.origin !== origin || !ASKED.test(url.pathname)) seen.push(`a request: ${request.url().slice(0, 200)}`)
  })
  return { seen }
}

/** The names of the elements and attributes where people write that the page has not made itself, and links to elsewhere than the web. */
function strangers (page: Page): Promise<string[]> {
  return page.locator('#log *, #people li *, #me .author *, #room *, #connection span *').evaluateAll((found, [elements, attributes]) => [...new Set(found.flatMap((element) => [
    ...(elements!.includes(element.localName) ? [] : [element.localName]),
    ...Array.from(element.attributes).map(({ name }) => name).filter((name) => !attributes!.includes(name)),
    ...(element.hasAttribute('style') && !/^--hue: \d+;$/.test(element.getAttribute('style')!) ? [element.getAttribute('style')!] : []),
    ...(element.id !== '' && !/^[mt]\d+-\d+$/.test(element.id) ? [element.id] : []),
    ...(element instanceof HTMLAnchorElement && !/^https?:$/.test(element.protocol) ? [element.href] : [])
  ]))], [ELEMENTS, ATTRIBUTES])
}

t.test('what people write is text, whatever it looks like', { timeout: 280_000 }, async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const reports: string[] = []
  const { app, url } = await startApp(t, { CSP_REPORT_URI: await collector(t, reports), LINK_AFTER: '0s' })
  const context = await visitor(browser)
  const page = await context.newPage()
  const { seen } = await watch(page, url)
  const show = async (room: string): Promise<void> => {
    await page.goto(`${url}/?${new URLSearchParams({ room })}`)
    await page.locator('#connection [role=status]').getByText('Live', { exact: true }).waitFor()
  }
  const author = await guest(url)
  const send = async (t: Test, room: string, message: string): Promise<string | undefined> => {
    const { status, body } = await post(url, { room, message }, { authorization: author.authorization })
    if (status === 201) return body.event.id
    t.ok(REFUSED.has(body.code), `${status} ${body.code}`)
  }
  const nothing = async (t: Test, what: string): Promise<void> => {
    t.strictSame(await strangers(page), [], `${what}: nothing but the page's own elements`)
    // What the page has told before has been heard when this has.
    await page.evaluate(() => globalThis.tell(''))
    seen.splice(seen.lastIndexOf(''), 1)
    t.strictSame(seen, [], `${what}: nothing ran, was asked for or had to be refused`)
    t.strictSame(reports, [], `${what}: nothing was reported`)
  }

  for (const [list, strings] of Object.entries({ classic: CLASSIC, naughty: NAUGHTY })) {
    await t.test(`messages of the ${list} list`, async (t) => {
      for (let from = 0, part = 0; from < strings.length; from += AT_ONCE, part++) {
        const room = `${list}-${part}`
        await show(room)
        const shown: string[] = []
        const to = Math.min(from + AT_ONCE, strings.length)
        // Of more that come at once, the page draws what there is room for.
        for (let next = from; next < to; next += DRAWN) {
          const sent = await Promise.all(strings.slice(next, Math.min(next + DRAWN, to)).map(async (message) => ({ message, id: await send(t, room, message) })))
          shown.push(...sent.filter(({ id }) => id !== undefined).sort((a, b) => compareIds(a.id!, b.id!)).map(({ message }) => codeOf(message)))
          await page.waitForFunction((count) => document.querySelectorAll('#log .message').length === count, shown.length)
        }
        t.strictSame(await messages(page), shown, `${room}, as it comes`)
        await nothing(t, room)
        await page.reload()
        const kept = shown.slice(-50)
        await page.waitForFunction((count) => document.querySelectorAll('#log .message').length === count, kept.length)
        t.strictSame(await messages(page), kept, `${room}, as it was`)
        await nothing(t, `${room} again`)
      }
    })
  }

  await t.test('what is changed, and what is taken back', async (t) => {
    await show('changed')
    const user = { id: author.id, name: author.name, tag: 'aaaaaa' }
    const changed: string[] = []
    for (const text of CLASSIC.filter((_, index) => index % 5 === 0)) {
      const id = await send(t, 'changed', 'before')
      const at = new Date().toISOString()
      await app.engine.amend({ room: 'changed', id: id!, change: () => ({ message: text, edited: at }), announcement: { type: 'edit', user, data: { id: id! } } })
      changed.push(codeOf(text))
    }
    await page.waitForFunction((count) => document.querySelectorAll('#log .edited').length === count, changed.length)
    t.strictSame(await messages(page), changed)
    await page.reload()
    await page.waitForFunction(() => document.querySelectorAll('#log .edited').length > 0)
    const last = await send(t, 'changed', '<img src=x onerror=alert(1)>')
    await app.engine.amend({ room: 'changed', id: last!, change: () => ({ message: null, deleted: new Date().toISOString() }), announcement: { type: 'delete', user, data: { id: last! } } })
    await page.locator('#log .deleted').waitFor()
    await nothing(t, 'what was changed')
  })

  await t.test('names', async (t) => {
    // Longer ones are refused for that alone.
    const names = [...CLASSIC, ...NAUGHTY].filter(({ length }) => length <= 40)
    let count = 0
    for (let from = 0; from < names.length; from += AT_ONCE) {
      const room = `names-${from}`
      await show(room)
      const reader = await Reader.open(`${url}/events?${new URLSearchParams({ room })}`, { headers: { authorization: author.authorization } })
      const taken: string[] = []
      for (const name of names.slice(from, from + AT_ONCE)) {
        const { status, body } = await call(`${url}/users/me`, { method: 'PATCH', body: { name }, headers: { authorization: author.authorization } })
        if (status === 200) {
          taken.push(body.user.name)
          await send(t, room, 'under that name')
          // Each has the line of its rename, too.
          if (taken.length % Math.floor(DRAWN / 2) === 0) await page.waitForFunction((count) => document.querySelectorAll('#log .message').length === count, taken.length)
        } else {
          t.ok(REFUSED.has(body.code), `${status} ${body.code}`)
        }
      }
      await page.waitForFunction((count) => document.querySelectorAll('#log .message').length === count, taken.length)
      t.strictSame(await page.locator('#log .message .author').allTextContents(), taken)
      await page.waitForFunction((name) => Array.from(document.querySelectorAll('#people .author')).some(({ textContent }) => textContent === name), taken.at(-1))
      await nothing(t, room)
      reader.close()
      count += taken.length
    }
    t.ok(count > 20, `${count} of them are names`)
  })

  await t.test('rooms in the address', async (t) => {
    const title = async (room: string): Promise<void> => {
      await page.goto(`${url}/?${new URLSearchParams({ room })}`)
      await page.locator('#connection[data-state]').waitFor()
      t.equal(await page.locator('#room').textContent(), ROOM.test(room) ? room : 'lobby', 'what cannot be a room leads to the lobby')
    }
    for (const room of CLASSIC.filter((room, index) => index % 10 === 0 || /^\w+$/.test(room))) await title(room)
    for (const room of NAUGHTY.filter((room, index) => index % 25 === 1 && room !== '')) await title(room)
    await nothing(t, 'rooms')
  })

  await t.test('and what this test looks for, it would see', async (t) => {
    await show('lobby')
    await page.evaluate(() => {
      const element = document.createElement('div')
      try { element.innerHTML = '<img src=x onerror=alert(1)>' } catch {}
      const image = document.createElement('img')
      try { image.setAttribute('onerror', 'alert(1)') } catch {}
      image.src = '//evil.example/x.png'
      document.body.append(image)
    })
    await eventually(() => reports.length === 3, 'three things are reported')
    for (const directive of ['require-trusted-types-for', 'img-src']) {
      await eventually(() => seen.some((what) => what.startsWith(`refused by ${directive}`)), `${directive} is told: ${seen}`, 5_000)
      t.ok(reports.some((report) => JSON.parse(report)['csp-report']['effective-directive'] === directive), `${directive} is reported`)
    }
  })
})
