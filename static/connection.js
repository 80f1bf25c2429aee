const WORDS = {
  connecting: 'Connecting…',
  reconnecting: 'Reconnecting…',
  'catching-up': 'Catching up…',
  live: 'Live',
  lost: 'Connection lost',
  unreachable: 'Cannot reach the server',
  restarting: 'The server is restarting',
  busy: 'The server is busy',
  offline: 'You are offline'
}

/** The connection's state, in words. */
export class Connection {
  #root
  #words
  #next
  #countdown

  /** @param {HTMLElement} root holds the status, and apart from it, since a screen reader need not hear seconds, a countdown */
  constructor (root) {
    this.#root = root
    this.#words = root.querySelector('[role=status]')
    this.#next = root.querySelector('.next')
  }

  /** @param {import('./stream.js').State} state */
  show (state) {
    const waited = this.#countdown !== undefined
    clearInterval(this.#countdown)
    this.#countdown = undefined
    if (waited && state.kind === 'reconnecting') {
      // Each attempt in words of its own would be a stream of announcements.
      this.#next.textContent = ', trying again now'
      return
    }
    const words = state.message ?? WORDS[state.kind]
    this.#root.dataset.state = state.kind
    // Said again where nothing has changed, it would be read aloud again.
    if (this.#words.textContent !== words) this.#words.textContent = words
    this.#next.textContent = ''
    if (state.until === undefined) return
    const count = () => {
      const seconds = Math.max(1, Math.ceil((state.until - Date.now()) / 1_000))
      this.#next.textContent = `, trying again in ${seconds} s`
    }
    count()
    this.#countdown = setInterval(count, 1_000)
  }
}
