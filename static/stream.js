import { credentials } from './credentials.js'
import { eventStreamReader } from './event-stream.js'

/** Past messages to begin with. */
const HISTORY = 50
/** ms until `welcome` must have come. */
const WELCOME_MS = 10_000
/** Heartbeats without a byte after which the connection is taken for dead. */
const SILENT_BEATS = 2.5
/** The same where somebody looks again: a phone's socket dies without a word while its page is asleep. */
const STALE_BEATS = 1.3
/** Statuses by which the server says that asking again is of no use: no token, banned, no such room. */
const FINAL = new Set([400, 401, 403, 404, 421])
/** ms between two attempts at most, where the server does not ask for more. */
const MAX_WAIT_MS = 30_000

/**
 * @typedef {{ kind: 'connecting' | 'reconnecting' | 'catching-up' | 'live' }
 *   | { kind: 'lost' | 'unreachable' | 'restarting' | 'busy' | 'offline', until: number }
 *   | { kind: 'refused', message: string }} State
 *   `until`: Unix time in ms at which it tries again; after `refused` it does not
 *
 * @typedef {object} Handlers
 * @property {(state: State) => void} onState
 * @property {(welcome: object) => void} onWelcome
 * @property {(event: object, isNews: boolean) => void} onEvent an entry of the room's log: each once, in order. Not news is
 *   what was there before the `welcome`, which knows better who is here, under which name
 * @property {(presence: object) => void} onPresence
 * @property {() => void} onMissing events may be missing before the next one
 * @property {() => void} onOtherHistory what was read so far is no part of the history that follows
 */

/**
 * A room's stream, kept open. It reads by `fetch` and not by EventSource, which gives up for ever on an answer other than
 * 200, hides when it tries again, and cannot hear types of events whose names it does not know.
 */
export class RoomStream {
  /** @type {Handlers} */
  #handlers
  #room
  /** The position to go on from: the last `id:` field. */
  #cursor
  /** The last event of the room that is known. */
  #last
  /** The newest event of the room when the stream opened. */
  #head
  /** ms to wait after a loss, as the server asks. */
  #retry = 1_500
  /** ms between two heartbeats, as the server says. */
  #heartbeat = 15_000
  /** Attempts in a row that brought no `welcome`. */
  #failures = 0
  /** Whether the next attempt follows at once. */
  #hurry = false
  /** Unix time in ms of the last byte. */
  #heard = 0
  /** @type {State['kind']} */
  #ended = 'unreachable'
  /** Why the server has sent us off, where coming back is of no use. */
  #dismissed
  #attempt = new AbortController()
  #silence
  #wake = () => {}

  /** @param {string} room @param {Handlers} handlers */
  constructor (room, handlers) {
    this.#room = room
    this.#handlers = handlers
  }

  /** Opens it, and keeps it open as long as the page lives. */
  async open () {
    document.addEventListener('visibilitychange', this.#look)
    addEventListener('pageshow', this.#look)
    addEventListener('online', () => this.reopen())
    // What the browser calls offline may still reach a server on this machine or network: an attempt tells.
    addEventListener('offline', () => this.reopen())
    for (;;) {
      this.#say({ kind: this.#cursor === undefined ? 'connecting' : 'reconnecting' })
      const refusal = await this.#read()
      if (refusal?.final) return this.#say({ kind: 'refused', message: refusal.message })
      if (this.#hurry) {
        this.#hurry = false
        continue
      }
      const wait = refusal?.wait ?? this.#backoff()
      const kind = refusal?.wait !== undefined ? 'busy' : navigator.onLine ? this.#ended : 'offline'
      this.#say({ kind, until: Date.now() + wait })
      await this.#pause(wait)
    }
  }

  /** Tries at once, from where it was: after a change of network, or of who we are. */
  reopen () {
    this.#hurry = true
    this.#attempt.abort()
    this.#wake()
  }

  /** @returns {Promise<{ final?: boolean, message?: string, wait?: number } | undefined>} where the server did not let us in */
  async #read () {
    this.#hurry = false
    this.#ended = 'unreachable'
    this.#dismissed = undefined
    const attempt = this.#attempt = new AbortController()
    this.#hear(WELCOME_MS)
    try {
      const query = new URLSearchParams({ room: this.#room, history: HISTORY })
      const response = await fetch(`events?${query}`, {
        headers: {
          accept: 'text/event-stream',
          'hubbub-client': 'page',
          ...credentials(),
          ...(this.#cursor !== undefined && { 'last-event-id': this.#cursor })
        },
        cache: 'no-store',
        signal: attempt.signal
      })
      if (!response.ok) return await this.#refusal(response)
      const take = eventStreamReader({
        onEvent: (event) => {
          // One that cannot be shown must not end the stream: it would come again, for ever.
          try { this.#take(event) } catch (error) { reportError(error) }
        },
        onRetry: (ms) => { this.#retry = ms }
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return this.#dismissed
        take(value)
        this.#hear(this.#head === undefined ? WELCOME_MS : SILENT_BEATS * this.#heartbeat)
      }
    } catch {
      // Lost, or given up by us: either way it goes on from the cursor.
    } finally {
      clearTimeout(this.#silence)
      this.#head = undefined
      attempt.abort()
    }
  }

  async #refusal (response) {
    const { status, headers } = response
    const answer = await response.json().catch(() => ({}))
    const seconds = Number(headers.get('retry-after'))
    if (seconds > 0) return { wait: seconds * 1_000 * (1 + Math.random() / 4) }
    // What the server itself refuses now, it will refuse later; what a proxy says may pass.
    if (FINAL.has(status) && answer.code?.startsWith('HUB_')) return { final: true, message: answer.message }
  }

  #take ({ type, data, id }) {
    const content = JSON.parse(data)
    if (id !== undefined) this.#cursor = id
    if (type === 'welcome') this.#welcome(content, id)
    else if (type === 'reset') this.#reset(content)
    else if (type === 'bye') this.#bye(content)
    else if (type === 'presence') this.#handlers.onPresence(content)
    else if (content.prev !== undefined) this.#event(content)
  }

  #welcome (welcome, cursor) {
    this.#failures = 0
    this.#ended = 'lost'
    this.#last = idOf(cursor)
    this.#head = welcome.rooms[0].head
    this.#heartbeat = welcome.heartbeat
    this.#handlers.onWelcome(welcome)
    if (!this.#caughtUp()) this.#say({ kind: 'catching-up' })
  }

  #reset ({ reason, from }) {
    this.#last = from
    if (reason === 'trimmed' || reason === 'lost' || reason === 'unknown') this.#handlers.onMissing()
    else this.#handlers.onOtherHistory() // It begins anew, as for somebody who comes for the first time.
    this.#caughtUp()
  }

  #bye ({ reason, message }) {
    if (reason === 'shutdown') this.#ended = 'restarting'
    // It is the server's last word: the next attempt would only be told the same.
    if (message !== undefined && reason !== 'unavailable') this.#dismissed = { final: true, message }
  }

  #event (event) {
    if (compareIds(event.id, this.#last) <= 0) return
    // Each event names the one before it: a gap that nobody told of is told here.
    if (event.prev !== this.#last) this.#handlers.onMissing()
    this.#last = event.id
    this.#handlers.onEvent(event, compareIds(event.id, this.#head) > 0)
    this.#caughtUp()
  }

  /** Says so, once, when all that was there at the opening has been read. */
  #caughtUp () {
    if (compareIds(this.#last, this.#head) < 0) return false
    this.#say({ kind: 'live' })
    return true
  }

  /** A byte has come, or an attempt begins. */
  #hear (patience) {
    this.#heard = Date.now()
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#attempt.abort(), patience)
  }

  #look = () => {
    if (document.visibilityState === 'hidden') return
    this.#wake()
    if (Date.now() - this.#heard > STALE_BEATS * this.#heartbeat) this.reopen()
  }

  #backoff () {
    const failures = this.#failures++
    // The first wait is the server's own, already spread over its readers.
    if (failures === 0) return this.#retry
    return Math.max(this.#retry, Math.min(MAX_WAIT_MS, this.#retry * 2 ** failures) * (0.5 + Math.random() / 2))
  }

  #pause (ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake(), ms)
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = () => {}
        resolve()
      }
    })
  }

  #said
  #say (state) {
    if (state.kind === 'live' && this.#said === 'live') return
    this.#said = state.kind
    this.#handlers.onState(state)
  }
}

/** @param {string} cursor of one room: `room:id` */
function idOf (cursor) {
  return cursor.slice(cursor.indexOf(':') + 1)
}

/** Ids are `<ms>-<sequence>`, strictly increasing within a room. */
function compareIds (a, b) {
  const [aMs, aSequence] = a.split('-').map(Number)
  const [bMs, bSequence] = b.split('-').map(Number)
  return aMs - bMs || aSequence - bSequence
}
