/**
 * How the page feels on a slow network and a slow machine: `npm run bench:page -- [--seconds 60] [--port 4200] [--write]`. The server
 * as shipped, and real Chromium with Slow 3G (as in its developer tools) and a processor four times slower. Prints a table.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { parseArgs } from 'node:util'
import { chromium } from 'playwright-core'
import { diskDirectory, removeDirectory } from './disk.js'
import { Failure } from './failure.js'
import { median, short } from './figures.js'
import { machine } from './machine.js'
import { servers } from './servers.js'
import { requireTwoCores, start } from './start.js'

const README = new URL('README.md', import.meta.url)
/** As in Chromium's developer tools: bytes a second, and ms that an answer takes longer. */
const NETWORKS = {
  'no throttling': undefined,
  'fast 3G': { downloadThroughput: 1.6e6 / 8 * 0.9, uploadThroughput: 750e3 / 8 * 0.9, latency: 150 * 3.75 },
  'slow 3G': { downloadThroughput: 500e3 / 8 * 0.8, uploadThroughput: 500e3 / 8 * 0.8, latency: 400 * 5 }
}
const SLOWER = 4
const LOADS = 3
const HISTORY = 50
const MESSAGES_PER_SECOND = 100
/** ms between two keys that somebody presses. */
const KEY_MS = 200
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

async function main () {
  const { values: { seconds, port, write } } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, port: { type: 'string', default: '4200' }, write: { type: 'boolean', default: false } } })
  requireTwoCores()
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium'
  if (!existsSync(executablePath)) throw new Failure('Chromium is needed: apt-get install chromium (or set CHROMIUM_PATH)')
  const about = await machine()
  const directory = diskDirectory()
  const server = await start(servers.hubbub, { firstPort: Number(port), directory })
  const url = `http://127.0.0.1:${server.port}`
  const post = poster(server.port)
  for (let i = 0; i < HISTORY; i++) await post(`Message number ${i}, as long as people write them on most days.`)
  const browser = await chromium.launch({ executablePath, args: ARGS })
  const rows = []
  for (const [name, network] of Object.entries(NETWORKS)) rows.push(...await coldLoads(browser, url, name, network))
  rows.push(...await crowd(browser, url, post, Number(seconds)))
  await browser.close()
  await server.stop('SIGTERM')
  removeDirectory(directory)

  const lines = ['| what | figure |', '| --- | --- |', ...rows.map(([what, figure]) => `| ${what} | ${figure} |`), '', about.lines[0]].join('\n')
  process.stdout.write(`${lines}\n`)
  if (write) writeFileSync(README, readFileSync(README, 'utf8').replace(/(<!-- page -->\n)[^]*(<!-- \/page -->)/, `$1\n${lines}\n\n$2`))
}

/** Posts as one program does, over one connection. */
function poster (port) {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  let token
  return (message) => new Promise((resolve, reject) => {
    const body = JSON.stringify({ message })
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...(token !== undefined && { authorization: `Bearer ${token}` }) }
    const asked = request({ port, host: '127.0.0.1', path: '/events', method: 'POST', agent, headers }, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      token ??= JSON.parse(text).token
      if (response.statusCode !== 201) return reject(new Failure(`a post was answered with ${response.statusCode}: ${text}`))
      resolve()
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** Somebody who has never been here: an empty cache. */
async function coldLoads (browser, url, name, network) {
  const loads = []
  for (let i = 0; i < LOADS; i++) {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } })
    const page = await context.newPage()
    const session = await context.newCDPSession(page)
    await session.send('Network.enable')
    let bytes = 0
    session.on('Network.loadingFinished', ({ encodedDataLength }) => { bytes += encodedDataLength })
    if (network !== undefined) {
      await session.send('Network.emulateNetworkConditions', { offline: false, ...network })
      await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER })
    }
    await page.addInitScript(() => {
      const look = new MutationObserver(() => {
        if (globalThis.firstMessage === undefined && document.querySelector('#log .message') !== null) globalThis.firstMessage = performance.now()
        if (document.querySelector('#connection')?.dataset.state === 'live') {
          globalThis.live = performance.now()
          look.disconnect()
        }
      })
      look.observe(document, { subtree: true, childList: true, attributes: true })
    })
    await page.goto(url, { waitUntil: 'commit', timeout: 120_000 })
    await page.waitForFunction(() => globalThis.live !== undefined && performance.getEntriesByName('first-contentful-paint').length > 0, undefined, { timeout: 120_000 })
    const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime)
    const { firstMessage, live } = await page.evaluate(() => ({ firstMessage: globalThis.firstMessage, live: globalThis.live }))
    loads.push({ paint, firstMessage, live, bytes })
    await context.close()
  }
  const middle = (key) => median(loads.map((load) => load[key]))
  const slower = network === undefined ? '' : `, processor ${SLOWER} × slower`
  return [[`cold load, ${name}${slower}: first paint / first message / live`, `${short(middle('paint') / 1_000)} / ${short(middle('firstMessage') / 1_000)} / ${short(middle('live') / 1_000)} s`]]
}

/** A room in which a hundred messages a second are said, while somebody writes. */
async function crowd (browser, url, post, seconds) {
  const context = await browser.newContext({ viewport: { width: 390, height: 844 } })
  const page = await context.newPage()
  await page.addInitScript(() => {
    globalThis.longTasks = []
    globalThis.delays = []
    new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask', buffered: true })
    // Not by the browser's own event timing: without a screen, what it takes for the frame's time is whenever the next one is asked for.
    addEventListener('keydown', ({ timeStamp }) => {
      const began = performance.now()
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => globalThis.delays.push({ delay: began - timeStamp, shown: performance.now() - timeStamp })
        port2.postMessage('painted')
      })
    }, true)
  })
  await page.goto(url)
  await page.waitForFunction(() => document.querySelector('#connection').dataset.state === 'live')
  await page.waitForTimeout(2_000)
  const session = await context.newCDPSession(page)
  await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWER })
  await page.evaluate(() => { globalThis.longTasks.length = 0 })
  let sent = 0
  const began = performance.now()
  const failed = []
  const ticking = setInterval(() => {
    const due = Math.floor((performance.now() - began) / 1_000 * MESSAGES_PER_SECOND)
    for (; sent < due; sent++) post(`Message ${sent} of a crowd that has much to say, and says it all at once`).catch((error) => failed.push(error))
  }, 10)
  await page.locator('#text').focus()
  let keys = 0
  while (performance.now() - began < seconds * 1_000) {
    await page.keyboard.press('abcdefgh'[keys % 8])
    keys++
    await page.waitForTimeout(KEY_MS)
  }
  clearInterval(ticking)
  await page.waitForFunction((last) => document.querySelector('#log')?.textContent.includes(`Message ${last} `), sent - 1, { timeout: 60_000 })
  if (failed.length > 0) throw failed[0]
  const { longTasks, delays, entries, typed } = await page.evaluate(() => ({
    longTasks: globalThis.longTasks, delays: globalThis.delays, entries: document.querySelectorAll('#log .entry').length, typed: document.querySelector('#text').value.length
  }))
  await context.close()
  if (typed !== keys || delays.length !== keys) throw new Failure(`${keys} keys were pressed, and ${typed} characters are there`)
  const sorted = (numbers) => [...numbers].sort((a, b) => a - b)
  const at = (numbers, share) => sorted(numbers)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ?? 0
  const delay = delays.map(({ delay }) => delay)
  const shown = delays.map(({ shown }) => shown)
  const about = `${MESSAGES_PER_SECOND} messages a second for ${seconds} s, processor ${SLOWER} × slower`
  return [
    [`${about}: delay of a key, p50 / p99 / most`, `${short(at(delay, 0.5))} / ${short(at(delay, 0.99))} / ${short(Math.max(...delay))} ms (n = ${keys})`],
    [`${about}: from a key until the frame with it is painted, p50 / p99 / most`, `${short(at(shown, 0.5))} / ${short(at(shown, 0.99))} / ${short(Math.max(...shown))} ms`],
    [`${about}: tasks longer than 50 ms, how many / longest / share of the time`, `${longTasks.length} / ${short(Math.max(0, ...longTasks))} ms / ${short(longTasks.reduce((sum, ms) => sum + ms, 0) / (seconds * 10))} %`],
    [`${about}: entries in the document at the end`, `${entries}`]
  ]
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Failure ? error.message : error.stack}\n`)
  process.exitCode = 1
})
