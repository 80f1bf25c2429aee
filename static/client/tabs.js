/** ms that a visible tab waits for an answer of the one that streams: a tab that hangs keeps its lock. */
const PING_MS = 650

/**
 * The tabs of one browser that share a stream. One of them leads: it holds a lock (Web Locks), has the stream, and tells the others
 * what comes. When it goes, the next in the queue leads; a visible tab that hears nothing from the leader takes the lock from it.
 */
export class Tabs {
  /** @type {'away' | 'joining' | 'leading' | 'following'} */
  #role = 'away'
  /** What we have asked for: its end gives the lock back, or the place in the queue. */
  #turn = new AbortController()
  /** Who leads, as far as is known: one that was held up may not know that it no longer does. */
  #leader
  #name
  #channel
  #id
  #onLead
  #onFollow
  #onPing
  #onMessage
  #closed = false
  #pinging
  #answered = true
  /** Rooms that the others read, by tab, where we lead. @type {Map<string, string[]>} */
  others = new Map()

  /** Whether this browser can do it, in this page: not by plain HTTP, not where storage is denied, not outside of a page. */
  static async possible () {
    if (globalThis.document === undefined || globalThis.BroadcastChannel === undefined) return false
    try {
      await navigator.locks.query()
      return true
    } catch {
      return false
    }
  }

  /**
   * @param {object} options
   * @param {string} options.name the same for all tabs of one user and server
   * @param {string} options.id this tab's own
   * @param {() => string[]} options.rooms what this tab reads
   * @param {() => void} options.onLead this tab is to stream
   * @param {() => void} options.onFollow it is not, any more
   * @param {() => void} options.onPing a visible tab waits with us
   * @param {(message: { kind: string, from: string }) => void} options.onMessage what another tab tells
   */
  constructor ({ name, id, rooms, onLead, onFollow, onPing, onMessage }) {
    this.#name = `hubbub stream ${name}`
    this.#id = id
    this.rooms = rooms
    this.#onLead = onLead
    this.#onFollow = onFollow
    this.#onPing = onPing
    this.#onMessage = onMessage
    this.#channel = new BroadcastChannel(this.#name)
    this.#channel.onmessage = ({ data }) => this.#hear(data)
    document.addEventListener('visibilitychange', this.#look)
    document.addEventListener('freeze', this.#leave)
    document.addEventListener('resume', this.#return)
    addEventListener('pagehide', this.#leave)
    addEventListener('pageshow', this.#return)
    this.#join()
  }

  get leading () {
    return this.#role === 'leading'
  }

  /** The rooms of all tabs, this one's first. */
  get allRooms () {
    return [...new Set([...this.rooms(), ...[...this.others.values()].flat()])]
  }

  /** Tells the other tabs. */
  tell (message) {
    if (!this.#closed) this.#channel.postMessage({ ...message, from: this.#id })
  }

  /** What this tab reads has changed. */
  roomsChanged () {
    this.tell({ kind: 'rooms', rooms: this.rooms() })
  }

  close () {
    this.#leave()
    this.#closed = true
    document.removeEventListener('visibilitychange', this.#look)
    document.removeEventListener('freeze', this.#leave)
    document.removeEventListener('resume', this.#return)
    removeEventListener('pagehide', this.#leave)
    removeEventListener('pageshow', this.#return)
    this.#channel.close()
  }

  /** Asks for the lock: at once where it is free, and in the queue where it is not. */
  async #join () {
    const turn = this.#begin()
    if (await this.#ask(turn, { ifAvailable: true }) || turn.signal.aborted) return
    this.#follow()
    this.#ask(turn, { signal: turn.signal })
  }

  /** Takes the lock from one that does not answer. */
  async #take () {
    const turn = this.#begin()
    if (!await this.#ask(turn, { steal: true }) && !turn.signal.aborted) this.#join()
  }

  #begin () {
    this.#turn.abort()
    clearTimeout(this.#pinging)
    this.#role = 'joining'
    return (this.#turn = new AbortController())
  }

  /** @returns {Promise<boolean>} whether we have the lock, as soon as that is known */
  #ask (turn, options) {
    return new Promise((resolve) => {
      navigator.locks.request(this.#name, options, (lock) => {
        resolve(lock !== null)
        if (lock !== null && !turn.signal.aborted) return this.#lead(turn)
      }).catch(() => {
        resolve(false)
        // Another tab has taken the lock, since we did not answer.
        if (turn.signal.aborted || this.#role !== 'leading') return
        this.#onFollow()
        this.#join()
      })
    })
  }

  /** @returns {Promise<void>} as long as this tab leads */
  #lead (turn) {
    clearTimeout(this.#pinging)
    this.#role = 'leading'
    this.#leader = this.#id
    this.others.clear()
    this.tell({ kind: 'lead' })
    this.#onLead()
    return new Promise((resolve) => turn.signal.addEventListener('abort', resolve))
  }

  #follow () {
    this.#role = 'following'
    this.#onFollow()
    this.#greet()
    this.#ping()
  }

  /** Asks whoever leads how things are. */
  #greet () {
    this.tell({ kind: 'hello', rooms: this.rooms() })
  }

  /** A page that is frozen, or kept for the way back, can tell nobody anything. */
  #leave = () => {
    if (this.#role === 'away') return
    this.tell({ kind: 'gone' })
    if (this.leading) this.#onFollow()
    this.#begin()
    this.#role = 'away'
  }

  #return = () => {
    if (this.#role === 'away' && !this.#closed) this.#join()
  }

  #look = () => {
    if (this.#role !== 'following' || document.visibilityState === 'hidden') return
    this.tell({ kind: 'look' })
    this.#ping()
  }

  #ping = () => {
    clearTimeout(this.#pinging)
    if (document.visibilityState === 'hidden') return
    this.#answered = false
    this.tell({ kind: 'ping' })
    const due = Date.now() + PING_MS
    this.#pinging = setTimeout(() => {
      // Where we were held up ourselves, the answer may still wait to be heard.
      if (this.#answered || Date.now() > due + PING_MS / 2) this.#ping()
      else if (document.visibilityState !== 'hidden') this.#take()
    }, PING_MS)
  }

  #hear (message) {
    const { kind, from, to, rooms } = message
    if (this.#role === 'away' || (to !== undefined && to !== this.#id)) return
    if (kind === 'lead') {
      this.#leader = from
      if (this.#role === 'following') this.#greet()
    } else if (kind === 'ping') {
      if (!this.leading) return
      this.tell({ kind: 'pong' })
      this.#onPing()
    } else if (kind === 'hello' || kind === 'rooms') {
      if (!this.leading) return
      this.others.set(from, rooms)
      this.#onMessage(message)
    } else if (kind === 'gone') {
      this.others.delete(from)
      this.#onMessage(message)
    } else if (kind === 'about') {
      this.#leader = from
      if (this.#role === 'following') this.#onMessage(message)
    } else if (kind === 'item' || kind === 'state' || kind === 'pong') {
      if (this.#role !== 'following') return
      this.#answered = true
      // Not one that does not know yet that it leads no longer.
      if (from === this.#leader) return kind === 'pong' ? undefined : this.#onMessage(message)
      if (this.#leader !== undefined) this.#greet()
      this.#leader = undefined
    } else {
      this.#onMessage(message)
    }
  }
}

/** Holds a name as long as this tab lives, or until it is given back. @returns {Promise<(() => void) | undefined>} undefined where another tab has it */
export function claim (name) {
  return new Promise((resolve) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock !== null) return new Promise((release) => resolve(release))
      resolve(undefined)
    }).catch(() => resolve(undefined))
  })
}
