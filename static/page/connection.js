import { format, t } from './words.js'

/** ms for which a new attempt is not worth a word: what comes back at once was never away. */
const SHORT_MS = 600

/** The connection's state, in words: the status, and apart from it, since a screen reader need not hear seconds, a countdown. */
export class Connection {
  #root
  #words
  #next
  #retry
  #onLeft
  #countdown
  #later

  /** @param {{ root: HTMLElement, onRetry: () => void, onLeft: () => void }} options `onLeft`: the button that had the focus is gone */
  constructor ({ root, onRetry, onLeft }) {
    this.#root = root
    this.#onLeft = onLeft
    this.#words = root.querySelector('[role=status]')
    this.#next = root.querySelector('.next')
    this.#retry = root.querySelector('button')
    this.#retry.addEventListener('click', onRetry)
  }

  /** @param {import('../client.d.ts').ClientState} state */
  show (state) {
    clearTimeout(this.#later)
    const passing = state.state === 'connecting' || state.state === 'catching-up'
    if (passing && this.#root.dataset.state !== undefined) {
      clearInterval(this.#countdown)
      this.#next.textContent = ''
      this.#later = setTimeout(() => this.#show(state), SHORT_MS)
    } else {
      this.#show(state)
    }
  }

  #show ({ state, reason, message, code, via, retryAt }) {
    clearInterval(this.#countdown)
    const words = state === 'refused'
      ? (code?.startsWith('HUB_') ? t('connection.refused') : '') + ' ' + message
      : reason === 'busy' && message !== undefined ? message : t(`connection.${reason ?? (via === 'poll' && state === 'live' ? 'live-poll' : state)}`)
    this.#root.dataset.state = state
    this.#root.title = via === 'poll' ? t('connection.poll-why') : ''
    // Said again where nothing has changed, it would be read aloud again.
    if (this.#words.textContent !== words.trim()) this.#words.textContent = words.trim()
    const hadFocus = document.activeElement === this.#retry
    this.#retry.hidden = state !== 'offline' && state !== 'refused'
    if (hadFocus && this.#retry.hidden) this.#onLeft()
    this.#next.textContent = ''
    if (retryAt === undefined) return
    const count = () => {
      const ms = Math.max(1_000, retryAt - Date.now())
      this.#next.textContent = ` ${t('connection.again', { time: format.duration(ms) })}`
    }
    count()
    this.#countdown = setInterval(count, 1_000)
  }
}
