/** Lua: `now` is the store's time, Unix ms. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

/**
 * The store's wall clock, as this node can know it by its own steady one: from each answer that carries the store's time. Nodes'
 * own wall clocks, which may be hours off, are asked nothing.
 */
export class StoreClock {
  /** What to add to `performance.now()`: at most as much as would give the store's time, so that a deadline is never late. */
  #offset = -Infinity
  #floor = 0

  /**
   * No event may be older: Unix time in ms up to which a store may have acknowledged events before its clock went back, as when a
   * replica takes over which is behind in time and in events. 0 where that has not happened.
   */
  get floor (): number {
    return this.#floor
  }

  /** The store's time, Unix ms, that belongs to a `performance.now()`. */
  at (steady: number): number {
    return Math.floor(steady + this.#offset)
  }

  /** An answer said that it was made at `time`, Unix ms, between the two `performance.now()`. */
  hear (time: number, sent: number, received: number): void {
    const least = time - received
    if (time + 1 - sent < this.#offset) {
      this.#floor = Math.max(this.#floor, this.at(received) + 1)
      this.#offset = least
    } else {
      this.#offset = Math.max(this.#offset, least)
    }
  }
}
