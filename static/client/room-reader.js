import { compareIds, timeOf } from './ids.js'
import { isFinal } from './requests.js'
import { Backoff, Wait } from './wait.js'

/** Events of one answer at most, while a gap is filled. */
const PAGE = 500
/** ms after `welcome` in which the server itself sends what was missed, or says that it cannot. */
const OVERDUE_MS = 1_500
const REFUSED_MS = 300
/** Reasons for a reset after which nothing that was read is of the room's history. */
const OTHER_HISTORY = new Set(['future', 'malformed', 'other-room'])

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
  /** Whether the server does not know of what was read last, and has not said yet why. */
  #ahead = false
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
    if (after === undefined) this.#beginAnew()
  }

  /** Whether it has all that there is, as far as is known. */
  get settled () {
    return !this.#working && !this.#ahead && this.last !== undefined && this.#head !== undefined && compareIds(this.last, this.#head) >= 0
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
    this.#ahead = !resumed && this.last !== undefined && compareIds(this.last, head) > 0
    if (!this.#working) this.#drain()
    this.#expect(resumed ? OVERDUE_MS : REFUSED_MS)
    this.#settle()
  }

  /** The server could not go on from where the stream was. @param {{ reason: string, from: string }} reset */
  reset ({ reason, from }) {
    if (this.last === undefined) return
    // What was asked for is answered for where the stream was, which may be another tab's place.
    const order = compareIds(this.last, from)
    if (reason === 'trimmed' ? order >= 0 : reason === 'lost' ? order <= 0 : order === 0) return
    this.#ahead = false
    this.#restart(reason, from)
    if (OTHER_HISTORY.has(reason)) {
      this.#held = []
      this.#head = from
      this.#beginAnew()
    }
    this.#expect(OVERDUE_MS)
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

  /** Asks for what there must be, where nothing brings it for so long. @param {number} ms */
  #expect (ms) {
    clearTimeout(this.#overdue)
    if (this.settled || this.#working || this.#closed) return
    const { last } = this
    this.#overdue = setTimeout(() => {
      if (this.last !== last) this.#expect(OVERDUE_MS)
      else this.#work()
    }, ms)
  }

  #follows ({ prev }) {
    return prev === this.last
  }

  #isNews ({ id }) {
    return this.#head === undefined || compareIds(id, this.#head) > 0
  }

  #give (event, why) {
    this.last = event.id
    // Whoever was told may have left.
    if (!this.#closed) this.#onEvent(event, why)
  }

  #restart (reason, from) {
    const since = this.last
    this.last = from
    this.#onReset({ room: this.room, reason, from, ...(since !== undefined && { since: timeOf(since) }) })
  }

  #settle () {
    if (this.settled) this.#onSettled()
  }

  /** What was held and comes next, if anything; the rest is behind it, in order. */
  #heldNext () {
    this.#held = this.#held.filter(({ id }) => compareIds(id, this.last) > 0).sort((a, b) => compareIds(a.id, b.id))
    return this.#held[0]
  }

  /** Gives on what was held, as far as it follows; asks for what is missing. */
  #drain () {
    this.#heldNext()
    const held = this.#held
    let index = 0
    for (; index < held.length; index++) {
      const next = held[index]
      // It has come twice.
      if (next.id === this.last) continue
      if (!this.#follows(next)) break
      this.#give(next, this.#isNews(next) ? 'live' : 'missed')
    }
    this.#held = held.slice(index)
    if (this.#held.length > 0) this.#work()
    else this.#settle()
  }

  /** Asks for what it does not have, until it has been told; what arrives meanwhile is held. */
  async #work () {
    if (this.#working || this.#closed) return
    this.#working = true
    clearTimeout(this.#overdue)
    const backoff = new Backoff({ least: 1_000, most: 30_000 })
    for (;;) {
      try {
        await (this.last === undefined ? this.#begin() : this.#fill())
        break
      } catch (error) {
        if (this.#closed) return
        // Whoever may not read here is told so by the stream, and when it is there again, it is asked again.
        if (isFinal(error)) await this.#wait.for(Infinity)
        else await this.#wait.for(error.retryAfter === undefined ? backoff.next() : error.retryAfter * 1_000 * (1 + Math.random() / 4))
        if (this.#closed) return
      }
    }
    this.#working = this.#ahead = false
    if (this.#closed || this.last === undefined) return
    this.#drain()
    if (this.#head !== undefined) this.#expect(REFUSED_MS)
  }

  #read (query) {
    return this.#requests.json('GET', `rooms/${this.room}/events`, { query: new URLSearchParams(query) })
  }

  #beginAnew () {
    if (this.#history === 0) return
    this.last = undefined
    this.#work()
  }

  async #begin () {
    const { events, head } = await this.#read({ limit: this.#history })
    if (this.#closed || this.last !== undefined) return
    for (const event of events) this.#give(event, 'history')
    this.last = events.at(-1)?.id ?? head
  }

  /** Asks for everything between what it has and what it has been told of. */
  async #fill () {
    let read
    for (;;) {
      const { last } = this
      const { events, floor, head } = await this.#read({ after: last, limit: PAGE })
      if (this.#closed) return
      // A reset has come meanwhile.
      if (this.last === undefined) return this.#begin()
      if (this.last !== last) continue
      if (compareIds(floor, this.last) > 0) this.#restart('trimmed', floor)
      else if (compareIds(head, this.last) < 0) this.#restart('lost', head)
      for (const event of events) {
        if (compareIds(event.id, this.last) <= 0) continue
        if (!this.#follows(event)) this.#restart('lost', event.prev)
        this.#give(event, 'missed')
      }
      if (events.length > 0 && compareIds(this.last, head) < 0) continue
      this.#head = this.last
      const next = this.#heldNext()
      if (next === undefined || this.#follows(next)) return
      // What it follows came after the answer was made, or is not there any more.
      if (read === head || compareIds(next.prev, head) <= 0) return this.#restart('lost', next.prev)
      read = head
    }
  }
}
