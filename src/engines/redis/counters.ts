import type { SharedCounters } from '../engine.js'
import type { RedisLink } from './link.js'

type Callback = (error: Error | null, result?: unknown) => void

/**
 * What `@fastify/rate-limit`'s Redis store takes for an ioredis client: its one command goes the way of all commands, over the
 * same connection. While the store is away it fails at once.
 */
export class RedisCounters implements SharedCounters {
  readonly #link: RedisLink
  readonly #prefix: string

  constructor (link: RedisLink, prefix: string) {
    this.#link = link
    this.#prefix = prefix
  }

  /** Defines a command of which the first argument is its one key; from then on it is a method here. */
  defineCommand (name: string, definition: { numberOfKeys: number, lua: string }): void {
    this.#link.define(name, definition)
    const command = (key: string, ...args: [...Array<string | number | boolean>, Callback]): void => {
      const callback = args.pop() as Callback
      const { trouble } = this.#link
      if (trouble !== undefined) return callback(new Error(trouble))
      // No key of a room's begins so, and the servers of a cluster share them. The library puts a route before a key that has none.
      const given = [`${this.#prefix}:~limits:${key.replace(/^undefinedundefined-/, '')}`, ...args.map(String)]
      this.#link.call((client) => (client as unknown as Record<string, (...args: string[]) => Promise<unknown>>)[name]!(...given))
        .then((result) => callback(null, result), callback)
    }
    Object.assign(this, { [name]: command })
  }
}
