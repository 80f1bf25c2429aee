/** ms of work in one go, at least, after which other tasks of the event loop have their turn. */
const SHORTEST_SLICE_MS = 2
/** ms of it at most. */
const LONGEST_SLICE_MS = 8
/** Steps between two looks at the clock. */
const STEPS = 32

/**
 * Runs long loops in slices, in turn, so that nobody waits behind fifty thousand writes. A job is an iterator; each
 * step is a bit of its work. A slice is as long as what others took since the last one, so that a flood of requests has half
 * of the time, and not nearly all.
 */
export class SlicedWork {
  #jobs: Array<Iterator<void>> = []
  /** `performance.now()` at the end of the last slice. */
  #rested = 0
  #scheduled: NodeJS.Immediate | undefined

  add (job: Iterator<void>): void {
    if (this.#scheduled === undefined) this.#rested = performance.now()
    this.#jobs.push(job)
    this.#scheduled ??= setImmediate(this.#run)
  }

  close (): void {
    clearImmediate(this.#scheduled)
    this.#jobs = []
  }

  readonly #run = (): void => {
    const now = performance.now()
    const end = now + Math.min(Math.max(SHORTEST_SLICE_MS, now - this.#rested), LONGEST_SLICE_MS)
    let job: Iterator<void> | undefined
    while ((job = this.#jobs.shift()) !== undefined) {
      let done: boolean | undefined = false
      for (let step = 0; step < STEPS && done !== true; step++) done = job.next().done
      if (done !== true) this.#jobs.push(job)
      if (performance.now() >= end) break
    }
    this.#rested = performance.now()
    this.#scheduled = this.#jobs.length > 0 ? setImmediate(this.#run) : undefined
  }
}
