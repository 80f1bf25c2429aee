import { requestJson } from './request.js'

/** Characters of a message at most, counted as the server counts: in code points. */
const MAX_LENGTH = 4_000
/** Characters left from which on their number is shown. */
const COUNTED = 200

/**
 * Where messages are written, and those on their way. A message leaves the text box when it is sent and stays in the outbox
 * until the room's stream has brought it back; one that fails stops those behind it, so that their order is kept.
 */
export class Composer {
  #form
  #text
  #limit
  #outbox
  #failure
  #room
  #isShown
  #onSend
  #onSessionEnded
  /** Oldest first. @type {Array<{ text: string, key: string, item: HTMLLIElement, id?: string }>} */
  #unsent = []
  #sending = false
  /** Counts the seconds until it is tried again. */
  #counting

  /**
   * @param {object} parts
   * @param {HTMLFormElement} parts.form
   * @param {HTMLElement} parts.outbox
   * @param {HTMLElement} parts.failure where it is said what went wrong
   * @param {string} parts.room
   * @param {(eventId: string) => boolean} parts.isShown whether the stream has brought it
   * @param {() => void} parts.onSend
   * @param {() => Promise<void>} parts.onSessionEnded
   */
  constructor ({ form, outbox, failure, room, isShown, onSend, onSessionEnded }) {
    this.#form = form
    this.#text = form.elements.namedItem('text')
    this.#limit = form.querySelector('.limit')
    this.#outbox = outbox
    this.#failure = failure
    this.#room = room
    this.#isShown = isShown
    this.#onSend = onSend
    this.#onSessionEnded = onSessionEnded
    this.#text.addEventListener('input', () => this.#changed())
    this.#text.addEventListener('keydown', (event) => {
      // The Enter that ends an input method's composition is not ours; Safari tells by the key code alone.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return
      event.preventDefault()
      form.requestSubmit()
    })
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
    this.#restore()
  }

  /** An event of ours has come by the stream: it need not be shown twice while its post is still unanswered. */
  arrived ({ id, message }) {
    const index = this.#unsent.findIndex((unsent) => unsent.id === id)
    if (index >= 0) return this.#remove(index)
    const [first] = this.#unsent
    if (this.#sending && first?.text === message) first.item.hidden = true
  }

  #submit () {
    const text = this.#text.value
    if (text.trim() === '' || excess(text) > 0) return
    this.#text.value = ''
    this.#enqueue(text, newKey())
    this.#changed()
    this.#text.focus()
    this.#onSend()
    this.#sendNext()
  }

  #enqueue (text, key) {
    const item = document.createElement('li')
    item.className = 'message own'
    const content = document.createElement('p')
    content.className = 'text'
    content.dir = 'auto'
    content.textContent = text
    const state = document.createElement('p')
    state.className = 'state'
    item.append(content, state)
    this.#outbox.append(item)
    this.#unsent.push({ text, key, item })
  }

  /** Posts what has not been posted, one after the other. Nothing goes past one that has failed. */
  async #sendNext () {
    const next = this.#unsent.find(({ id }) => id === undefined)
    if (next === undefined || this.#sending || this.#failure.hasChildNodes()) return
    this.#sending = true
    this.#label(next, 'Sending…')
    try {
      const { event } = await requestJson('POST', 'events', { message: next.text, room: this.#room, key: next.key })
      next.id = event.id
      if (event.gone || this.#isShown(event.id)) this.#remove(this.#unsent.indexOf(next))
      else this.#label(next, 'Sent')
      this.#remember()
    } catch (failure) {
      next.item.hidden = false
      this.#label(next, 'Not sent')
      if (failure.status === 401) {
        await this.#onSessionEnded()
        this.#fail('Your session had ended. Sending again goes on as a new guest.')
      } else {
        this.#fail(failure.message, failure.status === 429 ? failure.retryAfter : undefined)
      }
    }
    this.#sending = false
    this.#sendNext()
  }

  /** @param {number} [seconds] after which it is tried again by itself; only if somebody asks for it where not given */
  #fail (reason, seconds) {
    const words = document.createElement('p')
    words.textContent = `Not sent. ${reason}`
    this.#failure.replaceChildren(words, button('Retry', () => this.#retry()), button('Edit', () => this.#takeBack()))
    if (seconds !== undefined) words.after(this.#countdown(seconds))
  }

  /** Spread, so that those who have met the same limit do not all come at once. */
  #countdown (seconds) {
    const until = Date.now() + seconds * 1_000 * (1 + Math.random() / 4)
    const words = document.createElement('p')
    // To be seen, not to be read out each second.
    words.role = 'timer'
    words.ariaLive = 'off'
    const count = () => {
      const left = Math.ceil((until - Date.now()) / 1_000)
      if (left <= 0) this.#goOn()
      else words.textContent = `It is sent by itself in ${left} s.`
    }
    this.#counting = setInterval(count, 250)
    count()
    return words
  }

  #retry () {
    this.#text.focus()
    this.#goOn()
  }

  #goOn () {
    clearInterval(this.#counting)
    this.#failure.replaceChildren()
    this.#sendNext()
  }

  /** Puts the message that failed back into the text box, before what has been typed since. */
  #takeBack () {
    const index = this.#unsent.findIndex(({ id }) => id === undefined)
    const { text } = this.#unsent[index]
    this.#remove(index)
    this.#text.value = this.#text.value === '' ? text : `${text}\n${this.#text.value}`
    this.#changed()
    this.#retry()
  }

  #label ({ item }, state) {
    item.dataset.state = state === 'Not sent' ? 'failed' : 'sending'
    item.querySelector('.state').textContent = state
  }

  #remove (index) {
    const [{ item }] = this.#unsent.splice(index, 1)
    item.remove()
  }

  #changed () {
    const over = excess(this.#text.value)
    this.#limit.textContent = over > 0
      ? `${over.toLocaleString()} characters too many`
      : over > -COUNTED ? `${-over} characters left` : ''
    this.#form.classList.toggle('over', over > 0)
    this.#text.ariaInvalid = over > 0 ? 'true' : null
    if (!CSS.supports('field-sizing', 'content')) {
      this.#text.style.height = 'auto'
      this.#text.style.height = `${this.#text.scrollHeight + 2}px`
    }
    this.#remember()
  }

  /** What is typed and what is not sent outlive a reload of this tab. */
  #remember () {
    const unsent = this.#unsent.filter(({ id }) => id === undefined).map(({ text, key }) => ({ text, key }))
    try {
      sessionStorage.setItem(`hubbub ${this.#room}`, JSON.stringify({ draft: this.#text.value, unsent }))
    } catch {} // Where nothing may be stored, nothing outlives a reload.
  }

  #restore () {
    let kept
    try {
      kept = JSON.parse(sessionStorage.getItem(`hubbub ${this.#room}`))
    } catch {}
    if (kept == null) return
    this.#text.value = kept.draft
    for (const { text, key } of kept.unsent) this.#enqueue(text, key)
    if (kept.unsent.length > 0) {
      this.#label(this.#unsent[0], 'Not sent')
      this.#fail('The page was left before the server had answered. Sending again is safe.')
    }
    this.#changed()
  }
}

/** @returns characters beyond the limit; less than 0 below it */
function excess (text) {
  return [...text].length - MAX_LENGTH
}

/** Made once per message, so that a retry is stored once. `crypto.randomUUID` is missing on plain http but for localhost. */
function newKey () {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function button (name, onClick) {
  const made = document.createElement('button')
  made.type = 'button'
  made.textContent = name
  made.addEventListener('click', onClick)
  return made
}
