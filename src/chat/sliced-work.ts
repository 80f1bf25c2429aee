/** ms of work in one go, after which other tasks of the event loop have their turn. */
const SLICE_MS = 2
/** Steps between two looks at the clock. */
const STEPS = 32

/**
 * Runs long loops in slices, in turn, so that nobody waits behind fifty thousand writes. A job is an iterator; each
 * step is a bit of its work.
 */
export class SlicedWork {
  #jobs: Array<Iterator<void>> = []
  #scheduled: NodeJS.Immediate | undefined

  add (job: Iterator<void>): void {
    this.#jobs.push(job)
    this.#scheduled ??= setImmediate(this.#run)
  }

  close (): void {
    clearImmediate(this.#scheduled)
    this.#jobs = []
  }

  readonly #run = (): void => {
    const end = performance.now() + SLICE_MS
    let job: Iterator<void> | undefined
    while ((job = this.#jobs.shift()) !== undefined) {
      let done: boolean | undefined = false
      for (let step = 0; step < STEPS && done !== true; step++) done = job.next().done
      if (done !== true) this.#jobs.push(job)
      if (performance.now() >= end) break
    }
    this.#scheduled = this.#jobs.length > 0 ? setImmediate(this.#run) : undefined
  }
}
