/** ms after which it is drawn without a frame, since none comes: in a hidden page, or one that is out of view within another. */
const FRAMELESS_MS = 250
/** Where much comes, it is drawn after so many times as long as that took, until it was to be seen: whoever writes has the rest of the time. */
const REST = 4
/** ms of that at most: the clock goes on while a page is asleep. */
const REST_MOST_MS = 1_000

/** When something is drawn: with the next frame, and not so often that nothing else can be done. */
export class Drawing {
  #draw
  /** Takes back what is planned. @type {(() => void) | undefined} */
  #cancel
  #resting = false
  /** Whether something is to be drawn after the rest. */
  #owed = false

  /** @param {() => void} draw */
  constructor (draw) {
    this.#draw = draw
    document.addEventListener('visibilitychange', () => this.#goOn())
  }

  soon () {
    if (this.#resting) this.#owed = true
    if (this.#resting || this.#cancel !== undefined) return
    const frame = requestAnimationFrame(() => this.now())
    const timer = setTimeout(() => this.now(), FRAMELESS_MS)
    this.#cancel = () => {
      cancelAnimationFrame(frame)
      clearTimeout(timer)
    }
  }

  now () {
    this.stop()
    this.#rest()
    this.#draw()
  }

  /** There is nothing to be drawn any more. */
  stop () {
    this.#cancel?.()
    this.#cancel = undefined
    this.#owed = false
  }

  #rest () {
    if (this.#resting) return
    this.#resting = true
    const began = performance.now()
    // In a frame, this is when the browser has laid it out and painted it.
    setTimeout(() => setTimeout(() => this.#goOn(), Math.min(REST * (performance.now() - began), REST_MOST_MS)))
  }

  #goOn () {
    this.#resting = false
    if (!this.#owed) return
    this.#owed = false
    this.soon()
  }
}
