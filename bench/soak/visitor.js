import { Chance } from './chance.js'
import { Track } from './checker.js'
import { POLL, Reader } from './reader.js'

const SSE = 'text/event-stream'
const NDJSON = 'application/x-ndjson'

/** How newcomers read, and how many of a hundred do so. */
const MANNERS = [
  { share: 58, kind: 'one room', accept: SSE, rooms: [1, 1] },
  { share: 15, kind: 'several rooms', accept: SSE, rooms: [2, 4] },
  { share: 7, kind: 'ndjson', accept: NDJSON, rooms: [1, 2] },
  // In busy rooms, so that the connection's buffers fill before it is back.
  { share: 12, kind: 'slow', accept: SSE, rooms: [3, 4], slow: true },
  { share: 3, kind: 'slow ndjson', accept: NDJSON, rooms: [3, 4], slow: true },
  { share: 5, kind: 'poll', accept: POLL, rooms: [1, 2] }
]

/** s */
const LIFE = [1, 60]
const AWAY = [0, 30]
const PAUSE = [1, 40]

/** A seat that is taken by one newcomer after another, each of whom stays a while, and may come back from its cursor. */
export class Visitor {
  reader
  #world
  #chance
  #index
  #wake = () => {}
  #generation = 0

  /** @param {import('../soak.js').World} world */
  constructor (world, index) {
    this.#world = world
    this.#index = index
    this.#chance = new Chance(world.seed, index)
  }

  /** Ends what it waits for. */
  wake () {
    this.#wake()
  }

  /** Until the churn is over; then its last reader stays, or is back, with a stream that is open. */
  async live () {
    while (!this.#world.over) {
      const newcomer = this.#newcomer()
      this.reader = newcomer.reader
      await this.#comeAndGo(newcomer)
      if (!this.#world.over) this.#world.checker.tracks.delete(newcomer.track)
    }
    // Who was paused may be sent off only now.
    this.reader.onCut = () => this.#open(this.reader)
    const open = this.reader.isOpen || this.#open(this.reader)
    if (!this.reader.polls) await open
  }

  /** One reader's streams, until it leaves for good. */
  async #comeAndGo ({ reader, manner }) {
    const chance = this.#chance
    for (;;) {
      const open = this.#open(reader)
      if (!reader.polls) await open
      await this.#world.churning
      await this.#stay(reader, manner)
      if (this.#world.over) return
      const sentOff = !reader.isOpen
      if (sentOff) this.#world.counts.sentOff++
      else reader.leave(chance.hits(0.5))
      if (reader.polls) await open
      if (!sentOff && chance.hits(0.4)) return
      if (chance.hits(0.5)) await this.#wait(chance.between(...AWAY))
      if (this.#world.over) return
    }
  }

  #open (reader) {
    this.#world.counts.opened++
    if (reader.opened > 0) this.#world.counts.resumes++
    return reader.open()
  }

  #newcomer () {
    const { checker, names, busy, crowd, port } = this.#world
    const chance = this.#chance
    let at = chance.between(0, 100)
    const manner = MANNERS.find(({ share }) => (at -= share) < 0)
    const rooms = new Set()
    const count = Math.floor(chance.between(manner.rooms[0], manner.rooms[1] + 1))
    while (rooms.size < count) rooms.add(chance.of(manner.slow ? busy : names))
    // Of the others, some only look, and some are a new guest each time they come.
    const known = manner.accept === POLL || chance.hits(0.5)
    const token = known ? chance.of(crowd).token : undefined
    const lurk = !known && chance.hits(0.5)
    const sorted = [...rooms].sort()
    const track = new Track(checker, `reader ${this.#index}.${this.#generation++}, ${manner.kind}`, sorted)
    checker.tracks.add(track)
    const reader = new Reader(port, { rooms: sorted, accept: manner.accept, token, lurk }, track)
    reader.onCut = () => this.#wake()
    return { reader, track, manner }
  }

  /** Its time in a stream: as long as it likes, or until it is sent off. */
  async #stay (reader, { slow }) {
    const chance = this.#chance
    if (slow) {
      await this.#wait(chance.between(1, 10))
      reader.pause()
      await this.#wait(chance.between(...PAUSE))
      reader.resume()
    }
    if (reader.isOpen) await this.#wait(chance.between(...LIFE))
  }

  /** @param {number} seconds at most */
  #wait (seconds) {
    if (this.#world.over) return
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, seconds * 1_000)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
