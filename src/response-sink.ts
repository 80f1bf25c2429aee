import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import type { Chunk } from './chat/chunk.js'
import type { Sink, Subscriber } from './chat/subscriber.js'
import { watchStall } from './stall-watch.js'

/** ms that a reader which takes nothing has for its farewell. */
const FAREWELL_MS = 1_000

/**
 * A response as a subscriber's sink.
 *
 * Once it has been taken over, bytes go to the socket directly, framed beforehand for all who get them:
 * `ServerResponse.write` would frame them anew for each, in four buffers, at half the speed.
 */
export class ResponseSink implements Sink {
  readonly raw: ServerResponse
  readonly #stallTimeout: number
  #subscriber: Subscriber | undefined
  /** What fastify-sse-v2 pipes into the response during catch-up. */
  #source: Readable | undefined
  /** Where bytes go once it has been taken over. */
  #socket: Socket | undefined
  #watched = false

  /** @param stallTimeout ms after which a reader that has taken nothing is stalled */
  constructor (raw: ServerResponse, stallTimeout: number) {
    this.raw = raw
    this.#stallTimeout = stallTimeout
    raw.on('error', ignore) // 'close' follows, and says all that matters.
  }

  /** Begins the response. The subscriber is told when there is room again. */
  open (subscriber: Subscriber, headers: OutgoingHttpHeaders): void {
    const { raw } = this
    this.#subscriber = subscriber
    raw.writeHead(200, headers)
    raw.once('pipe', (source: Readable) => { this.#source = source })
  }

  write ({ bytes, framed }: Chunk): boolean {
    const { raw } = this
    const socket = this.#socket
    if (socket === undefined) {
      if (raw.write(bytes)) return true
      this.watch()
      raw.once('drain', () => this.#subscriber?.drained())
      return false
    }
    if (!socket.writable || raw.writableEnded) return true // It is closing, or already another response's.
    socket.write(raw.chunkedEncoding ? framed : bytes)
    if (socket.writableLength === 0) return true // The kernel has it all, however much that was.
    this.watch()
    if (!socket.writableNeedDrain) return true
    socket.once('drain', () => this.#subscriber?.drained())
    return false
  }

  end (): void {
    this.#release()
    this.raw.end()
  }

  /** From now on the reader is noticed when it takes nothing. Until it first lags, it costs no timer. */
  watch (): void {
    if (this.#watched) return
    this.#watched = true
    const { raw } = this
    const { socket } = raw.req
    const end = watchStall(socket, this.#stallTimeout, () => {
      this.#subscriber?.bye('stalled', 0)
      setTimeout(() => { if (!raw.writableFinished) socket.destroy() }, FAREWELL_MS).unref()
    })
    raw.on('close', end)
  }

  /** Waits until all that fastify-sse-v2 was given is in the response. */
  async emptied (): Promise<void> {
    const { raw } = this
    while (!raw.destroyed && this.#source !== undefined && this.#source.readableLength > 0) {
      await new Promise<void>((resolve) => {
        if (!raw.writableNeedDrain) return void setImmediate(resolve)
        const done = (): void => {
          raw.off('drain', done).off('close', done)
          setImmediate(resolve)
        }
        raw.on('drain', done).on('close', done)
      })
    }
  }

  /** Lets fastify-sse-v2's stream go, if there is one: all that it was given is in the response, or would be lost. */
  takeOver (): void {
    const { raw } = this
    this.#release()
    raw.flushHeaders()
    // A response that is behind another one keeps what it is given, so its bytes go through it to the end.
    if (raw.socket === null || raw.writableLength !== raw.socket.writableLength) return
    this.#socket = raw.socket
    // Node only asks from now on whether there has been one.
    ;(raw as unknown as { _header: string })._header = SENT
  }

  /** An open stream keeps nothing of how it began. */
  #release (): void {
    const { raw } = this
    this.#source?.unpipe(raw)
    this.#source = undefined
    raw.removeAllListeners('pipe')
    raw.req.headers = NO_HEADERS
    raw.req.rawHeaders = NO_RAW_HEADERS
    // Fastify's own, which hold its request and its reply; they would log a line and run hooks that a stream has none of.
    for (const listener of raw.listeners('error') as Array<() => void>) if (listener !== ignore) raw.off('error', listener).off('finish', listener)
  }
}

const NO_HEADERS: IncomingHttpHeaders = Object.freeze({})
const SENT = ' '
const NO_RAW_HEADERS = Object.freeze([]) as unknown as string[]

function ignore (): void {}
