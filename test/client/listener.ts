import type { Test } from 'tap'
import { connect, type ChatEvent, type Client, type ClientEvents, type ClientState, type ConnectOptions, type Continuity, type Pending, type Reset, type Why } from '../../static/client.js'

/** Somebody with a client, who keeps all that it tells. */
export class Listener {
  readonly client: Client
  /** In the order in which they were told. */
  readonly told: Array<{ event: ChatEvent, why: Why }> = []
  readonly states: ClientState[] = []
  readonly resets: Reset[] = []
  readonly continuities: Continuity[] = []
  /** Names of what was told, in order. */
  readonly order: string[] = []
  readonly #waiting = new Set<() => void>()

  constructor (t: Test, options: ConnectOptions) {
    this.client = connect(options)
    t.teardown(() => this.client.close())
    this.#on('event', (told) => this.told.push(told))
    this.#on('state', (state) => this.states.push(state))
    this.#on('reset', (reset) => this.resets.push(reset))
    this.#on('continuity', (continuity) => this.continuities.push(continuity))
    for (const type of ['outbox', 'sent', 'presence', 'user', 'typing'] as const) this.#on(type, () => {})
  }

  #on<Type extends keyof ClientEvents> (type: Type, take: (detail: ClientEvents[Type]) => void): void {
    this.client.addEventListener(type, ({ detail }) => {
      this.order.push(type)
      take(detail)
      for (const look of this.#waiting) look()
    })
  }

  get events (): ChatEvent[] {
    return this.told.map(({ event }) => event)
  }

  /** The texts of one room, or of all. */
  messages (room?: string): string[] {
    return this.events.flatMap(({ room: of, type, message }) => type === 'message' && (room ?? of) === of ? [message!] : [])
  }

  get pending (): Pending[] {
    return this.client.pending
  }

  /** Waits until a condition holds; fails after `ms` with what was told. */
  async until (condition: (listener: this) => boolean, ms = 25_000): Promise<this> {
    if (condition(this)) return this
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (!condition(this)) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new Error(`still not after ${ms} ms: ${condition}; ${JSON.stringify(this.states.slice(-4))}, ${JSON.stringify(this.pending)}, last of ${this.told.length}: ${JSON.stringify(this.told.slice(-2))}`))
      }, ms)
      this.#waiting.add(look)
    })
    return this
  }

  live (): Promise<this> {
    return this.until(({ client }) => client.state.state === 'live')
  }

  /** Until it is told of a state from now on. @returns it */
  async next<Name extends ClientState['state']> (name: Name): Promise<Extract<ClientState, { state: Name }>> {
    const before = this.states.length
    const found = (): ClientState | undefined => this.states.slice(before).find(({ state }) => state === name)
    await this.until(() => found() !== undefined)
    return found() as Extract<ClientState, { state: Name }>
  }
}
