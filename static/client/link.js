import { createParser } from '../vendor/eventsource-parser.js'
import { placesOf } from './ids.js'
import { isFinal, isOurs, objectOf, parseObject, retryAfterOf } from './requests.js'
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
/** s for which a poll waits for an event. */
const POLL_WAIT_S = 25
/** ms beyond that until it is given up. */
const POLL_GRACE_MS = 10_000
/** ms between two polls: a room in which much is said would bring one for each event, and the server counts them. */
const POLL_REST_MS = 250
/** ms between two looks at who is there, while polls do not tell. */
const LOOK_AROUND_MS = 30_000
/** ms until a stream is tried again, the first time, while it goes on by polls; and at most. */
const STREAM_AGAIN_MS = 60_000
const STREAM_AGAIN_MOST_MS = 600_000
/** ms between two looks at the clock: where it has gone on much further, this machine has slept. */
const TICK_MS = 5_000

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
  /** What keeps it open; none where it is stopped. */
  #run
  #ticking
  /** Whether the next attempt follows at once. */
  #hurry = false
  #quiet = false
  #attempt = new Attempt(Infinity)
  /** Whether the server has refused our token, and we come with the next one. */
  #renewed = false
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

  /** Opens it, and keeps it open until `stop`. */
  start () {
    if (this.#run !== undefined) return
    this.#ticking = onJump(() => this.look())
    this.#keepOpen(this.#run = {})
  }

  stop () {
    this.#run = undefined
    clearInterval(this.#ticking)
    this.reopen()
  }

  /**
   * Tries at once, from where it was: after a change of network, of rooms, or of who we are.
   * @param {boolean} [quietly] nothing was wrong with it
   */
  reopen (quietly = false) {
    this.#quiet = quietly && this.#state.state === 'open' && (!this.#hurry || this.#quiet)
    this.#hurry = true
    this.#attempt.end()
    this.#wait.end()
  }

  /** Somebody looks again: nobody wants to see it wait, or to be shown what is dead. */
  look () {
    const { state, reason, via } = this.#state
    // A server that is busy has said when.
    if (state === 'offline' && reason !== 'busy') this.#wait.end()
    // A poll is silent for as long as nobody speaks.
    else if (state === 'open' && Date.now() - this.#heard > (via === 'poll' ? POLL_WAIT_S * 1_000 + POLL_GRACE_MS : STALE_BEATS * this.#heartbeat)) this.reopen()
    else this.punctual()
  }

  /** Somebody waits with us: a hidden tab's timers are late. */
  punctual () {
    const { state, retryAt } = this.#state
    if (state === 'offline' && Date.now() >= retryAt) this.#wait.end()
  }

  async #keepOpen (run) {
    while (this.#run === run) {
      this.#hurry = false
      if (!this.#quiet) this.#say({ state: 'connecting' })
      this.#quiet = false
      let outcome = await this.#stream()
      if (outcome.heldBack && this.#run === run) outcome = await this.#poll(run)
      if (this.#run !== run) return
      if (outcome.welcomed) this.#backoff.reset()
      if (this.#hurry || outcome.again) continue
      const { final, message, code } = outcome
      const wait = final ? Infinity : outcome.wait ?? (outcome.welcomed ? this.#retry : this.#backoff.next(this.#retry))
      const reason = globalThis.navigator?.onLine === false ? 'offline' : outcome.reason
      const more = { ...(message !== undefined && { message }), ...(code !== undefined && { code }) }
      this.#say(final ? { state: 'refused', ...more } : { state: 'offline', reason, retryAt: Date.now() + wait, ...more })
      // Whoever was told may have asked for another try.
      if (!this.#hurry) await this.#wait.for(wait)
    }
  }

  /**
   * Streams until the connection is lost.
   * @returns {Promise<{ welcomed?: boolean, heldBack?: boolean, again?: boolean, final?: boolean, reason?: string, message?: string, code?: string, wait?: number }>}
   *   `heldBack`: no `welcome` came in time; `again`: at once, with another token; `wait`: ms
   */
  async #stream () {
    const attempt = this.#attempt = new Attempt(Infinity)
    let outcome = { reason: 'unreachable' }
    try {
      const sent = await this.#credentials.headers()
      // Not before: whoever takes long to give a token is no proxy.
      attempt.expect(WELCOME_MS)
      const { rooms, cursor } = this.#where()
      const query = new URLSearchParams(rooms.map((room) => ['room', room]))
      if (this.#lurk) query.set('lurk', '1')
      if (this.#credentials.wantsToken && !this.#lurk) query.set('token', '1')
      const response = await this.#requests.open('events', {
        query,
        headers: { ...sent, accept: 'text/event-stream', ...(cursor !== undefined && { 'last-event-id': cursor }) },
        signal: attempt.signal
      })
      if (!response.ok) return await this.#refusal(response, sent)
      // A captive portal answers everything, with a page of its own.
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return { reason: 'portal' }
      const parser = createParser({
        onRetry: (ms) => { this.#retry = ms },
        onEvent: ({ event: type = 'message', data: text, id }) => {
          const data = parseObject(text)
          if (data === undefined || attempt.signal.aborted) return
          if (type === 'welcome') {
            outcome = { welcomed: true, reason: 'lost' }
            this.#welcome(data)
          }
          if (type === 'bye') outcome = farewell(data, outcome.welcomed)
          this.#give(attempt, { type, data, ...(id !== undefined && { id }) })
        }
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return outcome
        this.#heard = Date.now()
        parser.feed(value)
        if (outcome.welcomed) attempt.expect(SILENT_BEATS * this.#heartbeat)
      }
    } catch {
      // Lost, or given up by us: either way it goes on from the cursor.
      return attempt.late && !outcome.welcomed ? { ...outcome, heldBack: true } : outcome
    } finally {
      attempt.end()
    }
  }

  /** Asks again and again, until a stream comes through, or nothing does. @returns as `#stream` */
  async #poll (run) {
    let streamAgainMs = STREAM_AGAIN_MS
    let streamAt = Date.now() + streamAgainMs
    let lookAt = 0
    let cursor
    let welcomed = false
    for (let fresh = true; this.#run === run && (!this.#hurry || this.#quiet);) {
      if (this.#hurry) {
        // Other rooms, or another token: nothing that another try of a stream would be good for.
        this.#hurry = this.#quiet = false
        fresh = true
        cursor = undefined
      }
      if (!fresh && Date.now() >= streamAt) {
        const outcome = await this.#stream()
        if (outcome.welcomed || outcome.final) return outcome
        streamAgainMs = Math.min(2 * streamAgainMs, STREAM_AGAIN_MOST_MS)
        streamAt = Date.now() + streamAgainMs
        continue
      }
      const attempt = this.#attempt = new Attempt((fresh ? 0 : POLL_WAIT_S * 1_000) + POLL_GRACE_MS)
      const ask = (path, query) => this.#requests.json('GET', path, { query, signal: attempt.signal })
      try {
        const me = fresh && !this.#lurk ? await ask('users/me') : {}
        this.#credentials.take(me.token)
        const { rooms, cursor: own } = this.#where()
        const query = new URLSearchParams(rooms.map((room) => ['room', room]))
        query.set('wait', fresh ? 0 : POLL_WAIT_S)
        if (this.#lurk) query.set('lurk', '1')
        if ((cursor ?? own) !== undefined) query.set('last_event_id', cursor ?? own)
        const answer = await ask('events', query)
        const heads = placesOf(answer.cursor)
        // An answer has 500 events at most: where there were any, there may be more.
        if (fresh && answer.events.length > 0) {
          await Promise.all(rooms.map(async (room) => heads.set(room, (await ask(`rooms/${room}/events`, new URLSearchParams({ limit: 1 }))).head)))
        }
        this.#heard = Date.now()
        ;({ cursor } = answer)
        if (fresh) {
          fresh = false
          welcomed = true
          this.#say({ state: 'open', via: 'poll' })
          const lost = new Set(answer.reset?.map(({ room }) => room))
          this.#give(attempt, { type: 'welcome', data: { ...(me.user !== undefined && { user: me.user }), rooms: rooms.map((room) => ({ room, head: heads.get(room), resumed: !lost.has(room) })) } })
        }
        for (const reset of answer.reset ?? []) this.#give(attempt, { type: 'reset', data: reset })
        for (const event of answer.events) this.#give(attempt, { type: event.type, data: event })
        if (Date.now() >= lookAt) {
          lookAt = Date.now() + LOOK_AROUND_MS
          await Promise.all(rooms.map(async (room) => {
            const { users, count } = await ask('users', new URLSearchParams({ room }))
            this.#give(attempt, { type: 'presence', data: { room, count, members: users } })
          })).catch(() => {}) // It is looked again.
        }
        if (!this.#hurry) await this.#wait.for(POLL_REST_MS)
      } catch (error) {
        if (!this.#hurry) return { welcomed, ...failure(error) }
      } finally {
        attempt.end()
      }
    }
    return { welcomed, reason: 'lost' }
  }

  #welcome ({ heartbeat, token }) {
    if (heartbeat > 0) this.#heartbeat = heartbeat
    this.#renewed = false
    this.#credentials.take(token)
    this.#say({ state: 'open', via: 'stream' })
  }

  /** What cannot be taken must not end the stream: it would come again, for ever. */
  #give (attempt, item) {
    if (attempt.signal.aborted) return
    try {
      this.#onItem(item)
    } catch (error) {
      setTimeout(() => { throw error })
    }
  }

  async #refusal (response, sent) {
    const { status } = response
    const { code, message } = await objectOf(response) ?? {}
    // A token that is good no longer is replaced once: where the next one is not taken either, none will be, until somebody asks.
    this.#renewed = status === 401 && this.#credentials.refused(sent, code) && !this.#renewed
    if (this.#renewed) return { again: true }
    return failure({ status, code, message, retryAfter: retryAfterOf(response) })
  }

  /** @param {LinkState} state */
  #say (state) {
    const heard = this.#heard === undefined || state.state === 'open' ? {} : { heard: this.#heard }
    this.#state = { ...state, ...heard }
    this.#onState(this.#state)
  }
}

/** One try, given up where nothing comes in time. */
class Attempt {
  #controller = new AbortController()
  #timer
  /** Whether nothing came in time. */
  late = false

  /** @param {number} ms */
  constructor (ms) {
    if (ms !== Infinity) this.expect(ms)
  }

  get signal () {
    return this.#controller.signal
  }

  /** It is given up if nothing more comes within this time. @param {number} ms */
  expect (ms) {
    clearTimeout(this.#timer)
    if (this.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.late = true
      this.end()
    }, ms)
  }

  end () {
    clearTimeout(this.#timer)
    this.#controller.abort()
  }
}

/** Calls back where the clock has jumped: timers stand still while a machine sleeps. @returns the timer */
function onJump (jumped) {
  let last = Date.now()
  return setInterval(() => {
    const passed = Date.now() - last
    last += passed
    // After all that has become due with it.
    if (passed > 2 * TICK_MS) setTimeout(jumped)
  }, TICK_MS)
}

/** What an answer other than 200 means for the next attempt. */
function failure ({ status, code, message, retryAfter }) {
  if (retryAfter !== undefined) return { reason: 'busy', wait: retryAfter * 1_000 * (1 + Math.random() / 4), ...(isOurs(code) && { message }) }
  if (isFinal({ status, code })) return { final: true, code, message }
  return { reason: status === 503 || status === 429 ? 'busy' : 'unreachable' }
}

/** The server's last word. */
function farewell ({ reason, message }, welcomed) {
  if (reason === 'shutdown') return { welcomed, reason: 'restarting' }
  // The next attempt would only be told the same.
  if (message !== undefined && reason !== 'unavailable' && reason !== 'expired') return { welcomed, final: true, message, code: `bye-${reason}` }
  return { welcomed, reason: 'busy' }
}
