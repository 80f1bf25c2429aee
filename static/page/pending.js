import { button, element } from './dom.js'
import { quoteOf } from './message.js'
import { isPiled, richText } from './rich-text.js'
import { format, reasonOf, t } from './words.js'

/** Messages of ours that are not in the log yet, below it, with what becomes of them. */
export class PendingList {
  #list
  #client
  #reading
  #on
  #room
  /** By key. @type {Map<string, HTMLElement>} */
  #items = new Map()
  #counting

  /**
   * @param {object} options
   * @param {HTMLElement} options.list
   * @param {import('../client.d.ts').Client} options.client
   * @param {import('./message.js').Reading} options.reading
   * @param {{ takeBack: (draft: object) => void, left: () => void, grown: () => void, failed: (words: string) => void }} options.on
   */
  constructor ({ list, client, reading, on }) {
    this.#list = list
    this.#client = client
    this.#reading = reading
    this.#on = on
    client.addEventListener('outbox', ({ detail: { room, pending } }) => { if (room === this.#room) this.#show(pending) })
  }

  open (room) {
    this.#room = room
    this.#items.clear()
    this.#list.replaceChildren()
    this.#show(this.#client.pending.filter((pending) => pending.room === room))
  }

  #show (all) {
    const shown = all.filter(({ told }) => told !== true)
    const keys = new Set(shown.map(({ key }) => key))
    for (const [key, item] of this.#items) {
      if (keys.has(key)) continue
      if (item.contains(document.activeElement)) this.#on.left()
      item.remove()
      this.#items.delete(key)
    }
    let grown = false
    for (const pending of shown) {
      if (!this.#items.has(pending.key)) {
        grown = true
        const item = this.#item(pending)
        this.#items.set(pending.key, item)
        this.#list.append(item)
      }
      this.#label(this.#items.get(pending.key), pending)
    }
    this.#countDown(shown)
    if (grown) this.#on.grown()
  }

  #item ({ draft: { message = '', replyTo } }) {
    return element('li', { class: 'message own', tabindex: '-1' },
      element('div', { class: 'content' },
        ...(replyTo === undefined ? [] : [quoteOf(replyTo, this.#reading.find(replyTo))]),
        element('div', { class: isPiled(message) ? 'text piled' : 'text', dir: 'auto' }, ...richText(message, { names: this.#reading.names }))),
      element('p', { class: 'state' }), element('p', { class: 'actions' }))
  }

  #label (item, { key, state, failure, retryAt, draft }) {
    const failed = state === 'failed'
    const stuck = failed || (state === 'waiting' && failure !== undefined)
    const words = failed
      ? `${t('pending.failed')} ${failure.status === 401 ? t('pending.session-ended') : reasonOf(failure)}`
      : state === 'sent' ? t('pending.sent')
        : state === 'sending' ? t('pending.sending')
          : failure?.status !== undefined ? reasonOf(failure) : t('pending.waiting')
    item.dataset.state = failed ? 'failed' : stuck ? 'stuck' : state
    item.dataset.retryAt = retryAt ?? ''
    const line = item.querySelector('.state')
    if (line.dataset.words !== words) {
      line.dataset.words = words
      line.textContent = words
      if (failed) this.#on.failed(words)
    }
    const actions = item.querySelector('.actions')
    if (stuck === (actions.childElementCount > 0)) return
    // What was pressed goes; the message stays.
    if (actions.contains(document.activeElement)) item.focus()
    actions.replaceChildren(...(stuck
      ? [
          button(t('pending.retry'), () => this.#client.retry(key)),
          button(t('pending.edit'), () => { if (this.#client.discard(key) !== undefined) this.#on.takeBack(draft) }),
          button(t('pending.discard'), () => this.#client.discard(key))
        ]
      : []))
  }

  /** When it is sent again by itself, in seconds: to be seen, not to be read out. */
  #countDown (shown) {
    clearInterval(this.#counting)
    const waiting = shown.filter(({ retryAt }) => retryAt !== undefined)
    if (waiting.length === 0) return
    const count = () => {
      for (const { key, retryAt } of waiting) {
        const line = this.#items.get(key)?.querySelector('.state')
        const left = Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000))
        if (line != null) line.textContent = `${line.dataset.words} ${t('pending.again', { time: format.duration(left * 1_000) })}`
      }
    }
    this.#counting = setInterval(count, 1_000)
    count()
  }
}
