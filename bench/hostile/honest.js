import { createConnection } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '../failure.js'
import { Connection } from '../soak/connection.js'

const READERS = 100
const PUBLISHERS = 20
/** Posts of all of them in a second: each posts once, half of what one may. */
const RATE = 20

const now = () => Number(process.hrtime.bigint() / 1_000n) / 1_000

/** People who read and talk, as the server lets them: every message has the time at which it was sent. */
export class Honest {
  /** ms from the sending of a post to its arrival at a reader, and to its answer, since `begin` was called last. */
  deliveries = []
  answers = []
  acknowledged = 0
  delivered = 0
  #port
  #over = false
  #loops = []

  constructor (port) {
    this.#port = port
  }

  async come () {
    const ask = await Connection.open(this.#port)
    const guests = []
    for (let index = 0; index < READERS; index++) guests.push(JSON.parse((await ask.request('GET', '/users/me')).body))
    ask.close()
    await Promise.all(guests.map(({ token }) => this.#read(token)))
    this.#loops = guests.slice(0, PUBLISHERS).map(({ token }, index) => this.#talk(token, index))
  }

  begin () {
    this.deliveries = []
    this.answers = []
  }

  /** Ends the talk. @throws {Failure} where somebody has not had all of it */
  async leave () {
    this.#over = true
    await Promise.all(this.#loops)
    for (let tries = 0; this.delivered < this.acknowledged * READERS && tries < 50; tries++) await delay(100)
    if (this.delivered !== this.acknowledged * READERS) throw new Failure(`${this.acknowledged} posts to ${READERS} readers made ${this.delivered} deliveries`)
  }

  #read (token) {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.#port, '127.0.0.1').setEncoding('latin1')
      socket.write(`GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${token}\r\n\r\n`)
      let rest = ''
      socket.on('data', (text) => {
        const received = now()
        const lines = (rest + text).split('\n')
        rest = lines.pop()
        for (const line of lines) {
          if (line.startsWith('event: welcome')) resolve()
          const sent = line.startsWith('data: ') && /@@([\d.]+)@@/.exec(line)?.[1]
          if (!sent) continue
          this.delivered++
          this.deliveries.push(received - Number(sent))
        }
      })
      socket.on('error', () => {})
      socket.on('close', () => {
        if (!this.#over) this.failed(new Failure('the stream of somebody honest was closed'))
        reject(new Failure('the stream of somebody honest was not opened'))
      })
    })
  }

  async #talk (token, index) {
    const connection = await Connection.open(this.#port)
    const pause = PUBLISHERS / RATE * 1_000
    await delay(index / PUBLISHERS * pause)
    while (!this.#over) {
      const sent = now()
      const { status, body } = await connection.request('POST', '/events', { token, body: { message: `@@${sent}@@` } })
      if (status !== 201) this.failed(new Failure(`somebody honest was refused: ${status} ${body}`))
      this.answers.push(now() - sent)
      this.acknowledged++
      await delay(Math.max(0, sent + pause - now()))
    }
    connection.close()
  }

  /** Called where they are not served as they should be. @param {Failure} failure */
  failed (failure) {
    throw failure
  }
}
