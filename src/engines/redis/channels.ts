import { setTimeout as delay } from 'node:timers/promises'
import { ReplyError, type Cluster, type Redis } from 'ioredis'
import { EngineUnavailable } from '../engine.js'
import { ANSWER_MS, isUnsent } from './connection.js'

/** ms until it is tried again to subscribe: while the connection is coming back, and where it is refused. */
const AGAIN_MS = 20
const REFUSED_AGAIN_MS = 1_000

/** Who hears a channel. */
export interface ChannelListener {
  message (text: string): void
  /** The subscription broke and is renewed: some messages may be missing. */
  renewed (): void
}

export interface ChannelsOptions {
  connection: Redis | Cluster
  /** Waits until the store can be used. @throws {EngineUnavailable} by rejection, where that is not so by a `performance.now()` */
  usable: (until: number) => Promise<void>
  /** What a refusal means to whoever asked; the operator is told of it. */
  refused: (error: Error) => Error
}

/** What this node hears of what is published. Where the connection breaks, every subscription is renewed. */
export class Channels {
  readonly #options: ChannelsOptions
  readonly #connection: Redis | Cluster
  readonly #listeners = new Map<string, Set<ChannelListener>>()

  constructor (options: ChannelsOptions) {
    this.#options = options
    this.#connection = options.connection
    this.#connection.on('message', (channel: string, text: string) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener.message(text)
    })
    this.#connection.on('ready', () => void this.#renew())
  }

  /**
   * Hears what is published in a channel from now on. @returns how to hear it no longer
   * @throws {EngineUnavailable} by rejection
   */
  async hear (channel: string, listener: ChannelListener): Promise<() => void> {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    const stop = (): void => {
      listeners.delete(listener)
      if (listeners.size > 0 || this.#listeners.get(channel) !== listeners) return
      this.#listeners.delete(channel)
      this.#connection.unsubscribe(channel).catch(() => {}) // Then the connection is gone, and with it the subscription.
    }
    try {
      await this.#subscribe(channel, performance.now() + ANSWER_MS)
    } catch (cause) {
      stop()
      throw cause instanceof ReplyError ? this.#options.refused(cause as Error) : new EngineUnavailable('the store cannot be heard', { cause })
    }
    return stop
  }

  async #subscribe (channel: string, until: number): Promise<void> {
    for (;;) {
      await this.#options.usable(until)
      try {
        return await inTime(this.#connection.subscribe(channel), until)
      } catch (error) {
        // It comes back by itself, a moment later than the one for commands.
        if (!isUnsent(error as Error) || performance.now() >= until) throw error
        await delay(AGAIN_MS)
      }
    }
  }

  async #renew (): Promise<void> {
    const channels = [...this.#listeners.keys()]
    if (channels.length === 0) return
    try {
      await this.#connection.subscribe(...channels)
    } catch (error) {
      if (!(error instanceof ReplyError)) return // The connection is gone again.
      // It stays, and hears nothing: a script of somebody else's may keep the server busy.
      this.#options.refused(error as Error)
      setTimeout(() => { if (this.#connection.status === 'ready') void this.#renew() }, REFUSED_AGAIN_MS).unref()
      return
    }
    for (const channel of channels) for (const listener of this.#listeners.get(channel) ?? []) listener.renewed()
  }
}

/** @param until `performance.now()` */
async function inTime (answer: Promise<unknown>, until: number): Promise<void> {
  let timer
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), Math.max(until - performance.now(), 0))
  })
  try {
    await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
