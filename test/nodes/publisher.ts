import { setTimeout as delay } from 'node:timers/promises'
import { call, guest, type Answer } from '../harness.js'
import type { Posted, Recording } from './recording.js'

/** ms within which every post must be answered somehow. */
const HUNG_MS = 15_000
/** ms to wait before a try that failed is made again, at most, whatever is asked for. */
const LONGEST_AWAY_MS = 3_000

/** No answer came. */
const CUT: Answer = { status: 0, headers: new Headers(), body: undefined }

export interface PublisherOptions {
  rooms: string[]
  /** Which node it is led to, for each try. */
  pick: () => string
  /** ms from an answer to the next post, on average. */
  pause: number
}

/** One who posts, each post under a key of its own, and tries again with the same key, anywhere, until it is acknowledged. */
export class Publisher {
  /** ms: how long each post that was refused took to be. */
  readonly refusals: number[] = []
  /** How its tries were answered: by code, status, or `cut`. */
  readonly answers = new Map<string, number>()
  readonly #recording: Recording
  readonly #name: string
  readonly #options: PublisherOptions
  #authorization = ''
  #done = false
  #posting: Promise<void> | undefined
  #count = 0

  constructor (recording: Recording, name: string, options: PublisherOptions) {
    this.#recording = recording
    this.#name = name
    this.#options = options
  }

  async begin (): Promise<void> {
    this.#authorization = (await guest(this.#options.pick())).authorization
    this.#posting = this.#publish()
  }

  /** Until the post under way is acknowledged. */
  async stop (): Promise<void> {
    this.#done = true
    await this.#posting
  }

  async #publish (): Promise<void> {
    const { rooms, pause } = this.#options
    while (!this.#done) {
      const room = rooms[Math.floor(Math.random() * rooms.length)]!
      const posted: Posted = { room, message: `${this.#name} says ${++this.#count}`, unknown: false }
      this.#recording.posts.push(posted)
      await this.#try(posted)
      await delay(Math.random() * 2 * pause)
    }
  }

  async #try (posted: Posted): Promise<void> {
    const { room, message } = posted
    for (;;) {
      const url = this.#options.pick()
      const began = performance.now()
      const { headers, status, body } = await call(`${url}/events`, {
        body: { room, message, key: message }, headers: { authorization: this.#authorization }, signal: AbortSignal.timeout(HUNG_MS)
      }).catch(() => CUT)
      const took = performance.now() - began
      if (took >= HUNG_MS) this.#recording.flaws.push(`a post hung: ${message} in ${room} was not answered within ${HUNG_MS / 1_000} s`)
      const code: string = status === 0 ? 'cut' : body.code ?? String(status)
      this.answers.set(code, (this.answers.get(code) ?? 0) + 1)
      if (status === 201 || status === 200) {
        this.#recording.acknowledge(posted, body.event.id)
        if (body.event.message !== message) this.#recording.flaws.push(`another event: the key of ${message} in ${room} is answered with ${JSON.stringify(body.event)}`)
        return
      }
      if (code === 'HUB_STORE_UNAVAILABLE' || code === 'HUB_OUTCOME_UNKNOWN') this.refusals.push(took)
      else if (status !== 0) this.#recording.flaws.push(`refused for no reason of ours: ${message} in ${room} was answered ${status} ${code}`)
      if (code !== 'HUB_STORE_UNAVAILABLE') posted.unknown = true
      // Some believe it: then it must never be seen.
      if (!posted.unknown && Math.random() < 0.2) return
      const after = Number(headers.get('retry-after')) * 1_000
      await delay(Math.min(after > 0 ? after * (1 + Math.random() / 2) : 50 + Math.random() * 200, LONGEST_AWAY_MS))
    }
  }
}
