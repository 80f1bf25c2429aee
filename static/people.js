import { requestJson } from './request.js'

const WIDE = matchMedia('(min-width: 52rem)')

/** Who is online in the room. */
export class People {
  #room
  #details
  #summary
  #list
  #isMe
  /** By user id. */
  #members = new Map()
  #count = 0
  /** Whether we would hear of changes. */
  #current = false

  /** @param {{ root: HTMLElement, room: string, isMe: (userId: string) => boolean }} parts */
  constructor ({ root, room, isMe }) {
    this.#room = room
    this.#details = root.querySelector('details')
    this.#summary = root.querySelector('summary')
    this.#list = root.querySelector('ul')
    this.#isMe = isMe
    const fit = () => { this.#details.open = WIDE.matches }
    WIDE.addEventListener('change', fit)
    fit()
    // Over the messages of a narrow screen it goes away like any menu.
    document.addEventListener('click', ({ target }) => { if (!WIDE.matches && !root.contains(target)) this.#details.open = false })
    root.addEventListener('keydown', ({ key }) => {
      if (key !== 'Escape' || WIDE.matches) return
      this.#details.open = false
      this.#summary.focus()
    })
  }

  /**
   * Takes what `welcome` says of a room, or a `presence` notice: the whole (`members`), a change (`joined`, `left`), or,
   * in a crowd, the count alone.
   */
  async take ({ count, members, joined = [], left = [] }) {
    this.#count = count
    if (members !== undefined) this.#members = mapOf(members)
    else if (joined.length + left.length === 0) this.#members.clear()
    for (const { id } of left) this.#members.delete(id)
    for (const user of joined) this.#members.set(user.id, user)
    this.#show()
    // A change says too little where the list was not complete: when a crowd has become smaller.
    if (joined.length + left.length > 0 && this.#members.size !== count) await this.#reload()
  }

  /** @param {boolean} current whether what is shown is so now, or was so when the connection was lost */
  setCurrent (current) {
    if (this.#current === current) return
    this.#current = current
    this.#showCount()
  }

  rename (user) {
    if (!this.#members.has(user.id)) return
    this.#members.set(user.id, user)
    this.#show()
  }

  async #reload () {
    const { users, count } = await requestJson('GET', `users?${new URLSearchParams({ room: this.#room })}`).catch(() => ({}))
    if (users === undefined) return
    this.#members = mapOf(users)
    this.#count = count
    this.#show()
  }

  #showCount () {
    if (this.#count > 0) this.#summary.textContent = `${this.#count.toLocaleString()} ${this.#current ? 'online' : 'were here'}`
  }

  #show () {
    this.#showCount()
    const members = [...this.#members.values()].sort((a, b) => this.#isMe(b.id) - this.#isMe(a.id) || a.name.localeCompare(b.name))
    this.#list.replaceChildren(...members.map((user) => this.#item(user)))
    if (members.length > 0 || this.#count === 0) return
    const crowd = document.createElement('li')
    crowd.textContent = 'Too many to list them.'
    this.#list.append(crowd)
  }

  #item ({ id, name, tag }) {
    const item = document.createElement('li')
    const author = document.createElement('bdi')
    author.className = 'author'
    author.textContent = name
    const small = document.createElement('span')
    small.className = 'tag'
    small.textContent = tag
    item.append(author, ' ', small)
    if (this.#isMe(id)) {
      const you = document.createElement('span')
      you.className = 'you'
      you.textContent = 'you'
      item.append(' ', you)
    }
    return item
  }
}

function mapOf (users) {
  return new Map(users.map((user) => [user.id, user]))
}
