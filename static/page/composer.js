import { element, nameOf } from './dom.js'
import { keepForTab } from './keep.js'
import { format, phrase, reasonOf, t } from './words.js'

/** Characters of a message at most, counted as the server counts: in code points. */
const MAX_LENGTH = 4_000
/** Characters left from which on their number is shown. */
const COUNTED = 200

/**
 * Where messages are written: a text box that keeps what was typed in each room, answers, edits, completes, and knows commands.
 */
export class Composer {
  #form
  #text
  #send
  #limit
  #about
  #problem
  #closedNote
  #client
  #on
  /** @type {import('./completion.js').Completion | undefined} */
  #completion
  /** Gives what can wait until the first messages are read; a command that is sent before waits for it. @type {(more: { commands: import('./commands.js').Command[], completion: import('./completion.js').Completion }) => void} */
  furnish
  #commands = new Promise((resolve) => {
    this.furnish = ({ commands, completion }) => {
      this.#completion = completion
      resolve(commands)
    }
  })
  #room
  /** What is answered or edited. @type {{ kind: 'reply' | 'edit', event: object } | undefined} */
  #context
  /** Unix time in ms until which slow mode lets nothing more be sent. */
  #slowUntil = 0
  #slowMode = 0
  #counting

  /**
   * @param {object} options
   * @param {HTMLFormElement} options.form
   * @param {import('../client.d.ts').Client} options.client
   * @param {{ sent: () => void, lastOwn: () => object | undefined, leave: () => void }} options.on
   *   `leave`: the keyboard goes to the messages
   */
  constructor ({ form, client, on }) {
    this.#form = form
    this.#client = client
    this.#on = on
    this.#text = form.elements.namedItem('text')
    this.#send = form.querySelector('[type=submit]')
    this.#limit = form.querySelector('.limit')
    this.#about = form.querySelector('.about')
    this.#problem = form.querySelector('.problem')
    this.#closedNote = form.querySelector('.closed')
    this.#text.addEventListener('input', () => this.#changed(true))
    this.#text.addEventListener('keydown', (event) => this.#pressed(event))
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
  }

  /** Writes in another room. */
  open (room) {
    this.#room = room
    this.#completion?.close()
    this.#context = undefined
    this.#slowUntil = keepForTab.get(`slow ${room}`, 0)
    this.#text.value = keepForTab.get(`draft ${room}`, '')
    this.#complain('')
    this.#showContext()
    this.#changed(false)
    this.#slowMode = 0
    this.allow({ write: true })
  }

  /** What may be done here. @param {{ write: boolean, why?: string, slowMode?: number }} may `slowMode`: s, 0 for those who need not wait; missing where it is not known */
  allow ({ write, why, slowMode }) {
    if (slowMode !== undefined) this.#slowMode = slowMode * 1_000
    this.#form.classList.toggle('shut', !write)
    this.#closedNote.textContent = write ? '' : why
    const hadFocus = this.#form.contains(document.activeElement)
    this.#text.disabled = this.#send.disabled = !write
    if (hadFocus && !write) this.focus()
    this.#countDown()
  }

  /** Takes the focus to the text box, and to the messages where nothing may be written. */
  focus () {
    if (this.#text.disabled) this.#on.leave()
    else this.#text.focus()
  }

  reply (event) {
    this.#context = { kind: 'reply', event }
    this.#showContext()
    this.focus()
  }

  edit (event) {
    // What was being written comes back after it.
    if (this.#context?.kind !== 'edit') keepForTab.set(`draft ${this.#room}`, this.#text.value)
    this.#context = { kind: 'edit', event }
    this.#text.value = event.message ?? ''
    this.#showContext()
    this.#changed(false)
    this.focus()
  }

  /** Puts a message back that was not sent, before what has been typed since. @param {object} draft @param {object} [answered] what it answers */
  takeBack ({ message = '', data }, answered) {
    if (this.#context?.kind === 'edit') this.#leaveContext()
    if (answered !== undefined) this.#context = { kind: 'reply', event: answered }
    const text = data?.me === true ? `/me ${message}` : message.startsWith('/') ? `/${message}` : message
    this.#text.value = this.#text.value === '' ? text : `${text}\n${this.#text.value}`
    this.#showContext()
    this.#changed(false)
    this.focus()
  }

  mention (name) {
    const before = this.#text.value
    this.#text.setRangeText(`${before === '' || /\s$/.test(before) ? '' : ' '}@${name} `, before.length, before.length, 'end')
    this.#changed(false)
    this.focus()
  }

  #pressed (event) {
    // The Enter that ends an input method's composition is not ours; Safari tells by the key code alone.
    if (event.isComposing || event.keyCode === 229) return
    if (this.#completion?.pressed(event)) return event.preventDefault()
    const { key, shiftKey } = event
    if (key === 'Enter' && !shiftKey) this.#form.requestSubmit()
    else if (key === 'Escape' && this.#context !== undefined) this.#leaveContext()
    else if (key === 'Escape') this.#on.leave()
    else if (key === 'ArrowUp' && this.#text.value === '' && this.#on.lastOwn() !== undefined) this.edit(this.#on.lastOwn())
    else return
    event.preventDefault()
  }

  async #submit () {
    const text = this.#text.value
    if (text.trim() === '' || excess(text) > 0 || this.#text.disabled) return
    if (this.#context?.kind === 'edit') return this.#saveEdit(text)
    const command = parseCommand(text)
    if (command !== undefined) return this.#run(command)
    if (this.#slowLeft > 0) return this.#complain(this.#slowWords)
    this.post({ message: text.startsWith('//') ? text.slice(1) : text })
  }

  /** @param {{ message: string, data?: object }} draft */
  post (draft) {
    if (this.#slowLeft > 0) throw new Error(this.#slowWords)
    const { kind, event } = this.#context ?? {}
    this.#client.post({ room: this.#room, ...draft, ...(kind === 'reply' && { replyTo: event.id }) })
    if (this.#slowMode > 0) {
      this.#slowUntil = Date.now() + this.#slowMode
      keepForTab.set(`slow ${this.#room}`, this.#slowUntil)
    }
    this.#empty()
    this.#countDown()
    this.#on.sent()
  }

  async #run ({ name, rest }) {
    const text = this.#text.value
    const room = this.#room
    const command = (await this.#commands).find((command) => command.name === name)
    if (this.#text.value !== text) return
    try {
      if (command === undefined) throw new Error(t('command.unknown', { name }))
      await command.run(rest)
      if (this.#room !== room) keepForTab.set(`draft ${room}`, undefined)
      else if (this.#text.value === text) this.#empty()
    } catch (failure) {
      this.#complain(failure.status === undefined && failure.code === undefined && failure.name !== 'RequestFailed' ? failure.message : reasonOf(failure))
    }
  }

  async #saveEdit (message) {
    const context = this.#context
    const { event } = context
    if (message !== event.message) {
      this.#form.ariaBusy = 'true'
      try {
        await this.#client.edit(event, { message })
      } catch (failure) {
        if (this.#context === context) this.#complain(reasonOf(failure))
        return
      } finally {
        this.#form.ariaBusy = null
      }
    }
    // Somebody may have turned to something else meanwhile.
    if (this.#context === context) this.#leaveContext()
  }

  #leaveContext () {
    const { kind } = this.#context
    this.#context = undefined
    this.#showContext()
    if (kind === 'edit') this.#text.value = keepForTab.get(`draft ${this.#room}`, '')
    this.#complain('')
    this.#changed(false)
    this.focus()
  }

  #empty () {
    this.#context = undefined
    this.#text.value = ''
    this.#showContext()
    this.#complain('')
    this.#changed(false)
    this.#client.typing(this.#room, false)
    this.focus()
  }

  #showContext () {
    const { kind, event } = this.#context ?? {}
    this.#about.hidden = kind === undefined
    if (kind === undefined) return
    const words = kind === 'edit' ? phrase('composer.editing') : phrase('composer.replying', { name: nameOf(event.user) })
    const stop = element('button', { type: 'button', onclick: () => this.#leaveContext() }, t('cancel'))
    this.#about.replaceChildren(element('p', {}, ...words), stop)
  }

  #complain (message) {
    this.#problem.textContent = message
  }

  #changed (typed) {
    const { value } = this.#text
    const over = excess(value)
    this.#limit.textContent = over > 0 ? t('composer.over', { count: over }) : over > -COUNTED ? t('composer.left', { count: -over }) : ''
    this.#form.classList.toggle('over', over > 0)
    this.#text.ariaInvalid = over > 0 ? 'true' : null
    if (!CSS.supports('field-sizing', 'content')) {
      this.#text.style.height = 'auto'
      this.#text.style.height = `${this.#text.scrollHeight + 2}px`
    }
    if (this.#context?.kind !== 'edit') keepForTab.set(`draft ${this.#room}`, value === '' ? undefined : value)
    if (!typed) return
    this.#complain('')
    if (value.trim() !== '' && parseCommand(value) === undefined && this.#context?.kind !== 'edit') this.#client.typing(this.#room)
    else this.#client.typing(this.#room, false)
  }

  /** s until slow mode lets the next message through. */
  get #slowLeft () {
    return this.#slowMode === 0 ? 0 : Math.max(0, Math.ceil((this.#slowUntil - Date.now()) / 1_000))
  }

  get #slowWords () {
    return t('composer.slow', { time: format.duration(this.#slowLeft * 1_000) })
  }

  /** Slow mode, in the button: when it lets the next message through. */
  #countDown () {
    clearInterval(this.#counting)
    const count = () => {
      const left = this.#slowLeft
      const waits = left > 0
      this.#send.classList.toggle('waits', waits)
      this.#send.ariaDisabled = waits ? 'true' : null
      this.#send.textContent = waits ? format.countdown(left) : t('composer.send')
      this.#send.title = waits ? this.#slowWords : ''
      if (!waits) clearInterval(this.#counting)
    }
    this.#counting = setInterval(count, 500)
    count()
  }
}

/** @returns characters beyond the limit; less than 0 below it */
function excess (text) {
  return [...text].length - MAX_LENGTH
}

/** @param {string} text @returns {{ name: string, rest: string } | undefined} undefined where it is no command: `//` begins a text with a slash */
function parseCommand (text) {
  const found = /^\/([a-z]+)(?:\s+|$)([\s\S]*)$/i.exec(text)
  return found === null ? undefined : { name: found[1].toLowerCase(), rest: found[2].trim() }
}
