import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { build } from '../src/app.js'
import type { ChatEvent } from '../src/chat/event.js'
import { readConfig } from '../src/plugins/config.js'

export type Environment = Record<string, string>

/** What a test cannot do without; where it is missing the test says so, and under CI it fails. */
export function missing (t: Test, what: string | undefined, remedy: string): boolean {
  if (what !== undefined) return false
  if (process.env['CI'] === 'true') t.fail(`cannot run here: ${remedy}`)
  else t.pass(`skipped: ${remedy}`, { skip: remedy })
  return true
}

/** A directory that goes with the test. */
export function temporaryDirectory (t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'hubbub-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  return directory
}

export interface RunningApp {
  app: FastifyInstance
  url: string
}

/** The application, listening on a port of its own, with limits off unless the test sets them. @param patience how long clients may take */
export async function startApp (t: Test, environment: Environment = {}, patience?: Parameters<typeof build>[2]): Promise<RunningApp> {
  const config = readConfig({ DATA_DIR: temporaryDirectory(t), LIMITS: 'off', ...environment })
  const app = await build(config, false, patience)
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const address = app.server.address() as { port: number }
  return { app, url: `http://127.0.0.1:${address.port}` }
}

export interface RestartableApp {
  /** The same after each start. */
  url: string
  stop (): Promise<void>
  start (): Promise<void>
}

/** The application with data and an address that outlive it. It asks its readers to come back at once. */
export async function startRestartableApp (t: Test): Promise<RestartableApp> {
  const config = readConfig({ DATA_DIR: temporaryDirectory(t), LIMITS: 'off', DRAIN_TIME: '1ms' })
  let app: FastifyInstance
  let port = 0
  const start = async (): Promise<void> => {
    app = await build(config)
    await app.listen({ port, host: '127.0.0.1' })
    port = (app.server.address() as { port: number }).port
  }
  await start()
  t.teardown(() => app.close())
  return { url: `http://127.0.0.1:${port}`, start, stop: () => app.close() }
}

export interface RunningServer {
  process: ChildProcess
  url: string
  /** What it has written on standard output and error. */
  output (): string
  /** Ends it with a signal. @returns the exit code, or the signal that ended it */
  stop (signal: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

/** The server as shipped, in a process of its own, when it listens. @param wrapper a command to run it under */
export async function startServer (t: Test, environment: Environment, wrapper: string[] = []): Promise<RunningServer> {
  const [command, ...args] = [...wrapper, process.execPath, new URL('../dist/server.js', import.meta.url).pathname]
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TAP|NODE_OPTIONS)/.test(name)))
  const child = spawn(command!, args, {
    env: { ...inherited, PORT: '0', LIMITS: 'off', LOG_LEVEL: 'warn', ...environment } as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: tmpdir()
  })
  let output = ''
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  })
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString()
      const found = /open at (http:\S+)/.exec(output)?.[1]
      if (found !== undefined) resolve(found.replace('localhost', '127.0.0.1'))
    }
    child.stdout!.on('data', read)
    child.stderr!.on('data', read)
    exited.then(([code, signal]) => reject(new Error(`the server ended (${code ?? signal}): ${output}`)), reject)
  })
  return {
    process: child,
    url,
    output: () => output,
    stop: async (signal) => {
      child.kill(signal)
      const [code, by] = await exited
      return code ?? by!
    }
  }
}

export interface Answer<T = any> {
  status: number
  headers: Headers
  body: T
}

/** A JSON request. */
export async function call<T = any> (url: string, options: { method?: string, body?: unknown, headers?: Record<string, string>, signal?: AbortSignal } = {}): Promise<Answer<T>> {
  const { body, headers, signal } = options
  const response = await fetch(url, {
    method: options.method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(signal !== undefined && { signal }),
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) })
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: (text === '' ? undefined : parse(text)) as T }
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export function post (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return call(`${url}/events`, { body, headers })
}

/** A new guest's token, as a header. */
export async function guest (url: string): Promise<{ authorization: string, id: string, name: string }> {
  const { body } = await call(`${url}/users/me`)
  return { authorization: `Bearer ${body.token}`, id: body.user.id, name: body.user.name }
}

export interface Received {
  /** The SSE event name; `message` where none was sent. */
  event: string
  id: string | undefined
  data: any
}

/** A reader of a stream over a socket of its own, which shows what came byte by byte and can stop reading. */
export class Reader {
  readonly received: Received[] = []
  /** Log entries received, in order. */
  readonly events: ChatEvent[] = []
  /** Everything, as it came. */
  text = ''
  retry: number | undefined
  response!: IncomingMessage
  ended = false
  /** Whether it keeps the text; not for long streams. */
  readonly #keepText: boolean
  readonly #request: ClientRequest
  readonly #waiting = new Set<() => void>()

  private constructor (clientRequest: ClientRequest, keepText: boolean) {
    this.#request = clientRequest
    this.#keepText = keepText
  }

  static async open (url: string, options: { headers?: Record<string, string>, keepText?: boolean } = {}): Promise<Reader> {
    const clientRequest = request(url, { headers: { accept: 'text/event-stream', ...options.headers }, agent: false })
    const reader = new Reader(clientRequest, options.keepText ?? true)
    clientRequest.end()
    const [response] = await once(clientRequest, 'response') as [IncomingMessage]
    reader.#read(response)
    return reader
  }

  #read (response: IncomingMessage): void {
    this.response = response
    const ndjson = (response.headers['content-type'] ?? '').startsWith('application/x-ndjson')
    let rest = ''
    const parser = createParser({
      onEvent: ({ event = 'message', id, data }: EventSourceMessage) => this.#take({ event, id, data: parse(data) }),
      onRetry: (retry) => { this.retry = retry }
    })
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      if (this.#keepText) this.text += chunk
      if (ndjson) {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop()!
        for (const line of lines) {
          const data = JSON.parse(line)
          this.#take({ event: data.type, id: data.id, data })
        }
      } else parser.feed(chunk)
      this.#wake()
    })
    response.on('error', () => {})
    this.#request.on('error', () => {})
    response.on('close', () => {
      this.ended = true
      this.#wake()
    })
  }

  #take (received: Received): void {
    this.received.push(received)
    if (typeof received.data === 'object' && received.data?.prev !== undefined) this.events.push(received.data)
  }

  #wake (): void {
    for (const look of this.#waiting) look()
  }

  get messages (): string[] {
    return this.events.filter(({ type }) => type === 'message').map(({ message }) => message!)
  }

  notices (type: string): any[] {
    return this.received.filter(({ event }) => event === type).map(({ data }) => data)
  }

  /** The last `id:` received: what a client comes back with. */
  get cursor (): string | undefined {
    return this.received.findLast(({ id }) => id !== undefined)?.id
  }

  /** Waits until the condition holds; fails after `ms` with what it has seen. */
  async until (condition: (reader: Reader) => boolean, ms = 20_000): Promise<this> {
    if (condition(this)) return this
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!condition(this)) {
          if (this.ended) fail('the stream ended')
          return
        }
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      const fail = (why: string): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
        reject(new Error(`${why} while waiting for ${condition}; received ${this.received.length}: ${JSON.stringify(this.received.slice(-3))}`))
      }
      const timer = setTimeout(() => fail(`nothing for ${ms} ms`), ms)
      this.#waiting.add(look)
    })
    return this
  }

  /** Until the stream has ended. */
  async end (ms?: number): Promise<this> {
    return this.until(({ ended }) => ended, ms)
  }

  pause (): void {
    this.response.pause()
  }

  resume (): void {
    this.response.resume()
  }

  /** Cuts the connection. */
  close (): void {
    this.#request.destroy()
  }
}

/** Waits for a condition that no event tells of. */
export async function eventually (condition: () => boolean | Promise<boolean>, what: string, ms = 20_000): Promise<void> {
  const end = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`still not: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** What is wrong with a room's events as a reader got them: a gap, a doubled one, another order. */
export function chainFlaw (events: ChatEvent[], from?: string): string | undefined {
  let last = from
  for (const { id, prev } of events) {
    if (last !== undefined && prev !== last) return `${id} says it comes after ${prev}, but came after ${last}`
    last = id
  }
  return undefined
}
