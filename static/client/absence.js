/** What came of the time in which nothing was heard: how much was said, and what of it is no longer kept. */
export class Absence {
  /** @type {{ since: number, rooms: Map<string, { messages: number, gaps: object[] }> } | undefined} */
  #away

  /** Nothing is heard any more. @param {number} since Unix time in ms */
  begin (since) {
    this.#away ??= { since, rooms: new Map() }
  }

  /** Something has come that was said meanwhile. */
  missed ({ room, type, deleted }) {
    if (this.#away !== undefined && type === 'message' && deleted === undefined) this.#in(room).messages++
  }

  /** Something that was said meanwhile will not come. @param {{ room: string, reason: string, from: string, since?: number }} reset */
  gap ({ room, reason, from, since }) {
    if (this.#away !== undefined && since !== undefined) this.#in(room).gaps.push({ from: since, to: Math.max(since, parseInt(from)), reason })
  }

  /** All is heard again. @param {string[]} rooms @returns {import('../client.d.ts').Continuity[]} one for each room; none where nobody was away */
  end (rooms) {
    if (this.#away === undefined) return []
    const { since } = this.#away
    const until = Date.now()
    const all = rooms.map((room) => ({ room, since, until, ...this.#in(room) }))
    this.#away = undefined
    return all
  }

  #in (room) {
    const { rooms } = this.#away
    if (!rooms.has(room)) rooms.set(room, { messages: 0, gaps: [] })
    return rooms.get(room)
  }
}
