/** ms between two questions of a visible tab to the one that streams, and within which it answers: a frozen tab keeps its lock. */
const PING_MS = 900

/**
 * The tabs of one browser that share a stream. One of them leads: it holds a lock (Web Locks), has the stream, and tells the others
 * what comes. When it goes, the next in the queue leads; a visible tab that hears nothing from the leader takes the lock from it.
 */
export class Tabs {
  /** @type {'joining' | 'leading' | 'following'} */
  #role = 'joining'
  #lock
  #channel
  #id
  #onLead
  #onFollow
  #onMessage
  #release = () => {}
  #closed = false
  /** Whether the page is frozen, or kept for the way back. */
  #asleep = false
  #pinging
  #answered = true
  #queued = new AbortController()
  /** Rooms that the others read, by tab. @type {Map<string, string[]>} */
  #others = new Map()

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

  /** Takes an id for this tab, as long as it lives. @returns {Promise<boolean>} false where another one has it, of which this is a copy */
  static claim (id) {
    return new Promise((resolve) => {
      navigator.locks.request(`hubbub tab ${id}`, { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock === null ? undefined : new Promise(() => {})
      })
    })
  }

  /** Whether a tab lives. @param {string} id */
  static async lives (id) {
    const { held } = await navigator.locks.query()
    return held.some(({ name }) => name === `hubbub tab ${id}`)
  }

  /**
   * @param {object} options
   * @param {string} options.name the same for all tabs of one user and server
   * @param {string} options.id this tab's own
   * @param {() => string[]} options.rooms what this tab reads
   * @param {() => void} options.onLead this tab is to stream
   * @param {() => void} options.onFollow it is not, any more
   * @param {(message: { kind: string }) => void} options.onMessage what another tab tells
   */
  constructor ({ name, id, rooms, onLead, onFollow, onMessage }) {
    this.#lock = `hubbub stream ${name}`
    this.#id = id
    this.rooms = rooms
    this.#onLead = onLead
    this.#onFollow = onFollow
    this.#onMessage = onMessage
    this.#channel = new BroadcastChannel(this.#lock)
    this.#channel.onmessage = ({ data }) => this.#hear(data)
  }

  get leading () {
    return this.#role === 'leading'
  }

  /** The rooms of all tabs, this one's first. */
  get allRooms () {
    return [...new Set([...this.rooms(), ...[...this.#others.values()].flat()])]
  }

  /** Takes part. */
  async open () {
    this.#closed = false
    document.addEventListener('visibilitychange', this.#look)
    document.addEventListener('freeze', this.#leave)
    document.addEventListener('resume', this.#return)
    addEventListener('pagehide', this.#leave)
    addEventListener('pageshow', this.#return)
    await this.#join()
    this.#pinging = setInterval(this.#ping, PING_MS)
  }

  /** Tells the other tabs. */
  tell (message) {
    this.#channel.postMessage({ ...message, from: this.#id })
  }

  /** What this tab reads has changed. */
  roomsChanged () {
    this.tell({ kind: 'rooms', rooms: this.rooms() })
  }

  close () {
    this.#leave()
    this.#closed = true
    clearInterval(this.#pinging)
    document.removeEventListener('visibilitychange', this.#look)
    document.removeEventListener('freeze', this.#leave)
    document.removeEventListener('resume', this.#return)
    removeEventListener('pagehide', this.#leave)
    removeEventListener('pageshow', this.#return)
    this.#channel.close()
  }

  /** Asks for the lock: at once where it is free, and in the queue where it is not. */
  async #join () {
    const free = await new Promise((resolve) => {
      navigator.locks.request(this.#lock, { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock === null ? undefined : this.#lead()
      }).catch(this.#lost)
    })
    if (free || this.#closed) return
    this.#follow()
    const queued = this.#queued = new AbortController()
    navigator.locks.request(this.#lock, { signal: queued.signal }, () => this.#lead()).catch(this.#lost)
  }

  /** @returns {Promise<void>} as long as this tab leads */
  #lead () {
    if (this.#closed) return undefined
    this.#role = 'leading'
    this.#others.clear()
    this.tell({ kind: 'lead' })
    this.#onLead()
    return new Promise((resolve) => { this.#release = resolve })
  }

  #follow () {
    this.#role = 'following'
    this.#answered = true
    this.tell({ kind: 'hello', rooms: this.rooms() })
    this.#onFollow()
  }

  /** Another tab has taken the lock, since we did not answer: perhaps we were frozen. Or we have left the queue. */
  #lost = (error) => {
    if (this.#closed || this.#role !== 'leading') return
    if (error?.name !== 'AbortError') throw error
    this.#join()
  }

  #take () {
    this.#queued.abort()
    navigator.locks.request(this.#lock, { steal: true }, () => this.#lead()).catch(this.#lost)
  }

  /** A page that is frozen, or kept for the way back, can tell nobody anything. */
  #leave = () => {
    this.#asleep = true
    this.tell({ kind: 'gone' })
    this.#queued.abort()
    if (this.#role === 'leading') this.#onFollow()
    this.#role = 'joining'
    this.#release()
  }

  #return = () => {
    if (!this.#asleep || this.#closed) return
    this.#asleep = false
    this.#join()
  }

  #look = () => {
    if (document.visibilityState === 'hidden') return
    if (this.#role === 'following') {
      this.#answered = true
      this.#ping()
      this.tell({ kind: 'look' })
    }
  }

  #ping = () => {
    if (this.#role !== 'following' || document.visibilityState === 'hidden') return
    if (!this.#answered) return this.#take()
    this.#answered = false
    this.tell({ kind: 'ping' })
  }

  #hear (message) {
    const { kind, from, rooms } = message
    if (this.#closed) return
    if (kind === 'ping') {
      if (this.leading) this.tell({ kind: 'pong' })
      return
    }
    if (this.#role === 'following' && kind !== 'hello' && kind !== 'rooms' && kind !== 'look' && kind !== 'gone') this.#answered = true
    if (kind === 'lead') {
      if (this.#role === 'following') this.tell({ kind: 'hello', rooms: this.rooms() })
    } else if (this.leading && (kind === 'hello' || kind === 'rooms')) {
      this.#others.set(from, rooms)
    } else if (kind === 'gone') {
      this.#others.delete(from)
    }
    if (kind !== 'pong') this.#onMessage(message)
  }
}
