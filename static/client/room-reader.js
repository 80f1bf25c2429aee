import { compareIds, timeOf } from './ids.js'
import { Backoff, Wait } from './wait.js'

/** Events of one answer at most, while a gap is filled. */
const PAGE = 500
/** ms after `welcome` in which the server itself sends what was missed, or says that it cannot. */
const OVERDUE_MS = 1_500
const REFUSED_MS = 300

/**
 * What a reader of a room has had: every event once, in order. Each event names the one before it (`prev`), so whatever has brought
 * them, a stream, a poll or another tab, a gap is noticed, and filled from the room's history.
 */
export class RoomReader {
  /** @type {string} */
  room
  /** The last event that was given on. @type {string | undefined} */
  last
  #requests
  #history
  #onEvent
  #onReset
  #onSettled
  /** What came before its place could be told. */
  #held = []
  #working = false
  #closed = false
  /** The room's newest event, as far as the server has told. */
  #head
  #overdue
  #wait = new Wait()

  /**
   * @param {object} options
   * @param {string} options.room
   * @param {number} options.history past events to begin with
   * @param {string} [options.after] begins after this event instead, wherever the stream is
   * @param {import('./requests.js').Requests} options.requests
   * @param {(event: object, why: 'history' | 'missed' | 'live') => void} options.onEvent
   * @param {(reset: { room: string, reason: string, from: string, since?: number }) => void} options.onReset what comes next does not follow what came before
   * @param {() => void} options.onSettled it has all that there is
   */
  constructor ({ room, history, after, requests, onEvent, onReset, onSettled }) {
    this.room = room
    this.last = after
    this.#requests = requests
    this.#history = history
    this.#onEvent = onEvent
    this.#onReset = onReset
    this.#onSettled = onSettled
    if (after === undefined && history > 0) this.#work(() => this.#begin())
  }

  /** Whether it has all that there is, as far as is known. */
  get settled () {
    return !this.#working && this.last !== undefined && this.#head !== undefined && compareIds(this.last, this.#head) >= 0
  }

  close () {
    this.#closed = true
    clearTimeout(this.#overdue)
    this.#wait.end()
  }

  /** The connection is there again: whatever waits to be asked for is asked for now. */
  retry () {
    this.#wait.end()
  }

  /** A stream has opened. @param {string} head the room's newest event @param {boolean} [resumed] whether the stream brings what was missed */
  welcome (head, resumed = true) {
    this.#head = head
    if (this.last === undefined && !this.#working) this.last = head
    clearTimeout(this.#overdue)
    if (!this.settled) this.#overdue = setTimeout(() => { if (!this.settled) this.#work(() => this.#fill()) }, resumed ? OVERDUE_MS : REFUSED_MS)
    this.#settle()
  }

  /** The server could not go on from where we were. @param {{ reason: string, from: string }} reset */
  reset ({ reason, from }) {
    this.#restart(reason, from)
    this.#settle()
  }

  /** @param {object} event of the room's log, in whatever order */
  take (event) {
    if (this.#working || this.last === undefined || !this.#follows(event)) {
      this.#held.push(event)
      if (!this.#working && this.last !== undefined) this.#drain()
      return
    }
    this.#give(event, this.#isNews(event) ? 'live' : 'missed')
    this.#settle()
  }

  #follows ({ prev }) {
    return prev === this.last
  }

  #isNews ({ id }) {
    return this.#head === undefined || compareIds(id, this.#head) > 0
  }

  #give (event, why) {
    this.last = event.id
    this.#onEvent(event, why)
  }

  #restart (reason, from) {
    const since = this.last
    this.last = from
    this.#onReset({ room: this.room, reason, from, ...(since !== undefined && { since: timeOf(since) }) })
  }

  #settle () {
    if (this.settled) this.#onSettled()
  }

  /** Gives on what was held, as far as it follows; asks for what is missing. */
  #drain () {
    const held = this.#held.filter(({ id }) => compareIds(id, this.last) > 0).sort((a, b) => compareIds(a.id, b.id))
    this.#held = []
    while (held.length > 0 && this.#follows(held[0])) {
      const event = held.shift()
      this.#give(event, this.#isNews(event) ? 'live' : 'missed')
    }
    this.#held = held
    if (held.length > 0) this.#work(() => this.#fill())
    else this.#settle()
  }

  /** Does one thing that must be asked for, until it is done; what arrives meanwhile is held. */
  async #work (task) {
    if (this.#working || this.#closed) return
    this.#working = true
    const backoff = new Backoff({ least: 1_000, most: 30_000 })
    for (;;) {
      try {
        await task()
        break
      } catch (error) {
        if (this.#closed) return
        // Whoever may not read here is told so by the stream.
        await this.#wait.for(error.retryAfter === undefined ? backoff.next() : error.retryAfter * 1_000)
        if (this.#closed) return
      }
    }
    this.#working = false
    if (!this.#closed) this.#drain()
  }

  #read (query) {
    return this.#requests.json('GET', `rooms/${this.room}/events`, { query: new URLSearchParams(query) })
  }

  async #begin () {
    const { events, head } = await this.#read({ limit: this.#history })
    if (this.#closed || this.last !== undefined) return
    this.last = events[0]?.prev ?? head
    for (const event of events) this.#give(event, 'history')
    this.last = events.at(-1)?.id ?? head
  }

  /** Asks for everything between what it has and what it has been told of. */
  async #fill () {
    for (;;) {
      const { events, floor, head } = await this.#read({ after: this.last, limit: PAGE })
      if (this.#closed) return
      if (compareIds(floor, this.last) > 0) this.#restart('trimmed', floor)
      else if (compareIds(head, this.last) < 0) this.#restart('lost', head)
      for (const event of events) {
        if (compareIds(event.id, this.last) <= 0) continue
        if (!this.#follows(event)) this.#restart('lost', event.prev)
        this.#give(event, 'missed')
      }
      if (this.#head === undefined || compareIds(head, this.#head) > 0) this.#head = head
      if (events.length === 0 || compareIds(this.last, head) >= 0) break
    }
    // What is held now comes after the head that was read, or was lost with it.
    const [next] = this.#held.filter(({ id }) => compareIds(id, this.last) > 0).sort((a, b) => compareIds(a.id, b.id))
    if (next !== undefined && !this.#follows(next)) this.#restart('lost', next.prev)
  }
}
