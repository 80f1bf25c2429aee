import type { Socket } from 'node:net'
import { Lru } from 'toad-cache'

/** ms for which it is remembered that an address has sent too much at once, and of how many addresses. */
const REMEMBERED_MS = 10_000
const REMEMBERED = 10_000
/** ms between two connections from such addresses: whoever is closed for it comes back at once, and to read 64 kB of requests takes 12 ms. */
const TURN_MS = 50

/** Addresses that have sent too much at once: of their new connections nothing is read before it is their turn, one after the other. */
export class Flooders {
  readonly #known = new Lru<true>(REMEMBERED, REMEMBERED_MS)
  readonly #held: Socket[] = []
  #turn: NodeJS.Timeout | undefined

  /** @param address as a key */
  remember (address: string): void {
    this.#known.set(address, true)
  }

  /** A connection from an address has just been opened. */
  hold (address: string, socket: Socket): void {
    if (this.#known.get(address) !== true) return
    // Node has it read on in this turn's next ticks: only then can it be stopped.
    process.nextTick(() => socket.pause())
    this.#held.push(socket)
    this.#turn ??= setTimeout(this.#next, TURN_MS).unref()
  }

  /** Reads on where it has been held for longest. */
  readonly #next = (): void => {
    let socket: Socket | undefined
    do socket = this.#held.shift()
    while (socket?.destroyed === true)
    this.#turn = socket && setTimeout(this.#next, TURN_MS).unref()
    socket?.resume()
  }
}
