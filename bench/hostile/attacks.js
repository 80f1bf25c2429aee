import { connect } from 'node:net'

/** Connections of a flood, each of which asks again as soon as it is answered. */
const FLOOD = 64
/** Connections that are held without an end in sight. */
const HELD = 2_000
const IDLE = 10_000
/** ms between two bytes of somebody slow. */
const SLOW_MS = 1_000
/** Connections opened at once, and ms until one that was closed is opened again. */
const AT_ONCE = 200
const AGAIN_MS = 20

const head = (method, path, headers = '') => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}`
const get = (path, headers = '') => `${head('GET', path, headers)}\r\n`
const json = (method, path, token, body) => {
  const text = JSON.stringify(body)
  return `${head(method, path, `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n`)}\r\n${text}`
}
const HISTORY = get('/rooms/history/events?limit=500')

/**
 * Each is given a `Target`, and goes on until the process ends.
 * @type {Record<string, { what: string, run: (target: Target) => Promise<void> }>}
 */
export const attacks = {
  'half-open': { what: '2,000 connections that never ask for anything', run: (target) => target.hold(HELD, () => {}) },
  idle: { what: '10,000 connections that ask once, and stay', run: (target) => target.hold(IDLE, (socket) => socket.write(get('/healthz'))) },
  'slow-headers': {
    what: '2,000 requests whose headers come a byte a second',
    run: (target) => target.hold(HELD, (socket) => {
      socket.write(head('GET', '/healthz', 'X-Slow: '))
      target.trickle(socket)
    })
  },
  'slow-bodies': {
    what: '2,000 posts whose bodies come a byte a second',
    run: (target) => target.hold(HELD, (socket) => {
      socket.write(`${head('POST', '/events', 'Content-Type: application/json\r\nContent-Length: 10000\r\n')}\r\n{"message":"`)
      target.trickle(socket)
    })
  },
  pipelined: { what: '64 connections that ask 200 times for a long history in one packet', run: (target) => target.hold(FLOOD, (socket) => socket.write(HISTORY.repeat(200))) },
  unread: {
    what: '500 connections that ask for a long history, and do not read it',
    run: (target) => target.hold(500, (socket) => {
      socket.pause()
      socket.write(HISTORY)
      target.trickle(socket, '\r\n')
    })
  },
  history: { what: 'a long history, asked for as fast as it goes', run: (target) => target.flood(() => HISTORY) },
  posts: {
    what: 'posts of one user',
    run: async (target) => {
      const { token } = await target.guest()
      let count = 0
      await target.flood(() => json('POST', '/events', token, { message: `flood ${count++}` }))
    }
  },
  invalid: {
    what: 'posts that cannot be taken',
    run: async (target) => {
      const { token } = await target.guest()
      const message = 'x'.repeat(8_000)
      await target.flood(() => json('POST', '/events', token, { message }))
    }
  },
  guests: { what: 'new guests', run: (target) => target.flood(() => get('/users/me')) },
  renames: {
    what: 'names taken by one user',
    run: async (target) => {
      const { token } = await target.guest()
      let count = 0
      await target.flood(() => json('PATCH', '/users/me', token, { name: `flood ${count++}` }))
    }
  },
  streams: {
    what: 'streams of new guests, opened and left',
    run: (target) => target.hold(FLOOD, (socket) => {
      socket.write(get('/events', 'Accept: text/event-stream\r\nHubbub-Client: bench\r\n'))
      socket.once('data', (bytes) => {
        target.answered(bytes)
        socket.destroy()
      })
    })
  }
}

/** The server, from an address of the attacker's own. */
export class Target {
  /** Answers by their status, and connections that the server has closed. */
  counts = { closed: 0 }
  #port
  #address

  constructor (port, address) {
    this.#port = port
    this.#address = address
  }

  /** Keeps so many connections open: one that is closed is opened again. @param {(socket: import('node:net').Socket) => void} begin */
  async hold (count, begin) {
    const open = () => {
      const socket = this.#connect()
      socket.on('connect', () => begin(socket))
      socket.resume()
      socket.on('close', () => {
        this.counts.closed++
        setTimeout(open, AGAIN_MS)
      })
    }
    for (let opened = 0; opened < count; opened += AT_ONCE) {
      for (let index = 0; index < Math.min(AT_ONCE, count - opened); index++) open()
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
  }

  trickle (socket, bytes = 'a') {
    const timer = setInterval(() => socket.write(bytes), SLOW_MS)
    socket.on('close', () => clearInterval(timer))
  }

  /** @param {() => string} request makes the next one */
  async flood (request) {
    await this.hold(FLOOD, (socket) => {
      let header = ''
      let left = 0
      socket.on('data', (bytes) => {
        if (left > 0) {
          left -= bytes.length
        } else {
          header += bytes.toString('latin1')
          const end = header.indexOf('\r\n\r\n')
          if (end < 0) return
          left = end + 4 + Number(/\r\ncontent-length: (\d+)/i.exec(header)?.[1]) - header.length
          this.answered(header)
          header = ''
        }
        if (left <= 0) socket.write(request())
      })
      socket.write(request())
    })
  }

  answered (bytes) {
    const status = bytes.toString('latin1').slice(9, 12)
    this.counts[status] = (this.counts[status] ?? 0) + 1
  }

  /** @returns {Promise<{ token: string }>} */
  guest () {
    return new Promise((resolve, reject) => {
      let text = ''
      const socket = this.#connect().setEncoding('utf8')
      socket.on('connect', () => socket.write(get('/users/me', 'Connection: close\r\n')))
      socket.on('data', (more) => { text += more })
      socket.on('end', () => resolve(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))))
      socket.on('error', reject)
    })
  }

  #connect () {
    const socket = connect({ port: this.#port, host: '127.0.0.1', localAddress: this.#address })
    return socket.setNoDelay(true).on('error', () => {}) // 'close' follows.
  }
}
