/** What setTimeout takes at most, in ms: more would be taken for nothing. */
const LONGEST_MS = 2 ** 31 - 1

/** Somebody's waiting, which somebody else may end. */
export class Wait {
  #end = () => {}
  /** Whether it is waited just now. */
  active = false

  /** @param {number} ms for ever where it is Infinity @returns {Promise<void>} when the time is over, or `end` is called */
  async for (ms) {
    this.active = true
    await new Promise((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(resolve, Math.min(ms, LONGEST_MS))
      this.#end = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.active = false
  }

  end () {
    this.#end()
  }
}

/** Waits between attempts that fail one after the other: doubled each time, and spread, so that not all who failed together come back together. */
export class Backoff {
  #least
  #most
  #failures = 0

  /** @param {{ least: number, most: number }} bounds ms */
  constructor ({ least, most }) {
    this.#least = least
    this.#most = most
  }

  reset () {
    this.#failures = 0
  }

  /** @param {number} [least] ms, as the server asks @returns {number} ms until the next attempt */
  next (least = this.#least) {
    const most = Math.max(least, Math.min(this.#most, least * 2 ** ++this.#failures))
    return least + Math.random() * (most - least)
  }
}
