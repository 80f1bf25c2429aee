/** Takes docs/screenshots/ anew: `npm run screenshots`, whenever the page has changed. Needs Chromium, as the tests do. */
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const STATIC = here('../static')
const TARGET = here('screenshots')
const PATHS = [process.env.CHROMIUM_PATH, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome-stable']
const WIDE = { width: 1080, height: 640 }
const PHONE = { width: 390, height: 680 }

/** @returns {string} what the page is made of, as one hash: of all files of static/, by name */
export function madeFrom () {
  const hash = createHash('sha256')
  const files = readdirSync(STATIC, { recursive: true }).map((name) => name.replaceAll('\\', '/')).filter((name) => statSync(join(STATIC, name)).isFile()).sort()
  for (const name of files) hash.update(`${name}\0`).update(readFileSync(join(STATIC, name))).update('\0')
  return hash.digest('hex')
}

/** What is said, by whom; an answer is to the line of that number. */
const TALK = {
  en: {
    room: 'harbour-choir',
    topic: 'Thursdays at seven, in the boat house',
    me: 'Ines',
    people: ['Tove', 'Marlow', 'Kaito'],
    rooms: ['lobby', 'kitchen', 'lost-and-found'],
    lines: [
      ['Tove', 'Is the boat house free this Thursday? The rowers had it last week.'],
      ['Marlow', 'It is. I asked at the desk, and they wrote us down until nine.'],
      ['Tove', 'Wonderful, thank you!'],
      ['Kaito', 'Then let us try the round in four parts. The notes are at https://choir.example/rounds', 1],
      ['Ines', 'I can bring the lamp and the long table.'],
      ['Kaito', 'The order for the evening:\n```\n19:00  warming up\n19:20  the round, twice\n20:15  tea\n```'],
      ['Marlow', '@Ines the lamp would be a great help, it gets dark by half past six now.', 4],
      ['Tove', 'See you all on Thursday, then.']
    ]
  },
  ar: {
    room: 'garden',
    topic: 'حديقة الحي، كل سبت في التاسعة',
    me: 'سلمى',
    people: ['ريم', 'هادي'],
    rooms: ['lobby', 'kitchen'],
    lines: [
      ['ريم', 'صباح الخير! من سيأتي يوم السبت لزراعة النعناع؟'],
      ['هادي', 'أنا، وسأحضر معي الأدوات من بيتنا.'],
      ['سلمى', 'وأنا أيضا، سأجلب الشاي.', 0],
      ['هادي', 'الخطة هنا: https://garden.example/plan'],
      ['ريم', 'رائع، نلتقي في التاسعة عند الباب.']
    ]
  }
}

async function takeAll () {
  const [{ chromium }, { SignJWT }] = await Promise.all([import('playwright-core'), import('jose')])
  const executablePath = PATHS.find((path) => path !== undefined && existsSync(path))
  if (executablePath === undefined) throw new Error('install Chromium: apt-get install chromium (or set CHROMIUM_PATH)')
  const secret = randomBytes(32).toString('hex')
  const data = mkdtempSync(join(tmpdir(), 'hubbub-'))
  const other = createServer((request, response) => response.setHeader('content-type', 'text/html; charset=utf-8').end(pageOfAnother(url)))
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const elsewhere = `http://127.0.0.1:${other.address().port}`
  const server = spawn(process.execPath, [here('../dist/server.js')], {
    env: { ...process.env, PORT: '0', DATA_DIR: data, LIMITS: 'off', LINK_AFTER: '0ms', JWT_SECRET: secret, EMBED_ORIGINS: elsewhere, LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: data
  })
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).on('line', (line) => {
      const found = /open at (http:\S+)/.exec(line)?.[1]
      if (found !== undefined) resolve(found.replace('localhost', '127.0.0.1'))
    })
    server.on('exit', () => reject(new Error('the server has ended')))
  })
  const browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
  const streams = new AbortController()

  const tokenOf = (name, more) => new SignJWT({ sub: `u-${Buffer.from(name).toString('hex')}`, name, ...more }).setProtectedHeader({ alg: 'HS256' }).setExpirationTime('1h').sign(Buffer.from(secret))
  const ask = async (method, path, token, body) => {
    const answer = await fetch(`${url}/${path}`, { method, headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }) }, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    return answer.json()
  }
  const hold = async (room, name) => { await fetch(`${url}/events?room=${room}`, { headers: { authorization: `Bearer ${await tokenOf(name)}` }, signal: streams.signal }) }

  try {
    const host = await tokenOf('Host', { rooms: { moderate: ['*'] } })
    for (const { room, topic, people, rooms, lines } of Object.values(TALK)) {
      await ask('PATCH', `rooms/${room}`, host, { topic })
      const ids = []
      for (const [name, message, to] of lines) {
        const { event } = await ask('POST', 'events', await tokenOf(name), { room, message, ...(to !== undefined && { replyTo: ids[to] }) })
        ids.push(event.id)
      }
      for (const other of rooms) await ask('POST', 'events', await tokenOf(people[0]), { room: other, message: lines[0][1] })
      for (const name of people) await hold(room, name)
    }

    /** @param {string} name of the file @param {object} look of the browser @param {(page: import('playwright-core').Page) => Promise<void>} [prepare] */
    const take = async (name, { talk = TALK.en, token, path, ...look }, prepare) => {
      const context = await browser.newContext({ viewport: WIDE, locale: talk === TALK.ar ? 'ar' : 'en-GB', ...look })
      const page = await context.newPage()
      await page.goto(path ?? `${url}/?room=${talk.room}#token=${token ?? await tokenOf(talk.me)}`)
      const frame = path === undefined ? page : page.frameLocator('iframe')
      await frame.locator('#connection[data-state=live]').waitFor()
      await frame.locator('#me:visible').waitFor()
      await frame.locator('#log .message').nth(talk.lines.length - 1).waitFor()
      // As plain a font as people have.
      await frame.locator(':root').evaluate((root) => { root.style.fontFamily = 'Liberation Sans, system-ui, sans-serif' })
      await prepare?.(page)
      await page.waitForFunction(() => document.getAnimations().every(({ playState }) => playState === 'finished'))
      await page.screenshot({ path: join(TARGET, `${name}.png`), caret: 'hide' })
      await context.close()
    }
    rmSync(TARGET, { recursive: true, force: true })
    mkdirSync(TARGET)
    await take('page', {})
    await take('page-dark', { colorScheme: 'dark' })
    await take('phone', { viewport: PHONE, hasTouch: true, isMobile: true })
    await take('phone-dark', { viewport: PHONE, hasTouch: true, isMobile: true, colorScheme: 'dark' })
    await take('arabic', { talk: TALK.ar, viewport: { ...WIDE, height: 520 } })
    await take('embedded', { path: elsewhere, viewport: { width: 900, height: 560 } })
    await take('moderation', { token: await tokenOf('Ines', { rooms: { moderate: ['*'] } }) }, async (page) => {
      const message = page.locator('#log .message').filter({ hasText: 'It is. I asked' }).first()
      await message.hover()
      await message.locator('.more').click()
      await page.locator('[role=menu]').waitFor()
    })
    writeFileSync(join(TARGET, 'made-from.txt'), `${madeFrom()}\n`)
  } finally {
    streams.abort()
    await browser.close()
    server.kill()
    await once(server, 'exit')
    other.close()
    rmSync(data, { recursive: true, force: true })
  }
}

/** A page of somebody else, with a room in it. */
function pageOfAnother (url) {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Harbour choir</title>
<style>
  body { margin: 0 auto; max-width: 800px; padding: 24px; font: 16px/1.5 Liberation Serif, serif; color: #222; background: #fff }
  main { display: grid; grid-template-columns: 1fr 380px; gap: 32px }
  h1 { margin: 0 0 8px; font-size: 30px }
  hubbub-chat { height: 500px; border: 1px solid #ccc; border-radius: 8px; overflow: hidden; --hubbub-accent: #1c4f8a }
</style>
<main><article><h1>The harbour choir</h1><p>We sing on Thursdays at seven, in the boat house at the end of the quay. Nobody has to read notes, and nobody has to sing alone.</p>
<p>Come as you are. There is tea at a quarter past eight, and usually cake.</p><p>Questions? Somebody is nearly always here.</p></article>
<hubbub-chat room="harbour-choir" composer></hubbub-chat></main>
<script type="module" src="${url}/embed.js"></script>`
}

if (import.meta.url === `file://${process.argv[1]}`) await takeAll()
