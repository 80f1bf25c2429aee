/**
 * Lets so many through in one turn of the event loop, and the others in the next ones, in order: ten thousand who come at once
 * are let in one after the other, and whoever posts meanwhile does not wait behind them all.
 */
export class Turns {
  readonly #each: number
  readonly #rest: number
  readonly #waiting: Array<() => void> = []
  #taken = 0
  /** `performance.now()` when somebody was let through last. */
  #began = 0

  /** @param options.rest how much longer than a turn has taken the others wait for the next one, for everything else to go on */
  constructor (each: number, { rest = 0 }: { rest?: number } = {}) {
    this.#each = each
    this.#rest = rest
  }

  take (): Promise<void> {
    if (this.#taken === 0) this.#begin()
    if (this.#taken++ < this.#each) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #begin (): void {
    this.#began = performance.now()
    setImmediate(this.#over)
  }

  readonly #over = (): void => {
    const ms = this.#waiting.length === 0 ? 0 : (performance.now() - this.#began) * this.#rest
    if (ms === 0) this.#next()
    else setTimeout(this.#next, ms)
  }

  readonly #next = (): void => {
    this.#taken = this.#waiting.length
    for (const resolve of this.#waiting.splice(0, this.#each)) resolve()
    if (this.#taken > 0) this.#begin()
  }
}
