/** Who is in which room, as far as is known: all of them, or, in a crowd, only how many. */
export class Presence {
  #requests
  #onChange
  /** @type {Map<string, { count: number, members: Map<string, object> | undefined }>} */
  #rooms = new Map()

  /**
   * @param {import('./requests.js').Requests} requests
   * @param {(room: string, change: { joined?: object[], left?: object[] }) => void} onChange
   */
  constructor (requests, onChange) {
    this.#requests = requests
    this.#onChange = onChange
  }

  /** @param {string} room @returns {{ count: number, members?: object[] }} */
  of (room) {
    const { count = 0, members } = this.#rooms.get(room) ?? {}
    return { count, ...(members !== undefined && { members: [...members.values()] }) }
  }

  /**
   * The whole (`members`), a change (`joined`, `left`), or, in a crowd, the count alone.
   * @param {object} told @param {boolean} [told.whole] whether it says all that there is to be known
   */
  async take ({ room, count, members, joined = [], left = [], whole = false }) {
    const changed = joined.length + left.length > 0
    let known = this.#rooms.get(room)?.members
    if (members !== undefined) known = new Map(members.map((user) => [user.id, user]))
    else if (whole || !changed) known = undefined
    if (known !== undefined) {
      for (const { id } of left) known.delete(id)
      for (const user of joined) known.set(user.id, user)
    }
    this.#rooms.set(room, { count, members: known })
    this.#onChange(room, { joined, left })
    // A change says too little where the list was not complete: when a crowd has become smaller.
    if (!changed || known?.size === count) return
    const all = await this.#requests.json('GET', 'users', { query: new URLSearchParams({ room }) }).catch(() => undefined)
    if (all !== undefined && this.#rooms.has(room)) this.take({ room, count: all.count, members: all.users })
  }

  /** Somebody is called otherwise. */
  rename (room, user) {
    const members = this.#rooms.get(room)?.members
    if (members?.has(user.id) !== true) return
    members.set(user.id, user)
    this.#onChange(room, {})
  }

  forget (room) {
    this.#rooms.delete(room)
  }
}
