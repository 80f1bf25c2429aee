import { compareIds } from '../client/ids.js'

/** Events asked for at once. */
const PAGE = 100
/** Pages that are read one after the other while there is nothing to see in them: programs may say much that nobody is shown. */
const PAGES = 10
/** Events that come while something older is read, and are kept for the way back. */
const AHEAD = 500

/**
 * A part of a room's log that is loaded, without a gap, and the page's own remarks in it.
 *
 * @typedef {object} Item
 * @property {string} [id] missing where it is the page's own remark
 * @property {object} [event]
 * @property {() => HTMLElement} show
 * @property {HTMLElement} [entry] while it is in the document
 */
export class LogPart {
  /** @type {Item[]} */
  items = []
  /** Whether the newest event there is, is loaded: what comes belongs behind it. */
  atHead = false
  /** Whether something is asked for. */
  loading = false
  room
  /** Gives the client to ask. Whatever is asked for before waits for it. @type {(client: import('../client.d.ts').Client) => void} */
  goLive
  #client = new Promise((resolve) => { this.goLive = resolve })
  /** @type {Map<string, Item>} */
  #byId = new Map()
  /** What has come since, where the newest event is not loaded. */
  #ahead = []
  /** Whether the oldest event that is kept is loaded. */
  #atFloor = false
  /** Ids of the first and the last event that is loaded, also where there is nothing to see of them. */
  #from
  #to
  /** Counts what makes an answer that is on its way one to another question. */
  #turn = 0
  #itemOf

  /** @param {(event: object) => Item | undefined} itemOf undefined where there is nothing to see of an event */
  constructor (itemOf) {
    this.#itemOf = itemOf
  }

  /** Begins anew, in this room or another. */
  clear (room = this.room) {
    this.room = room
    this.items = []
    this.#byId.clear()
    this.#ahead = []
    this.#from = this.#to = undefined
    this.atHead = this.#atFloor = this.loading = false
    this.#turn++
  }

  /** @param {string} id @returns {Item | undefined} */
  find (id) {
    return this.#byId.get(id)
  }

  /** Takes an event that has just come. @returns {Item | undefined} where it is to be seen here */
  take (event) {
    if (this.atHead) return this.#push(event)
    this.#ahead.push(event)
    if (this.#ahead.length > AHEAD) this.#ahead.shift()
    return undefined
  }

  /** The newest there is, where there is nothing yet. @param {{ events: object[], floor: string }} told */
  fill ({ events, floor }) {
    this.atHead = true
    this.#from = events[0]?.id
    this.#reachFloor(events, floor)
  }

  /**
   * Asks for the newest events.
   * @returns {Promise<{ told: object, ahead: object[] } | undefined>} and what has come meanwhile, behind them; undefined where there was no answer
   */
  async latest () {
    const [told] = await this.#ask([() => ({ limit: PAGE })])
    if (told === undefined) return undefined
    const last = told.events.at(-1)?.id ?? told.head
    return { told, ahead: this.#ahead.filter(({ id }) => compareIds(id, last) > 0) }
  }

  /** Loads the part around an event in this one's place. @returns {Promise<boolean | undefined>} false where it is no longer kept, undefined where there was no answer */
  async around (id) {
    const [before, after] = await this.#ask([
      () => ({ before: id, limit: PAGE / 2 }),
      ({ events, floor }) => ({ after: events.at(-1)?.id ?? floor, limit: PAGE })
    ])
    if (after === undefined) return undefined
    const wanted = after.events.find((event) => event.id === id)
    if (wanted === undefined || this.#itemOf(wanted) === undefined) return false
    // What has come since it was asked is in neither answer.
    const ahead = this.atHead ? this.items.slice(-AHEAD).flatMap(({ event }) => event ?? []) : this.#ahead
    this.clear()
    this.#ahead = ahead
    this.#from = (before.events[0] ?? after.events[0]).id
    this.#reachFloor(before.events, before.floor)
    for (const event of [...before.events, ...after.events]) this.#push(event)
    this.#reachHead(after)
    return true
  }

  /** Loads what comes before. @param {(count: number) => void} onLoaded how many items are there now before those that were */
  async older (onLoaded) {
    for (let pages = 0; pages < PAGES && this.#from !== undefined && !this.loading && !this.#atFloor; pages++) {
      const [told] = await this.#ask([() => ({ before: this.#from, limit: PAGE })])
      if (told === undefined) return
      this.#reachFloor(told.events, told.floor)
      this.#from = told.events[0]?.id ?? this.#from
      const items = told.events.flatMap((event) => this.#itemOf(event) ?? [])
      for (const item of items) this.#byId.set(item.id, item)
      this.items.unshift(...items)
      if (items.length > 0) return onLoaded(items.length)
    }
  }

  /** Loads what comes after. */
  async newer () {
    for (let pages = 0; pages < PAGES && this.#to !== undefined && !this.loading && !this.atHead; pages++) {
      const { length } = this.items
      const [told] = await this.#ask([() => ({ after: this.#to, limit: PAGE })])
      if (told === undefined) return
      for (const event of told.events) this.#push(event)
      this.#reachHead(told)
      if (this.items.length > length) return
    }
  }

  /** Lets the oldest go. @param {number} count */
  unload (count) {
    if (count === 0) return
    for (const { id } of this.items.splice(0, count)) this.#byId.delete(id)
    this.#from = this.items.find(({ event }) => event !== undefined)?.id
    this.#atFloor = false
  }

  #push (event) {
    if (this.#byId.has(event.id)) return undefined
    this.#from ??= event.id
    this.#to = event.id
    const item = this.#itemOf(event)
    if (item === undefined) return undefined
    this.items.push(item)
    this.#byId.set(item.id, item)
    return item
  }

  #reachFloor (events, floor) {
    this.#atFloor = events.length === 0 || events[0].prev === floor
  }

  /** Where a page of history ends at the newest event, what has come since follows it. */
  #reachHead ({ events, head }) {
    const last = events.at(-1)?.id ?? head
    if (compareIds(last, head) < 0) return
    this.atHead = true
    for (const event of this.#ahead.splice(0)) if (compareIds(event.id, last) > 0) this.#push(event)
  }

  /**
   * Asks one question after the other, each by the answer to the one before.
   * @returns {Promise<object[]>} fewer where there was no answer; never resolved where something else was asked for meanwhile, so that
   *   what was to be done with it is not done
   */
  async #ask (questions) {
    const turn = ++this.#turn
    this.loading = true
    const answers = []
    const client = await this.#client
    try {
      for (const question of questions) {
        answers.push(await client.history(this.room, question(answers.at(-1))))
        if (turn !== this.#turn) break
      }
    } catch {} // No answer: it is asked again when somebody scrolls again.
    if (turn !== this.#turn) return new Promise(() => {})
    this.loading = false
    return answers
  }
}
