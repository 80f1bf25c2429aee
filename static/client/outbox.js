import { compareIds } from './ids.js'
import { RequestFailed, isOurs } from './requests.js'
import { Backoff, Wait } from './wait.js'

/** ms between two attempts, where the server does not ask for more. */
const RETRY_MS = { least: 1_000, most: 30_000 }
/** ms after which the same key is not sent again by itself: the server knows it for 24 h, and would then store another one. */
const KNOWN_MS = 23 * 3_600_000

/**
 * @typedef {object} Pending a post that the log does not show yet
 * @property {string} key the same for each attempt, by which the server stores it once
 * @property {string} room
 * @property {object} draft what is posted, without room and key
 * @property {number} at Unix time in ms at which it was written
 * @property {number} [tried] Unix time in ms at which it was sent first, since when it may be stored
 * @property {'waiting' | 'sending' | 'sent' | 'failed'} state
 * @property {string} [id] of the event that it has become
 * @property {boolean} [told] the stream has brought an event that it must be, though its answer is not there
 * @property {{ message: string, code?: string, status?: number }} [failure] why not; after `failed` only somebody's wish sends it again
 * @property {number} [retryAt] Unix time in ms at which it is sent again by itself
 */

/**
 * What is on its way to the server: sent one after the other in each room, again and again under the same key until the server has
 * answered, and kept over a reload. One that fails for good stops those behind it, so that their order is kept.
 */
export class Outbox {
  #requests
  #credentials
  #keep
  /** The name under which it is kept; none until it is known whose it is. */
  #slot
  #onChange
  #onSessionEnded
  /** Oldest first. @type {Pending[]} */
  #pending = []
  #waiting = new Map()
  /** By key. */
  #promises = new Map()
  #sending = new Set()
  /** Rooms of which it is to be told, and kept, what has changed. */
  #news = new Set()
  #closed = false

  /**
   * @param {object} options
   * @param {import('./requests.js').Requests} options.requests
   * @param {import('./credentials.js').Credentials} options.credentials
   * @param {ReturnType<import('./storage.js').openStorage>} options.keep
   * @param {(room: string) => void} options.onChange
   * @param {() => void} options.onSessionEnded
   */
  constructor ({ requests, credentials, keep, onChange, onSessionEnded }) {
    this.#requests = requests
    this.#credentials = credentials
    this.#keep = keep
    this.#onChange = onChange
    this.#onSessionEnded = onSessionEnded
  }

  /** Begins to send: first what was left before. @param {string} slot the name under which it is kept, this tab's own */
  open (slot) {
    this.#slot = slot
    this.adopt(slot)
  }

  /** Goes on with what was left under a name, perhaps by a tab that is no more. @param {string} slot */
  adopt (slot) {
    const known = new Set(this.#pending.map(({ key }) => key))
    const rooms = new Set(this.#pending.map(({ room }) => room))
    for (const pending of this.#left(slot)) {
      if (known.has(pending.key)) continue
      this.#pending.push({ ...pending, state: pending.failure === undefined ? 'waiting' : 'failed' })
      rooms.add(pending.room)
    }
    this.#pending.sort((a, b) => a.at - b.at)
    this.#store()
    if (slot !== this.#slot) this.#keep.removeItem(slot)
    for (const room of rooms) {
      this.#changed(room)
      this.#send(room)
    }
  }

  /** @param {string} [room] @returns {Pending[]} oldest first */
  pending (room) {
    return this.#pending.filter((pending) => room === undefined || pending.room === room).map((pending) => ({ ...pending }))
  }

  /** @returns {Promise<object>} the event, when it is stored; rejects where it is discarded */
  post (room, draft, key = newKey()) {
    const again = this.#promises.get(key)
    if (again !== undefined) return again.stored
    this.#pending.push({ key, room, draft, at: Date.now(), state: 'waiting' })
    let settle
    const stored = new Promise((resolve, reject) => { settle = { resolve, reject } })
    this.#promises.set(key, { stored, ...settle })
    stored.catch(() => {}) // Whoever wants to know asks.
    this.#changed(room)
    this.#send(room)
    return stored
  }

  /** Somebody wants it sent now. */
  retry (key) {
    const pending = this.#find(key)
    if (pending === undefined) return
    if (pending.state === 'failed') {
      pending.state = 'waiting'
      delete pending.failure
      delete pending.tried
    }
    this.#changed(pending.room)
    this.#wait(pending.room).end()
    this.#send(pending.room)
  }

  /** @returns {Pending | undefined} what was not sent, and will not be; undefined where it is too late for that */
  discard (key) {
    const pending = this.#find(key)
    if (pending === undefined || pending.told || pending.state === 'sent' || pending.state === 'sending') return undefined
    this.#remove(pending)
    this.#promises.get(key)?.reject(new RequestFailed('It was discarded.'))
    this.#promises.delete(key)
    this.#wait(pending.room).end()
    this.#send(pending.room)
    return pending
  }

  /** The server can be reached (again). */
  wake () {
    for (const pending of this.#pending) {
      // The server that has said when is not asked before; what somebody else has said in its place holds no longer.
      if (pending.state === 'waiting' && pending.failure?.code === undefined) this.#wait(pending.room).end()
      this.#send(pending.room)
    }
  }

  /** The log has come so far: what was posted before is in it. @param {string} [id] none where nobody reads it any more */
  reached (room, id) {
    for (const pending of this.#pending) {
      if (pending.room === room && pending.id !== undefined && (id === undefined || compareIds(pending.id, id) <= 0)) this.#remove(pending)
    }
  }

  /** An event of ours has come: it is not to be seen twice while its post is still unanswered. */
  arrived ({ room, message }) {
    const first = this.#pending.find((pending) => pending.room === room && pending.id === undefined)
    if (first === undefined || first.told || first.state === 'failed' || first.draft.message !== message) return
    // Only what was on its way can have arrived.
    if (first.state !== 'sending' && first.failure === undefined) return
    first.told = true
    this.#changed(room)
  }

  /** What is left stays where it is kept. */
  close () {
    if (this.#news.size > 0) this.#store()
    this.#closed = true
    for (const wait of this.#waiting.values()) wait.end()
    for (const { reject } of this.#promises.values()) reject(new RequestFailed('The client was closed before it was sent.'))
    this.#promises.clear()
  }

  async #send (room) {
    if (this.#slot === undefined || this.#sending.has(room)) return
    this.#sending.add(room)
    for (;;) {
      const next = this.#pending.find((pending) => pending.room === room && pending.id === undefined)
      if (this.#closed || next === undefined || next.state === 'failed' || !this.#credentials.known) break
      if (Date.now() - next.tried > KNOWN_MS) {
        this.#fail(next, { code: 'may-have-arrived', message: 'It was sent a day ago, and may have arrived: look before you send it again.' })
        break
      }
      const wait = await this.#attempt(next)
      if (this.#closed) break
      if (wait === undefined) continue
      next.retryAt = Date.now() + wait
      this.#changed(room)
      await this.#wait(room).for(wait)
      delete next.retryAt
    }
    this.#sending.delete(room)
  }

  #backoffs = new Map()

  /** @returns {Promise<number | undefined>} ms to wait before the next attempt, where one is to follow */
  async #attempt (pending) {
    const { room, key, draft } = pending
    const backoff = this.#backoffs.get(room) ?? new Backoff(RETRY_MS)
    this.#backoffs.set(room, backoff)
    pending.state = 'sending'
    pending.tried ??= Date.now()
    this.#changed(room)
    try {
      const { event } = await this.#requests.json('POST', 'events', { body: { ...draft, room, key } })
      if (event?.id === undefined) throw new RequestFailed('No answer from the server.')
      // What is kept may be another client's by now, all but this.
      if (this.#closed) return void this.#write(this.#left(this.#slot).filter((other) => other.key !== key))
      backoff.reset()
      pending.state = 'sent'
      pending.id = event.id
      delete pending.failure
      this.#promises.get(key)?.resolve(event)
      this.#promises.delete(key)
      if (event.gone || pending.told) this.#remove(pending)
      else this.#changed(room)
      this.onSent?.(pending, event)
    } catch (failure) {
      const { message, code, status, retryAfter } = failure
      const reason = { message, ...(code !== undefined && { code }), ...(status !== undefined && { status }) }
      // What the server itself has turned away is not stored.
      if (isOurs(code) && status < 500) delete pending.tried
      if (isPassing(failure)) {
        pending.state = 'waiting'
        pending.failure = reason
        return retryAfter === undefined ? backoff.next() : retryAfter * 1_000 * (1 + Math.random() / 4)
      }
      this.#fail(pending, reason)
      if (status === 401) this.#onSessionEnded()
    }
    return undefined
  }

  #fail (pending, failure) {
    pending.state = 'failed'
    pending.failure = failure
    delete pending.told
    this.#changed(pending.room)
  }

  /** @type {((pending: Pending, event: object) => void) | undefined} */
  onSent

  #find (key) {
    return this.#pending.find((pending) => pending.key === key)
  }

  #remove (pending) {
    this.#pending = this.#pending.filter((other) => other !== pending)
    this.#changed(pending.room)
  }

  #wait (room) {
    if (!this.#waiting.has(room)) this.#waiting.set(room, new Wait())
    return this.#waiting.get(room)
  }

  /** Many changes of one turn are one: a thousand posts are written and told once, and not each with all before it. */
  #changed (room) {
    if (this.#news.size === 0) queueMicrotask(() => this.#say())
    this.#news.add(room)
  }

  #say () {
    const rooms = [...this.#news]
    this.#news.clear()
    if (this.#closed) return
    this.#store()
    for (const room of rooms) this.#onChange(room)
  }

  /** What the server has answered is in the log, and needs no keeping. */
  #store () {
    if (this.#slot === undefined) return
    this.#write(this.#pending.filter(({ id }) => id === undefined).map(({ state, retryAt, told, failure, ...kept }) => ({ ...kept, ...(state === 'failed' && { failure }) })))
  }

  /** What is kept under a name. */
  #left (slot) {
    try {
      const left = JSON.parse(this.#keep.getItem(slot) ?? '[]')
      return Array.isArray(left) ? left : []
    } catch {
      return []
    }
  }

  #write (left) {
    if (left.length === 0) this.#keep.removeItem(this.#slot)
    else this.#keep.setItem(this.#slot, JSON.stringify(left))
  }
}

/** Whether the same post may be taken later. What is not the server's own word says nothing for good. */
function isPassing ({ status, code }) {
  if (status === undefined || status === 429 || status === 408 || status >= 500) return true
  return !isOurs(code) && status !== 413
}

/** `crypto.randomUUID` is missing on plain http but for localhost. */
export function newKey () {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
