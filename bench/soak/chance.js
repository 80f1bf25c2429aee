/** Random choices that can be made again: each one who acts has a generator of its own, whatever the others do meanwhile. */
export class Chance {
  #state

  /** @param {number} seed @param {number} index which one of those who act */
  constructor (seed, index) {
    this.#state = Math.imul(seed + 1, 2_654_435_761) ^ Math.imul(index + 1, 40_503)
  }

  /** From 0 up to 1. (mulberry32, public domain.) */
  next () {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** Whether something of that probability happens. */
  hits (probability) {
    return this.next() < probability
  }

  between (least, most) {
    return least + this.next() * (most - least)
  }

  of (list) {
    return list[Math.floor(this.next() * list.length)]
  }
}
