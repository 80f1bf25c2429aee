import { badge, element, nameOf, showItems, tagOf } from './dom.js'
import { asPanel } from './panel.js'
import { format, t } from './words.js'

/** ms in which changes are gathered into one look at the list. */
const GATHER_MS = 100

/** Who is online in the room. */
export class People {
  #panel
  #title
  #opener
  #list
  #isMe
  #count = 0
  #members
  /** Whether we would hear of changes. */
  #current = false
  #showing
  /** By tag, whoever has been seen here: whom to mention. */
  #known = new Map()

  /**
   * @param {object} options
   * @param {HTMLElement} options.panel
   * @param {HTMLElement} options.opener the button that opens it where there is no room beside the messages
   * @param {(userId: string) => boolean} options.isMe
   * @param {(user: object, anchor: HTMLElement) => void} options.onMenu
   */
  constructor ({ panel, opener, isMe, onMenu }) {
    this.#title = panel.querySelector('h2')
    this.#list = panel.querySelector('ul')
    this.#opener = opener
    this.#isMe = isMe
    this.#panel = asPanel(panel)
    this.#list.addEventListener('click', ({ target }) => {
      const item = target.closest('button')
      const user = item === null ? undefined : this.#members?.find(({ id }) => id === item.dataset.user)
      if (user !== undefined) onMenu(user, item)
    })
  }

  close () {
    this.#panel.close()
  }

  /** Everybody to be mentioned: who is here, and who has spoken. @returns {Array<{ name: string, tag: string }>} */
  get mentionable () {
    const byTag = new Map(this.#known)
    for (const user of this.#members ?? []) byTag.set(user.tag, user)
    return [...byTag.values()].sort((a, b) => a.name.localeCompare(b.name))
  }

  /** Somebody has spoken. */
  spoke (user) {
    if (user.tag !== undefined) this.#known.set(user.tag, user)
  }

  open () {
    this.#known.clear()
    this.#members = undefined
    this.#count = 0
    this.#show()
  }

  /** @param {{ count: number, members?: object[] }} presence without `members` in a crowd */
  take ({ count, members }) {
    this.#count = count
    this.#members = members
    this.#showing ??= setTimeout(() => {
      this.#showing = undefined
      this.#show()
    }, GATHER_MS)
  }

  /** @param {boolean} current whether what is shown is so now, or was so when the connection was lost */
  setCurrent (current) {
    if (this.#current === current) return
    this.#current = current
    this.#show()
  }

  /** The count and the list, which are never of two times. */
  #show () {
    const words = this.#count === 0 ? t('people.title') : t(this.#current ? 'people.online' : 'people.were-here', { count: this.#count })
    this.#title.textContent = words
    this.#opener.querySelector('.count').textContent = this.#count === 0 ? '' : format.number(this.#count)
    this.#opener.ariaLabel = words
    const members = [...this.#members ?? []].sort((a, b) => this.#isMe(b.id) - this.#isMe(a.id) || a.name.localeCompare(b.name))
    const crowd = members.length === 0 && this.#count > 0
    showItems(this.#list, crowd
      ? [element('li', { 'data-key': '' }, element('p', { class: 'note' }, t('people.crowd')))]
      : members.map((user) => element('li', { 'data-key': user.id },
        element('button', { type: 'button', 'aria-haspopup': 'menu', 'data-user': user.id },
          nameOf(user), ' ', tagOf(user), ...(user.bot ? [' ', badge('message.bot')] : []), ...(this.#isMe(user.id) ? [' ', badge('message.you')] : [])))))
  }
}
