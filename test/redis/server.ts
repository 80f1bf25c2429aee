import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { eventually, temporaryDirectory } from '../harness.js'
import { command } from './command.js'
import { freePort } from './free-port.js'
import type { WallClock } from './wall-clock.js'

/** The program; `REDIS_SERVER=/path/to/valkey-server` runs the same tests on Valkey. */
const PROGRAM = process.env['REDIS_SERVER'] ?? 'redis-server'

/** For `missing`: which it is, undefined where there is none. */
export const REDIS = spawnSync(PROGRAM, ['--version']).stdout?.toString().trim() || undefined
export const REDIS_REMEDY = 'the tests of many nodes need redis-server; install it (Debian: redis-server), or name one in REDIS_SERVER'

/** The same for what Redis with TLS needs: a certificate. */
export const OPENSSL = spawnSync('openssl', ['version']).status === 0 ? 'openssl' : undefined
export const OPENSSL_REMEDY = 'a Redis that speaks TLS needs a certificate; install openssl'

export interface RedisOptions {
  /** Settings as in redis.conf, beside and over {@link SETTINGS}. */
  settings?: Record<string, string>
  password?: string
  /** Speak TLS only, with a certificate of its own (`certificate`). */
  tls?: boolean
  replicaOf?: RedisServer
  clock?: WallClock
  /** Instead of a server of data. */
  sentinel?: boolean
}

const SETTINGS = { bind: '127.0.0.1', save: '', appendonly: 'yes', appendfsync: 'always', 'repl-diskless-sync-delay': '0' }

/** A `redis-server` with data, port and process of its own. Ends with the test. */
export class RedisServer {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly url: string
  /** Path of the certificate that it can be trusted by; with TLS only. */
  readonly certificate: string | undefined
  readonly password: string | undefined
  readonly #arguments: string[]
  readonly #environment: NodeJS.ProcessEnv
  #process!: ChildProcess
  #exited!: Promise<unknown>
  #output = ''

  private constructor (t: Test, port: number, options: RedisOptions) {
    const { settings, password, tls = false, replicaOf, clock, sentinel = false } = options
    const directory = temporaryDirectory(t)
    this.port = port
    this.password = password
    this.certificate = tls ? makeCertificate(directory) : undefined
    this.url = `${tls ? 'rediss' : 'redis'}://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}${this.host}:${port}`
    const all: Record<string, string> = {
      ...(sentinel ? { bind: SETTINGS.bind } : SETTINGS),
      dir: directory,
      ...(tls
        ? { port: '0', 'tls-port': String(port), 'tls-cert-file': this.certificate!, 'tls-key-file': join(directory, 'key.pem'), 'tls-auth-clients': 'no' }
        : { port: String(port) }),
      ...(password !== undefined && { requirepass: password, masterauth: password }),
      ...(replicaOf !== undefined && { replicaof: `${replicaOf.host} ${replicaOf.port}` }),
      ...(replicaOf?.password !== undefined && { masterauth: replicaOf.password }),
      ...settings
    }
    const given = Object.entries(all).map(([name, value]) => `${name} ${value === '' ? '""' : value}\n`).join('')
    // In a file, since a sentinel writes what it learns into its own.
    const file = join(directory, 'redis.conf')
    writeFileSync(file, given)
    this.#arguments = [file, ...(sentinel ? ['--sentinel'] : [])]
    this.#environment = { ...process.env, ...clock?.environment }
    t.teardown(() => this.kill())
  }

  static async start (t: Test, options: RedisOptions = {}): Promise<RedisServer> {
    const server = new RedisServer(t, await freePort(), options)
    await server.#start()
    if (options.replicaOf !== undefined) await server.#synchronised()
    return server
  }

  get pid (): number {
    return this.#process.pid!
  }

  get running (): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** Ends the process; a frozen one too. */
  async kill (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.running) this.#process.kill(signal)
    await this.#exited
  }

  /** Starts it again, on the same port and data, where need be after killing it. */
  async restart (signal?: NodeJS.Signals): Promise<void> {
    await this.kill(signal)
    await this.#start()
  }

  /** Stops the process without a word: connections stay open, nothing is answered, and what is sent waits in the kernel. */
  freeze (): void {
    this.#process.kill('SIGSTOP')
  }

  thaw (): void {
    this.#process.kill('SIGCONT')
  }

  command<T = any> (name: string, ...args: Array<string | number>): Promise<T> {
    return command<T>(this, name, ...args)
  }

  /** A value of `INFO`. */
  async info (name: string): Promise<string | undefined> {
    return new RegExp(`^${name}:(.*)$`, 'm').exec((await this.command<string>('INFO', 'everything')).replaceAll('\r', ''))?.[1]
  }

  /** Makes a replica a primary. */
  async promote (): Promise<void> {
    await this.command('REPLICAOF', 'NO', 'ONE')
  }

  async #start (): Promise<void> {
    const child = spawn(PROGRAM, this.#arguments, { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process = child
    this.#exited = once(child, 'exit')
    const read = (chunk: Buffer): void => { this.#output = (this.#output + chunk.toString()).slice(-4_000) }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    await eventually(async () => {
      if (!this.running) throw new Error(`${PROGRAM} ended: ${this.#output}`)
      // Until then connections are refused, or it is loading.
      return await this.command('PING').catch(() => undefined) === 'PONG'
    }, `${PROGRAM} answers`)
  }

  async #synchronised (): Promise<void> {
    await eventually(async () => await this.info('master_link_status') === 'up', 'the replica has what its primary has')
  }
}

/** @returns the path of a certificate for the loopback address, which is its own authority; its key is beside it, in `key.pem` */
export function makeCertificate (directory: string): string {
  const certificate = join(directory, 'certificate.pem')
  const made = spawnSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=redis of a test',
    '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', join(directory, 'key.pem'), '-out', certificate
  ])
  if (made.status !== 0) throw new Error(`no certificate: ${made.stderr?.toString() ?? made.error}`)
  return certificate
}
