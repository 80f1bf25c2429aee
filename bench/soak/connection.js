import { createConnection } from 'node:net'

/** A keep-alive connection that carries one request at a time: about a tenth of what node:http costs the driver. */
export class Connection {
  #socket
  #text = ''
  #answered
  #failed

  /** @returns {Promise<Connection>} */
  static open (port) {
    return new Promise((resolve, reject) => {
      const connection = new Connection()
      const socket = createConnection(port, '127.0.0.1', () => resolve(connection))
      socket.setNoDelay(true).setEncoding('utf8')
      socket.on('data', (text) => connection.#read(text))
      socket.on('error', reject)
      socket.on('close', () => connection.#failed?.(new Error('the server closed the connection')))
      connection.#socket = socket
    })
  }

  /** @returns {Promise<{ status: number, body: string }>} rejects where the connection ends first */
  request (method, path, { token, body } = {}) {
    if (this.#socket.destroyed) return Promise.reject(new Error('the server had closed the connection'))
    const json = body === undefined ? '' : JSON.stringify(body)
    this.#socket.write(
      `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n` +
      (token === undefined ? '' : `Authorization: Bearer ${token}\r\n`) +
      (body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n`) +
      `\r\n${json}`
    )
    return new Promise((resolve, reject) => {
      this.#answered = resolve
      this.#failed = reject
    })
  }

  close () {
    this.#failed = undefined
    this.#socket.destroy()
  }

  #read (text) {
    this.#text += text
    const head = this.#text.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#text)?.[1])
    const body = this.#text.slice(head + 4)
    // What is said is in ASCII, but for a server's fault: then the bytes count.
    if (body.length < length && Buffer.byteLength(body) < length) return
    const status = Number(this.#text.slice(9, 12))
    this.#text = ''
    this.#answered({ status, body })
  }
}
