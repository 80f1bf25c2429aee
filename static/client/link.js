import { createParser } from '../vendor/eventsource-parser.js'
import { failure } from './failure.js'
import { Backoff, Wait } from './wait.js'

/** ms until `welcome` must have come: what takes longer is a proxy that holds the stream back. */
const WELCOME_MS = 5_000
/** Heartbeats without a byte after which the connection is taken for dead. */
const SILENT_BEATS = 2.5
/** The same where somebody looks again: a phone's socket dies without a word while its page is asleep. */
const STALE_BEATS = 1.3
/** ms between two attempts at most, where the server does not ask for more. */
const MAX_WAIT_MS = 30_000
/** ms to wait after a loss, until the server has said. */
const RETRY_MS = 1_500

/**
 * @typedef {{ type: string, data: any, id?: string }} Item what a stream brings, as an event of it: one of a log, or a notice
 *
 * @typedef {{ state: 'connecting', heard?: number }
 *   | { state: 'open', via: 'stream' | 'poll' }
 *   | { state: 'offline', reason: 'offline' | 'unreachable' | 'lost' | 'restarting' | 'busy' | 'portal', retryAt: number, heard?: number, message?: string }
 *   | { state: 'refused', message: string, code?: string }} LinkState
 *   `heard`, `retryAt`: Unix time in ms, when the server was heard last, and when it is tried again
 */

/**
 * The one connection to the server, kept open. It reads by `fetch` and not by EventSource, which gives up for ever on an answer other
 * than 200, hides when it tries again, and cannot hear types of events whose names it does not know. Where no stream comes through,
 * it goes on by long polls.
 */
export class Link {
  #requests
  #credentials
  #lurk
  #where
  #onItem
  #onState
  #stopped = true
  /** Whether the next attempt follows at once. */
  #hurry = false
  #quiet = false
  #attempt = new AbortController()
  #patience
  #backoff = new Backoff({ least: RETRY_MS, most: MAX_WAIT_MS })
  #wait = new Wait()
  /** ms to wait after a loss, as the server asks, already spread over its readers. */
  #retry = RETRY_MS
  /** ms between two heartbeats, as the server says. */
  #heartbeat = 15_000
  /** Unix time in ms of the last byte. */
  #heard
  /** @type {LinkState} */
  #state = { state: 'connecting' }

  /**
   * @param {object} options
   * @param {import('./requests.js').Requests} options.requests
   * @param {import('./credentials.js').Credentials} options.credentials
   * @param {boolean} options.lurk
   * @param {() => { rooms: string[], cursor: string | undefined }} options.where what to read, and from where
   * @param {(item: Item) => void} options.onItem
   * @param {(state: LinkState) => void} options.onState
   */
  constructor ({ requests, credentials, lurk, where, onItem, onState }) {
    this.#requests = requests
    this.#credentials = credentials
    this.#lurk = lurk
    this.#where = where
    this.#onItem = onItem
    this.#onState = onState
  }

  get state () {
    return this.#state
  }

  /** Opens it, and keeps it open until `stop`. */
  start () {
    if (!this.#stopped) return
    this.#stopped = false
    this.#run()
  }

  stop () {
    this.#stopped = true
    this.reopen()
  }

  /**
   * Tries at once, from where it was: after a change of network, of rooms, or of who we are.
   * @param {boolean} [quietly] nothing was wrong with it
   */
  reopen (quietly = false) {
    this.#hurry = true
    this.#quiet = quietly && this.#state.state === 'open'
    this.#attempt.abort()
    this.#wait.end()
  }

  /** Somebody looks again: nobody wants to see it wait, or to be shown what is dead. */
  look () {
    const { state, reason } = this.#state
    // A server that is busy has said when.
    if (state === 'offline' && reason !== 'busy') this.#wait.end()
    else if (state === 'open' && Date.now() - this.#heard > STALE_BEATS * this.#heartbeat) this.reopen()
  }

  async #run () {
    while (!this.#stopped) {
      this.#hurry = false
      if (!this.#quiet) this.#say({ state: 'connecting' })
      this.#quiet = false
      let outcome = await this.#stream()
      if (outcome.heldBack) outcome = await this.#poll()
      if (this.#stopped) return
      if (outcome.welcomed) this.#backoff.reset()
      if (this.#hurry) continue
      if (outcome.final) {
        this.#say({ state: 'refused', message: outcome.message, ...(outcome.code !== undefined && { code: outcome.code }) })
        await this.#wait.for(Infinity)
        continue
      }
      const wait = outcome.wait ?? (outcome.welcomed ? this.#retry : this.#backoff.next(this.#retry))
      const reason = globalThis.navigator?.onLine === false ? 'offline' : outcome.reason
      this.#say({ state: 'offline', reason, retryAt: Date.now() + wait, ...(outcome.message !== undefined && { message: outcome.message }) })
      await this.#wait.for(wait)
    }
  }

  /**
   * Streams until the connection is lost.
   * @returns {Promise<{ welcomed?: boolean, heldBack?: boolean, final?: boolean, reason?: string, message?: string, code?: string, wait?: number }>}
   *   `heldBack`: no `welcome` came in time; `wait`: ms
   */
  async #stream () {
    const attempt = this.#begin(WELCOME_MS)
    let welcomed = false
    let late = false
    attempt.signal.addEventListener('abort', () => { late = !welcomed && !this.#hurry })
    let outcome = { reason: 'unreachable' }
    try {
      const { rooms, cursor } = this.#where()
      const query = new URLSearchParams(rooms.map((room) => ['room', room]))
      if (this.#lurk) query.set('lurk', '1')
      if (this.#credentials.wantsToken && !this.#lurk) query.set('token', '1')
      const response = await this.#requests.open('events', {
        query,
        headers: { accept: 'text/event-stream', ...(cursor !== undefined && { 'last-event-id': cursor }) },
        signal: attempt.signal
      })
      if (!response.ok) return await this.#refusal(response)
      // A captive portal answers everything, with a page of its own.
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return { reason: 'portal' }
      const parser = createParser({
        onRetry: (ms) => { this.#retry = ms },
        onEvent: ({ event: type = 'message', data: text, id }) => {
          const data = JSON.parse(text)
          if (type === 'welcome') {
            welcomed = true
            outcome = { welcomed, reason: 'lost' }
            this.#welcome(data)
          }
          if (type === 'bye') outcome = farewell(data, welcomed)
          this.#give({ type, data, ...(id !== undefined && { id }) })
        }
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return outcome
        this.#heard = Date.now()
        parser.feed(value)
        if (welcomed) this.#expect(SILENT_BEATS * this.#heartbeat)
      }
    } catch {
      // Lost, or given up by us: either way it goes on from the cursor.
      return late ? { ...outcome, heldBack: true } : outcome
    } finally {
      clearTimeout(this.#patience)
      attempt.abort()
    }
  }

  /** Asks again and again, until a stream comes through, or nothing does. @returns as `#stream` */
  async #poll () {
    const { poll } = await import('./poll.js').catch(() => ({ poll: async () => ({ reason: 'unreachable' }) }))
    return poll({
      requests: this.#requests,
      credentials: this.#credentials,
      lurk: this.#lurk,
      where: this.#where,
      begin: (patience) => this.#begin(patience).signal,
      opened: () => this.#say({ state: 'open', via: 'poll' }),
      heard: () => {
        clearTimeout(this.#patience)
        this.#heard = Date.now()
      },
      give: (item) => this.#give(item),
      goesOn: () => !this.#hurry && !this.#stopped,
      stream: () => this.#stream()
    })
  }

  /** @param {number} patience ms @returns {AbortController} */
  #begin (patience) {
    this.#attempt = new AbortController()
    this.#expect(patience)
    return this.#attempt
  }

  /** Gives the attempt up if nothing more comes within this time. @param {number} ms */
  #expect (ms) {
    const attempt = this.#attempt
    clearTimeout(this.#patience)
    this.#patience = setTimeout(() => attempt.abort(), ms)
  }

  #welcome ({ heartbeat, token }) {
    this.#heartbeat = heartbeat
    this.#credentials.take(token)
    this.#say({ state: 'open', via: 'stream' })
  }

  /** What cannot be taken must not end the stream: it would come again, for ever. */
  #give (item) {
    if (this.#stopped) return
    try {
      this.#onItem(item)
    } catch (error) {
      setTimeout(() => { throw error })
    }
  }

  async #refusal (response) {
    const { status, headers } = response
    const { code, message } = await response.json().catch(() => ({}))
    const seconds = Number(headers.get('retry-after'))
    if (status === 401 && this.#credentials.refused()) return { reason: 'lost' }
    return failure({ status, code, message, retryAfter: seconds > 0 ? seconds : undefined })
  }

  /** @param {LinkState} state */
  #say (state) {
    const heard = this.#heard === undefined || state.state === 'open' ? {} : { heard: this.#heard }
    this.#state = { ...state, ...heard }
    this.#onState(this.#state)
  }
}

/** The server's last word. */
function farewell ({ reason, message }, welcomed) {
  if (reason === 'shutdown') return { welcomed, reason: 'restarting' }
  // The next attempt would only be told the same.
  if (message !== undefined && reason !== 'unavailable' && reason !== 'expired') return { welcomed, final: true, message, code: `bye-${reason}` }
  return { welcomed, reason: 'busy' }
}
