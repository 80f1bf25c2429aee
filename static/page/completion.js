import { element } from './dom.js'
import { t } from './words.js'

/** Choices shown at most. */
const SHOWN = 8

/**
 * What a word that is being typed may become: a list above the text box, gone through with the arrow keys while the focus stays in
 * the text (WAI-ARIA, combobox pattern).
 *
 * @typedef {{ label: string, hint?: string, text: string }} Choice `text`: what is put in the word's place
 */
export class Completion {
  #text
  #list
  #sources
  #say
  /** @type {Choice[]} */
  #choices = []
  #chosen = 0
  /** Where the word begins. */
  #start = 0

  /**
   * @param {object} options
   * @param {HTMLTextAreaElement} options.text
   * @param {HTMLElement} options.list
   * @param {Array<{ pattern: RegExp, choices: (word: string) => Choice[] }>} options.sources `pattern`: of what stands before the
   *   caret; its last group is the word
   * @param {(words: string) => void} options.say reads it aloud
   */
  constructor ({ text, list, sources, say }) {
    this.#text = text
    this.#list = list
    this.#sources = sources
    this.#say = say
    text.addEventListener('input', () => this.#look())
    text.addEventListener('blur', () => this.close())
    // Before the text box loses the focus.
    list.addEventListener('mousedown', (event) => {
      event.preventDefault()
      const item = event.target.closest('[role=option]')
      if (item !== null) this.#take([...list.children].indexOf(item))
    })
  }

  get open () {
    return !this.#list.hidden
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key was for the list */
  pressed ({ key, shiftKey, altKey }) {
    if (!this.open || altKey) return false
    if (key === 'ArrowDown' || key === 'ArrowUp') this.#choose(this.#chosen + (key === 'ArrowDown' ? 1 : -1))
    else if (key === 'Enter' || (key === 'Tab' && !shiftKey)) this.#take(this.#chosen)
    else if (key === 'Escape') this.close()
    else return false
    return true
  }

  close () {
    this.#list.hidden = true
    this.#text.removeAttribute('aria-activedescendant')
  }

  #look () {
    const before = this.#text.value.slice(0, this.#text.selectionStart)
    for (const { pattern, choices } of this.#sources) {
      const found = pattern.exec(before)
      if (found === null) continue
      const word = found.at(-1)
      const all = choices(word).slice(0, SHOWN)
      if (all.length === 0) continue
      this.#start = before.length - word.length
      return this.#show(all)
    }
    this.close()
  }

  #show (choices) {
    const wasOpen = this.open
    this.#choices = choices
    this.#list.replaceChildren(...choices.map(({ label, hint }, index) => element('li', { role: 'option', id: `choice-${index}` },
      element('bdi', {}, label), ...(hint === undefined ? [] : [' ', element('span', { class: 'hint' }, hint)]))))
    this.#list.hidden = false
    this.#choose(0)
    if (!wasOpen) this.#say(t('composer.choices', { count: choices.length }))
  }

  #choose (index) {
    const { length } = this.#choices
    this.#chosen = (index + length) % length
    for (const [at, item] of [...this.#list.children].entries()) item.ariaSelected = String(at === this.#chosen)
    this.#list.children[this.#chosen].scrollIntoView({ block: 'nearest' })
    this.#text.setAttribute('aria-activedescendant', `choice-${this.#chosen}`)
  }

  #take (index) {
    const { text } = this.#choices[index]
    this.#text.setRangeText(text, this.#start, this.#text.selectionStart, 'end')
    this.close()
    this.#text.dispatchEvent(new Event('input', { bubbles: true }))
  }
}
