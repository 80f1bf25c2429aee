import { compareIds } from '../client/ids.js'
import { keep } from './keep.js'

/** ms between two notes of how far somebody has read. */
const NOTED_MS = 1_000

/** How far somebody has read in a room, which is known again the next time. */
export class ReadMark {
  #room
  #last
  #noting

  constructor () {
    addEventListener('pagehide', () => this.note())
  }

  open (room) {
    this.note()
    this.#room = room
    this.#last = keep.get(`read ${room}`)
  }

  /** Whether an event came after what was read; of a room where nothing was, it is not said. @param {string} id */
  isBehind (id) {
    return this.#last !== undefined && compareIds(id, this.#last) > 0
  }

  /** Everything up to an event has been read. @param {string} id */
  reach (id) {
    if (this.#last !== undefined && !this.isBehind(id)) return
    this.#last = id
    this.#noting ??= setTimeout(() => this.note(), NOTED_MS)
  }

  /** Keeps it, where it has changed. */
  note () {
    if (this.#noting === undefined) return
    clearTimeout(this.#noting)
    this.#noting = undefined
    keep.set(`read ${this.#room}`, this.#last)
  }
}
