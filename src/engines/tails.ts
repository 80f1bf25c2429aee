import { compareIds, type EventId } from '../chat/id.js'
import type { Tail, TailItem, TailListener } from './engine.js'

type Listener = TailListener['hear']

/** Who listens to which room's tail, and what they have still to be told. */
export class Tails {
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #heard = new Map<string, TailItem[]>()

  /** Begins after `head`: what can be read already may still be on its way to the tails, and is not told to this one. */
  listen (room: string, head: EventId, listener: TailListener): Tail {
    let begun = false
    const hear: Listener = (items) => {
      const later = begun ? items : items.filter(({ entry }) => compareIds(entry.id, head) > 0)
      if (later.length === 0) return
      begun = true
      listener.hear(later)
    }
    const listeners = this.#listeners.get(room) ?? new Set()
    this.#listeners.set(room, listeners.add(hear))
    return {
      head,
      close: () => {
        listeners.delete(hear)
        if (listeners.size === 0 && this.#listeners.get(room) === listeners) this.#listeners.delete(room)
      }
    }
  }

  /** Keeps an item for the next `tell`, where somebody listens to its room. */
  hear (room: string, item: TailItem): void {
    if (!this.#listeners.has(room)) return
    const items = this.#heard.get(room)
    if (items === undefined) this.#heard.set(room, [item])
    else items.push(item)
  }

  /** Tells what was heard, when it is durable. */
  tell (): void {
    for (const [room, items] of this.#heard) {
      for (const listener of this.#listeners.get(room) ?? []) listener(items)
    }
    this.#heard.clear()
  }
}
