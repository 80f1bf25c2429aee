import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'

/** What becomes of a request on its way. */
export type Fate =
  /** Somebody else answers. */
  | { status: number, headers?: Record<string, string>, body?: string }
  /** Nobody answers, and the connection stays open. */
  | 'silence'
  /** The connection ends without an answer. */
  | 'cut'
  /** The server does what it was asked, and the connection ends before its answer comes through. */
  | 'lose the answer'
  /** The answer comes when it has ended: by a proxy that collects what is to be passed on. */
  | 'hold back'

export const PORTAL: Fate = { status: 200, headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Log in to our network</title>' }

export interface Passing {
  method: string
  /** With its query. */
  path: string
  headers: IncomingMessage['headers']
}

/** The way to a server as it is outside of a test: a real proxy, in which everything goes wrong that the test asks for. */
export class RoughWay {
  /** Where clients find it. */
  url!: string
  /** What becomes of each request; undefined: it is passed on. */
  fate: (request: Passing) => Fate | undefined | Promise<Fate | undefined> = () => undefined
  /** Until when an answer that is made already is kept from passing. */
  holds: (request: Passing) => Promise<void> | undefined = () => undefined
  /** What becomes of each chunk of an answer. */
  rewrite: (text: string, request: Passing) => string = (text) => text
  /** Whether no byte of an answer comes through any more, while connections stay open. */
  silent = false
  /** All that servers have answered. */
  text = ''
  /** Every request that came, in order. */
  readonly requests: Passing[] = []
  readonly #sockets = new Set<Socket>()
  readonly #target: string
  readonly #server: Server

  private constructor (target: string) {
    this.#target = target
    this.#server = createServer((incoming, response) => this.#pass(incoming, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  static async to (t: Test, target: string): Promise<RoughWay> {
    const way = new RoughWay(target)
    await new Promise<void>((resolve) => way.#server.listen(0, '127.0.0.1', resolve))
    way.url = `http://127.0.0.1:${(way.#server.address() as AddressInfo).port}`
    t.teardown(() => {
      way.cut()
      way.#server.close()
    })
    return way
  }

  /** Ends all connections, as a phone does that changes networks. */
  cut (): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Requests that asked for this. */
  count (method: string, path: string): number {
    return this.requests.filter((one) => one.method === method && one.path.split('?')[0] === path).length
  }

  async #pass (incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = incoming
    const passing = { method, path, headers }
    this.requests.push(passing)
    const fate = await this.fate(passing)
    const held = this.holds(passing)
    if (fate === 'silence') return
    if (fate === 'cut') return void response.destroy()
    if (typeof fate === 'object') {
      incoming.resume()
      return void response.writeHead(fate.status, fate.headers).end(fate.body ?? '')
    }
    const onwards = request(this.#target + path, { method, headers, agent: false }, (answer) => {
      const { statusCode = 502, headers: { 'content-length': _, ...answerHeaders } } = answer
      let kept = ''
      const atOnce = fate === undefined && held === undefined
      const begin = (): void => {
        if (!response.headersSent) response.writeHead(statusCode, answerHeaders).flushHeaders()
      }
      if (atOnce && !this.silent) begin()
      answer.setEncoding('utf8')
      answer.on('data', (chunk: string) => {
        this.text += chunk
        if (this.silent) return
        const text = this.rewrite(chunk, passing)
        if (atOnce) response.write(text)
        else kept += text
      })
      answer.on('end', async () => {
        if (fate === 'lose the answer') return response.destroy()
        await held
        if (this.silent) return
        begin()
        response.end(kept)
      })
      answer.on('error', () => response.destroy())
      answer.on('close', () => { if (!answer.complete && !this.silent) response.destroy() })
    })
    onwards.on('error', () => response.destroy())
    response.on('close', () => onwards.destroy())
    incoming.pipe(onwards)
  }
}
