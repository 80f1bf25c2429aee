import type { Entry } from './event.js'

/** Keeps the distances between events as they were, divided by the speed. */
export class Pace {
  readonly #speed: number
  #began: { at: number, event: number } | undefined

  constructor (speed: number) {
    this.#speed = speed
  }

  /** @returns ms until the entry is due */
  earliness (entry: Entry): number {
    const event = Date.parse(entry.event.at)
    this.#began ??= { at: performance.now(), event }
    return this.#began.at + (event - this.#began.event) / this.#speed - performance.now()
  }
}
