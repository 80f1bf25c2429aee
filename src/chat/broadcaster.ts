import { setTimeout as delay } from 'node:timers/promises'
import type { Engine, TailItem } from '../engines/engine.js'
import type { Activity } from './activity.js'
import { Chunk } from './chunk.js'
import type { Encoding, Notice } from './frame.js'
import type { EventId } from './id.js'
import { KEPT, LiveRoom, type RingBudget } from './live-room.js'
import type { StateUpdate } from './room-state.js'
import { SlicedWork } from './sliced-work.js'
import type { ByeReason, Subscriber } from './subscriber.js'

/** ms at most that a post waits for the readers of its room. */
const MAX_HOLD_MS = 2_000
/** After a flush, a room's readers are left alone for so many times as long as it took: flushes have a quarter of the time under load. */
const REST = 3
/** ms at most that what arrives under load waits for what arrives next, to share a write with it. */
const MAX_WAIT_MS = 25
/** ms between two looks at who is to be sent off next. */
const DISMISSAL_MS = 10

export interface BroadcasterOptions {
  engine: Engine
  activity: Activity
  /** Bytes of one room's ring at most. */
  roomRingBytes: number
  /** Bytes of all rings at most. */
  ringBytes: number
  /** ms of silence after which a stream gets a heartbeat. */
  heartbeatMs: number
}

/**
 * Carries log entries to the subscribers of this node. It hears only from `log.tail`, on every engine, so that every
 * subscriber of a room sees the one order, whoever posted where.
 */
export class Broadcaster {
  /** Rooms that somebody reads, the coldest first. */
  readonly #rooms = new Map<string, LiveRoom>()
  readonly #opening = new Map<string, Promise<LiveRoom>>()
  readonly #subscribers = new Set<Subscriber>()
  readonly #work = new SlicedWork()
  readonly #engine: Engine
  readonly #activity: Activity
  readonly #budget: RingBudget
  readonly #heartbeatMs: number
  readonly #heartbeat: NodeJS.Timeout
  /** Somebody here is about to read a room: it is ready when this is done. */
  onOpen: (room: string) => Promise<void> = async () => {}
  /** Nobody here reads it any more. */
  onClose: (room: string) => void = () => {}
  /** Entries of a room that somebody here reads have come. What is announced of it at once goes with them. */
  onArrive: (room: string, items: readonly TailItem[]) => void = () => {}
  #dismissal: { reason: ByeReason, retry: () => number } | undefined

  constructor ({ engine, activity, roomRingBytes, ringBytes, heartbeatMs }: BroadcasterOptions) {
    this.#engine = engine
    this.#activity = activity
    this.#budget = { used: 0, room: roomRingBytes, node: ringBytes }
    this.#heartbeatMs = heartbeatMs
    this.#heartbeat = setInterval(() => this.#work.add(this.#beat()), Math.min(1_000, heartbeatMs)).unref()
  }

  /** Open streams. */
  get streams (): number {
    return this.#subscribers.size
  }

  /** Rooms in memory, and the bytes of their rings. */
  get memory (): { rooms: number, ringBytes: number } {
    return { rooms: this.#rooms.size, ringBytes: this.#budget.used }
  }

  /** Streams that read the log to catch up. */
  get catchingUp (): number {
    let count = 0
    for (const subscriber of this.#subscribers) if (subscriber.catchingUp) count++
    return count
  }

  /** Events that the slowest live stream has not been given yet. */
  get slowestLag (): number {
    let most = 0
    for (const subscriber of this.#subscribers) most = Math.max(most, subscriber.lag)
    return most
  }

  /**
   * Holds rooms open: from now on their rings miss nothing. To be given back with `release`.
   * @throws {EngineUnavailable} by rejection; then none is held
   */
  async hold (names: readonly string[]): Promise<LiveRoom[]> {
    const held: LiveRoom[] = []
    try {
      for (const name of names) {
        const room = this.#rooms.get(name) ?? await (this.#opening.get(name) ?? this.#open(name))
        room.holders++
        held.push(room)
      }
    } catch (error) {
      this.release(held)
      throw error
    }
    return held
  }

  release (rooms: readonly LiveRoom[]): void {
    for (const room of rooms) {
      if (--room.holders > 0) continue
      room.close()
      this.#rooms.delete(room.name)
      this.onClose(room.name)
    }
  }

  /** The newest id of a room that this node knows, undefined where nobody here reads it. */
  head (name: string): EventId | undefined {
    return this.#rooms.get(name)?.ring.head
  }

  /** Lets whoever posts to a room wait while its readers are far behind: see {@link LiveRoom.keepPace}. */
  async keepPace (name: string): Promise<void> {
    await this.#rooms.get(name)?.keepPace(MAX_HOLD_MS)
  }

  /** From now on the subscriber is told what arrives, as far as it is live. Its rooms are held. */
  add (subscriber: Subscriber): void {
    this.#subscribers.add(subscriber)
    for (const room of subscriber.rooms) room.subscribers.add(subscriber)
    if (this.#dismissal !== undefined) subscriber.bye(this.#dismissal.reason, this.#dismissal.retry())
  }

  /** Its stream is gone: its rooms are released. May be called more than once. */
  remove (subscriber: Subscriber): void {
    if (!this.#subscribers.delete(subscriber)) return
    for (const room of subscriber.rooms) room.subscribers.delete(subscriber)
    this.release(subscriber.rooms)
  }

  /** Whether somebody here reads a room. */
  reads (name: string): boolean {
    return this.#rooms.has(name)
  }

  /** Tells a room's readers who is in it, or who types there, together with the next events. */
  announce (name: string, what: 'presence' | 'typing', update: StateUpdate): void {
    const room = this.#rooms.get(name)
    if (room === undefined) return
    room[what].set(update)
    this.#flushSoon(room)
  }

  /**
   * Sends everybody off, one after the other, and whoever is just coming at once. Those who wait for their turn are served meanwhile.
   * @param retry ms after which each should come back, asked once for each
   * @param over ms from the first to the last
   */
  async dismiss (reason: ByeReason, retry: () => number, over = 0): Promise<void> {
    this.#dismissal = { reason, retry }
    const leaving = [...this.#subscribers]
    const began = performance.now()
    for (let sent = 0; ;) {
      const passed = performance.now() - began
      const due = passed < over ? Math.ceil(leaving.length * passed / over) : leaving.length
      while (sent < due) leaving[sent++]!.bye(reason, retry())
      if (sent === leaving.length || this.streams === 0) return
      await delay(DISMISSAL_MS)
    }
  }

  close (): void {
    clearInterval(this.#heartbeat)
    this.#work.close()
    for (const room of this.#rooms.values()) room.close()
    this.#rooms.clear()
  }

  #open (name: string): Promise<LiveRoom> {
    // What comes before the tail's head is known waits here.
    const early: Array<(room: LiveRoom) => void> = []
    let room: LiveRoom | undefined
    const heard = (take: (room: LiveRoom) => void): void => {
      if (room === undefined) early.push(take)
      else take(room)
    }
    const ready = this.onOpen(name)
    const opening = this.#engine.tail(name, {
      hear: (items) => heard((room) => this.#arrive(room, items)),
      broken: (after) => heard((room) => {
        room.restart(after)
        this.#flushSoon(room)
      })
    }).then(async (tail) => {
      await ready
      room = new LiveRoom(name, tail, this.#budget)
      this.#rooms.set(name, room)
      for (const take of early) take(room)
      return room
    }).catch((error) => {
      this.onClose(name)
      throw error
    }).finally(() => this.#opening.delete(name))
    this.#opening.set(name, opening)
    return opening
  }

  #arrive (room: LiveRoom, items: TailItem[]): void {
    room.hear(items)
    this.#rooms.delete(room.name)
    this.#rooms.set(room.name, room)
    if (this.#budget.used > this.#budget.node) this.#shrinkColdest()
    this.onArrive(room.name, items)
    this.#flushSoon(room)
  }

  /** Readers of rooms that have gone cold use the log. */
  #shrinkColdest (): void {
    for (const room of this.#rooms.values()) {
      const excess = this.#budget.used - this.#budget.node * KEPT
      if (excess <= 0) return
      room.shrink(Math.max(0, room.ring.bytes - excess))
    }
  }

  /**
   * At once when idle; under load after about three times as long as the last flush took, so that what arrives meanwhile shares a
   * write.
   */
  #flushSoon (room: LiveRoom): void {
    const { flush } = room
    if (flush.waiting) return
    flush.waiting = true
    if (!flush.running) this.#schedule(room)
  }

  #schedule (room: LiveRoom): void {
    const { flush } = room
    const wait = flush.notBefore - performance.now()
    const start = (): void => {
      flush.running = true
      this.#work.add(this.#flush(room))
    }
    if (wait > 0) flush.timer = setTimeout(start, wait).unref()
    else start()
  }

  * #flush (room: LiveRoom): Generator<void, void, void> {
    const { flush } = room
    const began = performance.now()
    flush.waiting = false
    const events = room.beginFlush()
    for (const subscriber of room.subscribers) {
      subscriber.flush()
      yield
    }
    room.forgetChunks()
    const ended = performance.now()
    this.#activity.onFlush(events, ended - began)
    flush.notBefore = ended + Math.min(REST * (ended - began), MAX_WAIT_MS)
    flush.running = false
    if (flush.waiting) this.#schedule(room)
  }

  * #beat (): Generator<void, void, void> {
    for (const room of this.#rooms.values()) room.forgetChunks()
    const notice: Notice = { type: 'heartbeat', at: new Date().toISOString() }
    const encoded = new Map<Encoding, Chunk | undefined>()
    for (const subscriber of this.#subscribers) {
      if (performance.now() - subscriber.lastWrite >= this.#heartbeatMs) {
        const { encoding } = subscriber
        if (!encoded.has(encoding)) encoded.set(encoding, Chunk.of(encoding.notice(notice)))
        subscriber.notify(encoded.get(encoding))
      }
      yield
    }
  }
}
