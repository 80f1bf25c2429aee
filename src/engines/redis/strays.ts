import type { Content } from '../../chat/event.js'
import type { EventId } from '../../chat/id.js'
import type { EventPlace, Stray, Strays } from '../engine.js'
import type { RedisLink } from './link.js'
import { keysOf } from './room.js'

/** Fields of a hash that are looked at in one go, more or less. */
const SCANNED = 500

export interface RedisStraysOptions {
  link: RedisLink
  prefix: string
  /** All rooms of users that ever held an event, some at once. */
  names: () => AsyncIterable<string[]>
}

/** Whoever else writes to the server can take a room's order away, and leave its contents. */
export class RedisStrays implements Strays {
  readonly #options: RedisStraysOptions

  constructor (options: RedisStraysOptions) {
    this.#options = options
  }

  async rooms (): Promise<string[]> {
    const found: string[] = []
    for await (const names of this.#options.names()) {
      const spoilt = await Promise.all(names.map((room) => this.#isSpoilt(room)))
      found.push(...names.filter((_, i) => spoilt[i]))
    }
    return found
  }

  async * of (userId: string): AsyncGenerator<Stray, void, void> {
    for await (const names of this.#options.names()) for (const room of names) yield * this.#ofRoom(room, userId)
  }

  async drop (place: EventPlace): Promise<void> {
    await this.#stray(place, true)
  }

  async * #ofRoom (room: string, userId: string): AsyncGenerator<Stray, void, void> {
    const { link, prefix } = this.#options
    const { events } = keysOf(prefix, room)
    if (await link.ask((client) => client.type(events)) !== 'hash') return
    const quoted = JSON.stringify(userId)
    let cursor = '0'
    do {
      const [next, fields] = await link.ask((client) => client.hscan(events, cursor, 'COUNT', SCANNED))
      for (let i = 0; i < fields.length; i += 2) {
        const place = { room, id: fields[i] as EventId }
        if (!fields[i + 1]!.includes(quoted)) continue
        const content = contentOf(fields[i + 1]!)
        if (content?.user?.id === userId && await this.#stray(place, false)) yield { ...place, content }
      }
      cursor = next
    } while (cursor !== '0')
  }

  async #isSpoilt (room: string): Promise<boolean> {
    const { stream, events } = keysOf(this.#options.prefix, room)
    const types = await Promise.all([stream, events].map((key) => this.#options.link.ask((client) => client.type(key))))
    return !['stream', 'none'].includes(types[0]!) || !['hash', 'none'].includes(types[1]!)
  }

  /** @returns whether no log leads there; it is removed where so wished */
  async #stray ({ room, id }: EventPlace, remove: boolean): Promise<boolean> {
    const { stream, events } = keysOf(this.#options.prefix, room)
    return await this.#options.link.call((client) => client.hubbubStray(stream, events, id, remove ? 1 : 0)) === 1
  }
}

/** A stranger may have put anything there. */
function contentOf (json: string): Content | undefined {
  try {
    return JSON.parse(json) as Content
  } catch {
    return undefined
  }
}
