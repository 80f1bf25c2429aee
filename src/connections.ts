import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { addressKey } from './address.js'
import type { LimitName } from './chat/activity.js'
import { Flooders } from './flooders.js'

/** Requests of one connection that are not answered yet, at most: who sends more at once waits for none of them. */
const UNANSWERED = 16

export interface ConnectionsOptions {
  /** Open connections from one address at most. */
  most: number
  /** Whether an address is a proxy's, which may have as many as it likes. */
  isProxy: (address: string) => boolean
  patience?: Partial<Patience>
}

/** How long a client may take, in ms. An open stream is no concern of any of these. */
export interface Patience {
  /** From the connection, or the end of the request before, until a request's headers are here. */
  headersTimeout: number
  /** The same until its body is. */
  requestTimeout: number
  /** From an answer to the next request: longer than what proxies keep their idle connections for, which is a minute mostly. */
  keepAliveTimeout: number
  /** Between two looks at who has taken longer than for headers and body. */
  connectionsCheckingInterval: number
}

const PATIENCE: Patience = { headersTimeout: 10_000, requestTimeout: 30_000, keepAliveTimeout: 72_000, connectionsCheckingInterval: 1_000 }

interface Connection {
  socket: Socket
  /** Those that come from the same address, undefined where that is a proxy's. */
  neighbours: Neighbours | undefined
  /** Whether it has ever asked for something. */
  asked: boolean
  /** The request that is being answered, or is still arriving. */
  current: IncomingMessage | undefined
  /** Requests that came behind it, in order; undefined where that has never been. */
  waiting: Array<[IncomingMessage, ServerResponse]> | undefined
  /** What is told when the answer ends, where that has no end of its own. */
  endless: { close (): void } | undefined
}

interface Neighbours {
  key: string
  all: Set<Connection>
  /** Those that have never asked for anything, the oldest first. */
  silent: Set<Connection>
}

/**
 * The connections of this server, and what bounds them: how long they may take to ask, how many one address may have, and how many
 * requests may wait on one. A connection's requests are answered one after the other, however many arrive at once: what is
 * being answered is in memory.
 */
export class Connections {
  /** A connection was closed for a limit. */
  onLimit: (limit: LimitName) => void = () => {}

  readonly #most: number
  readonly #isProxy: (address: string) => boolean
  readonly #patience: Patience
  readonly #connections = new Map<Socket, Connection>()
  readonly #byAddress = new Map<string, Neighbours>()
  readonly #flooders = new Flooders()
  /** Listeners that all share: an open stream keeps no more than it must. */
  readonly #closed: (this: Socket) => void
  readonly #ended: (this: ServerResponse) => void
  #handle: RequestListener = () => {}

  constructor ({ most, isProxy, patience }: ConnectionsOptions) {
    this.#most = most
    this.#isProxy = isProxy
    this.#patience = { ...PATIENCE, ...patience }
    const connections = this
    this.#closed = function () { connections.#forget(this) }
    this.#ended = function () { connections.#goOn(this.req.socket) }
  }

  /** A server that hands its requests on to `handle`, one at a time for each connection. */
  createServer (handle: RequestListener): Server {
    this.#handle = handle
    const server = createServer(this.#patience, (request, response) => this.#arrive(request, response))
    return server.on('connection', (socket: Socket) => this.#open(socket))
  }

  /**
   * What is answered on a connection now has no end: whatever waits behind it would wait for ever, and so would who sent it.
   * @param stream is closed when the answer has ended all the same
   */
  holdOpen (socket: Socket, stream: { close (): void }): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return
    connection.endless = stream
    if (connection.waiting !== undefined && connection.waiting.length > 0) socket.destroy()
  }

  /** Closes those that have asked for nothing: nobody waits for an answer there. */
  closeSilent (): void {
    for (const { asked, socket } of this.#connections.values()) if (!asked) socket.destroy()
  }

  closeAll (): void {
    for (const socket of this.#connections.keys()) socket.destroy()
  }

  #open (socket: Socket): void {
    const neighbours = this.#neighbours(socket.remoteAddress)
    const connection: Connection = { socket, neighbours, asked: false, current: undefined, waiting: undefined, endless: undefined }
    this.#connections.set(socket, connection)
    socket.on('close', this.#closed)
    if (neighbours === undefined) return
    neighbours.all.add(connection)
    if (neighbours.all.size > this.#most) this.#makeRoom(neighbours, connection)
    if (socket.destroyed) return
    neighbours.silent.add(connection)
    this.#flooders.hold(neighbours.key, socket)
  }

  /** @param address undefined where the client has gone already */
  #neighbours (address: string | undefined): Neighbours | undefined {
    if (address === undefined || this.#most === Infinity || this.#isProxy(address)) return undefined
    const key = addressKey(address)
    let neighbours = this.#byAddress.get(key)
    if (neighbours === undefined) this.#byAddress.set(key, neighbours = { key, all: new Set(), silent: new Set() })
    return neighbours
  }

  /**
   * An address has as many as it may have. Of those that are good for nobody, one goes: the oldest that has never asked for
   * anything; else one whose request does not come to its end, or that is idle. Streams stay, and whoever is being answered.
   */
  #makeRoom ({ all, silent }: Neighbours, newest: Connection): void {
    let [spare] = silent
    if (spare === undefined) {
      for (const connection of all) {
        if (connection.current?.complete === false) {
          spare = connection
          break
        }
        if (connection.current === undefined && connection !== newest) spare ??= connection
      }
    }
    this.onLimit('connections-per-address')
    const { socket } = spare ?? newest
    socket.destroy()
    this.#forget(socket)
  }

  #forget (socket: Socket): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return
    const { neighbours, endless } = connection
    connection.endless = undefined
    endless?.close()
    this.#connections.delete(socket)
    connection.waiting = undefined
    if (neighbours === undefined) return
    neighbours.all.delete(connection)
    neighbours.silent.delete(connection)
    if (neighbours.all.size === 0) this.#byAddress.delete(neighbours.key)
  }

  #arrive (request: IncomingMessage, response: ServerResponse): void {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined || request.socket.destroyed) return // What has arrived with the rest of a flood.
    if (connection.current === undefined) return this.#answer(connection, request, response)
    const waiting = connection.waiting ??= []
    const { endless } = connection
    if (endless === undefined && waiting.length < UNANSWERED - 1) return void waiting.push([request, response])
    if (endless === undefined) {
      this.onLimit('requests-per-connection')
      if (connection.neighbours !== undefined) this.#flooders.remember(connection.neighbours.key)
    }
    request.socket.destroy()
  }

  #answer (connection: Connection, request: IncomingMessage, response: ServerResponse): void {
    connection.asked = true
    connection.current = request
    connection.neighbours?.silent.delete(connection)
    response.on('close', this.#ended)
    this.#handle(request, response)
  }

  /** An answer has ended: whatever waits behind it is next. */
  #goOn (socket: Socket): void {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return
    const { endless, waiting } = connection
    connection.current = undefined
    connection.endless = undefined
    endless?.close()
    const next = waiting?.shift()
    if (next !== undefined && !socket.destroyed) this.#answer(connection, ...next)
  }
}
