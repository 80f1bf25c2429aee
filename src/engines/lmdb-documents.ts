import type { Database, RootDatabase } from 'lmdb'
import type { Documents } from './engine.js'
import type { Batch, WriteQueue } from './write-queue.js'

/** Expired documents that one transaction removes at most. */
const EXPIRED_AT_ONCE = 1_000

interface Stored<T = unknown> {
  value: T
  /** Unix time in ms. */
  expires?: number
}

export interface LmdbDocumentsOptions {
  root: RootDatabase<string, string>
  queue: WriteQueue
  /** Unix time in ms. */
  now: () => number
  /** Runs a read, and rejects as the engine does where it fails. */
  reading: <T>(read: () => T) => T
}

/** Documents in two tables: by kind and id, and by the time at which they expire. */
export class LmdbDocuments implements Documents {
  readonly #byId: Database<string, [kind: string, id: string]>
  readonly #byExpiry: Database<string, [expires: number, kind: string, id: string]>
  readonly #queue: WriteQueue
  readonly #now: () => number
  readonly #reading: LmdbDocumentsOptions['reading']

  constructor ({ root, queue, now, reading }: LmdbDocumentsOptions) {
    this.#byId = root.openDB({ name: 'documents', encoding: 'string' })
    this.#byExpiry = root.openDB({ name: 'expiries', encoding: 'string' })
    this.#queue = queue
    this.#now = now
    this.#reading = reading
  }

  async get<T> (kind: string, id: string): Promise<T | undefined> {
    return this.#reading(() => this.#valueOf<T>(this.#byId.get([kind, id])))
  }

  put<T> (kind: string, id: string, value: T, { ttl, ifAbsent = false }: { ttl?: number, ifAbsent?: boolean } = {}): Promise<T> {
    return this.#queue.write((batch) => {
      const present = ifAbsent ? this.find<T>(batch, kind, id) : undefined
      if (present === undefined) this.stage(batch, kind, id, value, ttl)
      return () => present ?? value
    })
  }

  replace<T> (kind: string, id: string, value: T, { ttl }: { ttl?: number } = {}): Promise<boolean> {
    return this.#queue.write((batch) => {
      const present = this.find(batch, kind, id) !== undefined
      if (present) this.stage(batch, kind, id, value, ttl)
      return () => present
    })
  }

  delete (kind: string, id: string): Promise<void> {
    return this.#queue.write((batch) => {
      batch.remove(this.#byId, [kind, id])
      return () => {}
    })
  }

  async list<T> (kind: string, { after, limit }: { after?: string, limit: number }): Promise<Array<{ id: string, value: T }>> {
    return this.#reading(() => {
      const found: Array<{ id: string, value: T }> = []
      for (const { key, value: json } of this.#byId.getRange({ start: [kind, after ?? ''], exclusiveStart: after !== undefined })) {
        if (key[0] !== kind || found.length === limit) break
        const value = this.#valueOf<T>(json)
        if (value !== undefined) found.push({ id: key[1], value })
      }
      return found
    })
  }

  /** As a transaction sees it. */
  find<T> (batch: Batch, kind: string, id: string): T | undefined {
    return this.#valueOf<T>(batch.get(this.#byId, [kind, id]))
  }

  /** Adds a document to a transaction. @param ttl ms */
  stage (batch: Batch, kind: string, id: string, value: unknown, ttl?: number): void {
    const expires = ttl === undefined ? undefined : this.#now() + ttl
    batch.put(this.#byId, [kind, id], JSON.stringify({ value, expires }))
    if (expires !== undefined) batch.put(this.#byExpiry, [expires, kind, id], '')
  }

  /** Removes what has expired, a bounded number in each transaction. */
  async expire (): Promise<void> {
    const now = this.#now()
    for (let full = true; full;) {
      const due = [...this.#byExpiry.getKeys({ end: [now, '', ''], limit: EXPIRED_AT_ONCE })]
      full = due.length === EXPIRED_AT_ONCE
      if (due.length === 0) return
      await this.#queue.write((batch) => {
        for (const key of due) {
          const [, kind, id] = key
          batch.remove(this.#byExpiry, key)
          // It may have been stored anew since, for longer.
          const json = batch.get(this.#byId, [kind, id])
          if (json !== undefined && this.#valueOf(json) === undefined) batch.remove(this.#byId, [kind, id])
        }
        return () => {}
      })
    }
  }

  #valueOf<T> (json: string | undefined): T | undefined {
    if (json === undefined) return undefined
    const { value, expires } = JSON.parse(json) as Stored<T>
    return expires !== undefined && expires <= this.#now() ? undefined : value
  }
}
