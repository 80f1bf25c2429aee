import { once } from 'node:events'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import type { Test } from 'tap'
import type { Place } from './command.js'

/** An address that can be led elsewhere, as a virtual IP or a Kubernetes service can: it carries bytes to whom it leads to. */
export class Address {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: Place | undefined
  #held = false
  /** ms that everything takes longer, each way. */
  lag = 0

  private constructor (server: Server, target: Place) {
    this.#server = server
    this.#target = target
    this.port = (server.address() as { port: number }).port
    this.url = `redis://${this.host}:${this.port}`
    server.on('connection', (socket) => this.#carry(socket))
  }

  static async open (t: Test, target: Place): Promise<Address> {
    const server = createServer()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const address = new Address(server, target)
    t.teardown(() => address.#close())
    return address
  }

  /** Cuts what there is, and leads what comes from now on to another one; to nobody where none is named. */
  lead (target: Place | undefined): void {
    this.#target = target
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Carries nothing more, and cuts nothing: what is sent waits, and nobody is told, as where a network falls silent. */
  hold (): void {
    this.#held = true
    for (const socket of this.#sockets) socket.pause()
  }

  release (): void {
    this.#held = false
    for (const socket of this.#sockets) socket.resume()
  }

  #carry (near: Socket): void {
    if (this.#target === undefined) return void near.destroy()
    const far = createConnection(this.#target.port, this.host)
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.pipe(new Transform({
        transform: (chunk, _encoding, done) => {
          if (this.lag === 0) done(null, chunk)
          else setTimeout(done, this.lag, null, chunk)
        }
      })).pipe(other)
      if (this.#held) socket.pause()
      socket.on('error', () => {}) // 'close' follows.
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
  }

  #close (): void {
    this.#server.close()
    this.lead(undefined)
  }
}
