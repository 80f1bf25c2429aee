import { get, type ClientRequest, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Recording, Track } from './recording.js'

/** ms before a connection that was refused is tried again: doubled each time, up to the second, and a random part of it. */
const BACKOFF_MS = [100, 2_000] as const
/** ms that it waits at most where it is asked to stay away. */
const LONGEST_AWAY_MS = 5_000

export interface ClientOptions {
  rooms: string[]
  /** Which node it is led to, each time it comes. */
  pick: () => string
  /** Whose it is, as the header `Authorization` has it; it lurks where not given. */
  token?: string
}

/**
 * One who reads as our users' clients do: over as many streams as it takes, each from the cursor of the one before, whatever
 * node it is led to. What it receives is recorded.
 */
export class Client {
  readonly track: Track
  /** Whether it counts as present. */
  readonly isUser: boolean
  /** Whether a stream is open, and has been welcomed. */
  isOpen = false
  /** ms of the longest time in which nothing at all came, from its first welcome on. */
  longestSilence = 0
  readonly #recording: Recording
  readonly #pick: () => string
  readonly #path: string
  readonly #headers: { [name: string]: string }
  #request: ClientRequest | undefined
  #cursor: string | undefined
  #lastHeard: number | undefined
  #living: Promise<void> | undefined
  #away = new AbortController()
  #listening: Array<() => void> = []

  constructor (recording: Recording, name: string, { rooms, pick, token }: ClientOptions) {
    this.#recording = recording
    this.track = recording.track(name)
    this.isUser = token !== undefined
    this.#pick = pick
    this.#path = `/events?lurk=${token === undefined ? 1 : 0}${rooms.map((room) => `&room=${room}`).join('')}`
    // By this header a client says that it sees statuses, as our page's does.
    this.#headers = { accept: 'text/event-stream', 'hubbub-client': 'test', ...(token !== undefined && { authorization: token }) }
  }

  get cursor (): string | undefined {
    return this.#cursor
  }

  /** Begins to read; goes on until it leaves. */
  come (): void {
    this.#away = new AbortController()
    this.track.left = false
    this.#lastHeard = undefined
    this.#living = this.#live()
  }

  /** Cuts the connection, and does not come back by itself. */
  async leave (): Promise<void> {
    this.track.left = true
    this.#away.abort()
    this.#request?.destroy()
    await this.#living
  }

  /** Resolves when something comes, whatever it is. */
  hears (): Promise<void> {
    return new Promise((resolve) => this.#listening.push(resolve))
  }

  async #live (): Promise<void> {
    let refused = 0
    while (!this.track.left) {
      const { welcomed, retry } = await this.#stream()
      refused = welcomed ? 0 : refused + 1
      const [least, most] = BACKOFF_MS
      const wait = Math.min(retry ?? Math.min(least * 2 ** refused, most) * (0.5 + Math.random() / 2), LONGEST_AWAY_MS)
      await delay(wait, undefined, { signal: this.#away.signal }).catch(() => {})
    }
  }

  /** One stream, until it ends. @returns whether it was welcomed, and in how many ms it should come back, where that was said */
  #stream (): Promise<{ welcomed: boolean, retry?: number }> {
    const url = this.#pick()
    const sent = this.#cursor
    this.#recording.attempts.push(performance.now())
    return new Promise((resolve) => {
      const request = get(url + this.#path, { agent: false, headers: { ...this.#headers, ...(sent !== undefined && { 'last-event-id': sent }) } })
      this.#request = request
      request.on('error', () => resolve({ welcomed: false }))
      request.on('response', (response) => {
        response.on('error', () => {}) // 'close' follows.
        if (response.statusCode === 200) return this.#read(response, url, sent, resolve)
        response.resume()
        const after = Number(response.headers['retry-after'])
        resolve({ welcomed: false, ...(after > 0 && { retry: after * 1_000 * (1 + Math.random() / 2) }) })
      })
    })
  }

  #read (response: IncomingMessage, url: string, sent: string | undefined, resolve: (end: { welcomed: boolean, retry?: number }) => void): void {
    const { track } = this
    let rest = ''
    let welcomed = false
    let said: string | undefined
    let retry: number | undefined
    let cursor: string | undefined
    let type = 'message'
    let data: string | undefined

    const dispatch = (): void => {
      // As an EventSource does: the cursor counts once its event is whole.
      if (cursor !== undefined) this.#cursor = cursor
      if (data === undefined) return
      if (data.startsWith('{"id":"')) return void this.#recording.receive(track, data)
      const notice = JSON.parse(data)
      if (type === 'welcome') {
        welcomed = this.isOpen = true
        const resumed = Object.fromEntries(notice.rooms.map(({ room, resumed }: { room: string, resumed: boolean }) => [room, resumed]))
        track.add({ type, at: performance.now(), url, sent, cursor: this.#cursor!, resumed })
      } else if (type === 'reset') track.add({ type, room: notice.room, reason: notice.reason, from: notice.from })
      else if (type === 'bye') said = notice.reason
    }

    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      this.#heard()
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) {
        if (line.startsWith('data: ')) data = line.slice(6)
        else if (line.startsWith('id: ')) cursor = line.slice(4)
        else if (line.startsWith('event: ')) type = line.slice(7)
        else if (line.startsWith('retry: ')) retry = Number(line.slice(7))
        else if (line === '') {
          dispatch()
          type = 'message'
          data = undefined
        }
      }
    })
    response.on('close', () => {
      this.isOpen = false
      track.add(said === undefined ? { type: 'cut', at: performance.now() } : { type: 'bye', at: performance.now(), reason: said })
      resolve({ welcomed, ...(retry !== undefined && { retry }) })
    })
  }

  #heard (): void {
    const now = performance.now()
    if (this.#lastHeard !== undefined) this.longestSilence = Math.max(this.longestSilence, now - this.#lastHeard)
    this.#lastHeard = now
    for (const resolve of this.#listening.splice(0)) resolve()
  }
}
