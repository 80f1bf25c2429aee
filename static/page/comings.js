import { element, nameOf } from './dom.js'
import { format, phrase, t } from './words.js'

/** Names that are told of those who came, and of those who went. */
const NAMED = 3

/** Who came and went, folded into one line: whoever did both is not told of. */
export class Comings {
  #came = new Map()
  #went = new Map()

  /** @param {{ joined: object[], left: object[] }} users */
  take ({ joined, left }) {
    for (const user of joined) if (!this.#went.delete(user.id)) this.#came.set(user.id, user)
    for (const user of left) if (!this.#came.delete(user.id)) this.#went.set(user.id, user)
  }

  get empty () {
    return this.#came.size + this.#went.size === 0
  }

  /** @returns {HTMLElement} */
  show () {
    const words = [['presence.came', this.#came], ['presence.went', this.#went]].flatMap(([key, users]) => users.size === 0 ? [] : [phrase(key, { who: whoOf(users), count: users.size })])
    return element('p', { class: 'line comings' }, ...words.flatMap((part, index) => index === 0 ? part : [' ', ...part]))
  }
}

/** Names of some, and how many more. @param {Map<string, object>} users */
function whoOf (users) {
  const named = [...users.values()].slice(0, NAMED).map((user) => nameOf(user))
  const more = users.size - named.length
  return element('span', {}, ...format.list(more > 0 ? [...named, t('list.more', { count: more })] : named))
}
