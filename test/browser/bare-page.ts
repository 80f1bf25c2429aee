import type { IncomingMessage } from 'node:http'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Test } from 'tap'
import type { ChatEvent, Client, ClientState, ConnectOptions, Continuity, Pending } from '../../static/client.js'
import { chainFlaw, guest, post, type RunningApp } from '../harness.js'
import { visitor } from './chromium.js'

declare global {
  /** What a tab keeps of what it is told. */
  var chat: Client
  var told: ChatEvent[]
  var states: Array<{ state: ClientState, at: number }>
  var continuities: Continuity[]
}

/** The stream and polls that the server has been asked for. */
interface Streams {
  /** So far. */
  asked: number
  /** Now. */
  open: number
}

export function countStreams ({ app }: RunningApp): Streams {
  const streams = { asked: 0, open: 0 }
  app.server.on('request', ({ method, url, socket, headers }: IncomingMessage) => {
    if (method !== 'GET' || !url!.startsWith('/events')) return
    streams.asked++
    if (headers.accept !== 'text/event-stream') return
    streams.open++
    socket.once('close', () => { streams.open-- })
  })
  return streams
}

/** Whose tabs go with the test. */
export async function somebody (t: Test, browser: Browser): Promise<BrowserContext> {
  const context = await visitor(browser)
  t.teardown(() => context.close())
  return context
}

/** A bare page of the server's own, and nothing in it. */
export async function bare (context: BrowserContext, { url }: { url: string }): Promise<Page> {
  await context.route('**/bare', (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>bare</title>' }))
  const page = await context.newPage()
  await page.goto(`${url}/bare`)
  return page
}

export async function begin (page: Page, options: ConnectOptions = {}): Promise<void> {
  await page.evaluate(async (options) => {
    const { connect } = await import('/client.js' as string)
    globalThis.told = []
    globalThis.states = []
    globalThis.continuities = []
    globalThis.chat = connect(options)
    globalThis.chat.addEventListener('event', ({ detail: { event } }) => globalThis.told.push(event))
    globalThis.chat.addEventListener('continuity', ({ detail }) => globalThis.continuities.push(detail))
    globalThis.chat.addEventListener('state', ({ detail: state }) => globalThis.states.push({ state, at: Date.now() }))
  }, options)
}

export const isLive = (page: Page): Promise<unknown> => page.waitForFunction(() => globalThis.chat.state.state === 'live')

/** Waits until a tab is live again. @param since Unix time in ms @returns ms from then until it was */
export async function liveSince (page: Page, since: number): Promise<number> {
  await page.waitForFunction((since) => globalThis.states.some(({ state, at }) => state.state === 'live' && at > since), since)
  return page.evaluate((since) => globalThis.states.find(({ state, at }) => state.state === 'live' && at > since)!.at - since, since)
}

/** A tab that is live. */
export async function tab (context: BrowserContext, running: { url: string }, options: ConnectOptions = {}): Promise<Page> {
  const page = await bare(context, running)
  await begin(page, options)
  await isLive(page)
  return page
}

export const texts = (page: Page): Promise<string[]> => page.evaluate(() => globalThis.told.flatMap(({ message }) => message ?? []))
export const hasTold = (page: Page, message: string): Promise<unknown> => page.waitForFunction((message) => globalThis.told.some((event) => event.message === message), message)
export const pending = (page: Page): Promise<Pending[]> => page.evaluate(() => globalThis.chat.pending)

/** Somebody who posts without a break. */
export async function speaker (t: Test, url: string): Promise<{ posted: string[], stop (): Promise<void> }> {
  const posted: string[] = []
  const author = await guest(url)
  const speak = async (): Promise<void> => {
    const message = `number ${posted.length}`
    posted.push(message)
    await post(url, { message }, author)
  }
  let stopped = false
  await speak()
  const speaking = (async () => {
    while (!stopped) {
      await new Promise((resolve) => setTimeout(resolve, 5))
      await speak()
    }
  })()
  const stop = (): Promise<void> => {
    stopped = true
    return speaking
  }
  t.teardown(stop)
  return { posted, stop }
}

/** Everything that was posted since a tab came is told there once, and in order. */
export async function hasAll (t: Test, page: Page, posted: string[], what: string): Promise<void> {
  await hasTold(page, posted.at(-1)!)
  const told = await page.evaluate(() => globalThis.told)
  t.equal(chainFlaw(told), undefined, what)
  t.strictSame(told.map(({ message }) => message), posted.slice(posted.indexOf(told[0]!.message!)), what)
}
