import type { Test } from 'tap'
import { startServer, type Environment, type RunningServer } from '../harness.js'
import { freePort } from '../redis/free-port.js'

/** One node: the server as shipped, in a process of its own, always on the same port. */
export class Node {
  readonly url: string
  readonly #t: Test
  readonly #environment: Environment
  #server!: RunningServer

  private constructor (t: Test, port: number, environment: Environment) {
    this.#t = t
    this.#environment = { ...environment, PORT: String(port) }
    this.url = `http://127.0.0.1:${port}`
  }

  static async start (t: Test, environment: Environment): Promise<Node> {
    const node = new Node(t, await freePort(), environment)
    await node.start()
    return node
  }

  get pid (): number {
    return this.#server.process.pid!
  }

  get running (): boolean {
    return this.#server.process.exitCode === null && this.#server.process.signalCode === null
  }

  /** What it has written on standard output and error, since it was last started. */
  output (): string {
    return this.#server.output()
  }

  async start (): Promise<void> {
    this.#server = await startServer(this.#t, this.#environment)
  }

  stop (signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    return this.#server.stop(signal)
  }
}
