import { get } from 'node:http'

/** Accepts the answer of a long poll. */
export const POLL = 'application/json'

const EVENT = '{"id":"'

/**
 * One who reads, over as many streams as it takes: each goes on from the cursor of the one before. It parses no more than the
 * check needs, and keeps nothing.
 */
export class Reader {
  /** Streams opened. */
  opened = 0
  /** Whether a stream is open. */
  isOpen = false
  /** Whether it has stopped reading at some time in this stream: then the server may send it off. */
  wasPaused = false
  /** Called when the server has ended the stream. */
  onCut = () => {}
  #port
  #path
  #headers
  #track
  #response
  /** What came last and is not a whole line yet. */
  #rest = ''
  #cursor
  #begun

  /**
   * @param {number} port
   * @param {{ rooms: string[], accept: string, token?: string, lurk: boolean }} manner in which it reads
   * @param {import('./checker.js').Track} track
   */
  constructor (port, { rooms, accept, token, lurk }, track) {
    this.#port = port
    this.#path = `/events?lurk=${lurk ? 1 : 0}${rooms.map((room) => `&room=${room}`).join('')}`
    this.#headers = { accept, ...(token !== undefined && { authorization: `Bearer ${token}` }) }
    this.#track = track
  }

  /** Whether it asks again and again by long poll, and has no stream. */
  get polls () {
    return this.#headers.accept === POLL
  }

  /** Opens a stream, from its cursor where it has one. @returns when it has been welcomed; a long poll, when it has left */
  async open () {
    this.opened++
    this.isOpen = true
    this.wasPaused = false
    if (this.polls) while (this.isOpen) await this.#poll()
    else await this.#stream()
  }

  async #stream () {
    const response = await this.#request('')
    if (response === undefined) return
    this.#response = response
    this.#rest = ''
    const begun = new Promise((resolve) => { this.#begun = resolve })
    response.on('data', (text) => { if (this.#response === response) this.#read(text) })
    response.on('error', () => {}) // 'close' follows.
    response.on('close', () => {
      if (this.#response !== response) return
      this.#end()
      if (!this.wasPaused) this.#track.fail('a cut: the server ended a stream that was being read')
      this.#begun()
      this.onCut()
    })
    await begun
  }

  async #poll () {
    const first = this.#track.cursor === undefined
    const response = await this.#request(`&wait=${first ? 0 : 3}`)
    if (response === undefined) return
    let text = ''
    for await (const part of response) text += part
    const { events, cursor, reset } = JSON.parse(text)
    if (reset !== undefined) this.#track.fail(`a reset: ${JSON.stringify(reset)}`)
    // What came during its first answer has no place before it to be compared with.
    if (first) this.#track.begin(cursor)
    else for (const event of events) this.#track.take(JSON.stringify(event))
    this.#track.confirm(cursor)
    this.#track.readingSince = this.isOpen ? Math.min(this.#track.readingSince, performance.now()) : Infinity
  }

  pause () {
    if (!this.isOpen) return
    this.wasPaused = true
    this.#track.readingSince = Infinity
    this.#response.pause()
  }

  resume () {
    if (!this.isOpen) return
    this.#track.readingSince = performance.now()
    this.#response.resume()
  }

  /** @param {boolean} politely or torn away. A poll that waits is let go when it is answered. */
  leave (politely) {
    const response = this.#response
    this.#end()
    if (politely) response?.destroy()
    else response?.socket.resetAndDestroy()
  }

  #end () {
    this.isOpen = false
    this.#response = undefined
    this.#track.readingSince = Infinity
  }

  /** @returns {Promise<import('node:http').IncomingMessage | undefined>} */
  #request (query) {
    const { cursor } = this.#track
    const headers = cursor === undefined ? this.#headers : { ...this.#headers, 'last-event-id': cursor }
    return new Promise((resolve) => {
      const request = get({ host: '127.0.0.1', port: this.#port, path: this.#path + query, headers, agent: false })
      request.on('response', (response) => {
        if (response.statusCode !== 200) this.#track.fail(`a refusal: ${response.statusCode} for ${this.#path}${query}`)
        resolve(response.setEncoding('latin1'))
      })
      request.on('error', (error) => {
        if (request.res === undefined) this.#track.fail(`a stream that could not be opened: ${error.message}`)
        resolve()
      })
    })
  }

  /** Lines of server-sent events, or of JSON. What follows the last line break is no line yet, also where the stream ends. */
  #read (text) {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()
    for (const line of lines) {
      if (line.startsWith('id: ')) this.#cursor = line.slice(4)
      else if (line.startsWith('data: ')) this.#take(line.slice(6), this.#cursor)
      else if (line.startsWith('{')) this.#take(line)
      else if (line === '') this.#cursor = undefined
    }
  }

  #take (json, cursor) {
    if (!json.startsWith(EVENT)) return this.#notice(JSON.parse(json), cursor)
    this.#track.take(json)
    if (cursor !== undefined) this.#track.confirm(cursor)
  }

  #notice (notice, cursor = notice.cursor) {
    if (notice.type === 'reset') this.#track.fail(`a reset: ${notice.reason} in ${notice.room}`)
    if (notice.type !== 'welcome') return
    if (this.#track.cursor === undefined) this.#track.begin(cursor)
    else if (!notice.rooms.every(({ resumed }) => resumed)) this.#track.fail(`a resume that was not honoured: ${this.#track.cursor}`)
    this.#track.confirm(cursor)
    this.#track.readingSince = performance.now()
    this.#begun()
  }
}
