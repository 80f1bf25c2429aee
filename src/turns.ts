/**
 * Lets so many through in one turn of the event loop, and the others in the next ones, in order: ten thousand who come at once
 * are let in one after the other, and whoever posts meanwhile does not wait behind them all.
 */
export class Turns {
  readonly #each: number
  readonly #waiting: Array<() => void> = []
  #taken = 0

  constructor (each: number) {
    this.#each = each
  }

  take (): Promise<void> {
    if (this.#taken === 0) setImmediate(this.#next)
    if (this.#taken++ < this.#each) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  readonly #next = (): void => {
    this.#taken = this.#waiting.length
    for (const resolve of this.#waiting.splice(0, this.#each)) resolve()
    if (this.#taken > 0) setImmediate(this.#next)
  }
}
