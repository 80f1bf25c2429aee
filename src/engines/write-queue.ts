import type { Database, RootDatabase } from 'lmdb'
import { EngineUnavailable } from './engine.js'

/** Writes that share one transaction at most. */
const BATCH = 1_000
/** Bytes of a key at most; LMDB takes 1978, encoded. */
const MAX_KEY = 1_800

type Key = string | Array<string | number>
// Tables differ in their keys only; which key goes with which table is checked where a table is used.
type Table<K extends Key> = Database<string, K>

/** Writes that become one transaction. It reads its own writes. */
export class Batch {
  readonly #staged = new Map<string, { table: Table<Key>, key: Key, value: string | undefined }>()

  get<K extends Key> (table: Table<K>, key: K): string | undefined {
    const staged = this.#staged.get(keyText(table, key))
    return staged === undefined ? table.get(key) : staged.value
  }

  put<K extends Key> (table: Table<K>, key: K, value: string): void {
    this.#staged.set(keyText(table, key), { table: table as unknown as Table<Key>, key, value })
  }

  remove<K extends Key> (table: Table<K>, key: K): void {
    this.#staged.set(keyText(table, key), { table: table as unknown as Table<Key>, key, value: undefined })
  }

  /** @returns when the transaction is on disk; rejects where it is not, and then nothing of it is stored */
  async commit (root: RootDatabase<string, string>): Promise<void> {
    if (this.#staged.size === 0) return
    const promises = new Set<Promise<unknown>>()
    promises.add(root.batch(() => {
      for (const { table, key, value } of this.#staged.values()) {
        promises.add(value === undefined ? table.remove(key) : table.put(key, value))
      }
    }))
    const outcomes = await Promise.allSettled(promises)
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed === undefined) return
    // The cause comes in a promise of its own.
    const cause = await Promise.resolve(failed.reason?.commitError ?? failed.reason).catch((error: unknown) => error)
    throw new EngineUnavailable('the store cannot be written', { cause })
  }
}

/** @throws {RangeError} for a key that LMDB would refuse in the middle of the transaction */
function keyText (table: unknown, key: Key): string {
  const text = `${(table as { name: string }).name}\0${typeof key === 'string' ? key : key.join('\0')}`
  if (text.length > MAX_KEY / 4 && Buffer.byteLength(text) > MAX_KEY) throw new RangeError('the key is too long')
  return text
}

/**
 * Stages a write, reading what the transaction has so far.
 * @returns what to do, and to answer, when it is on disk
 */
type Write<T> = (batch: Batch) => () => T

interface WriteHooks {
  /** Adds to a transaction when all its writes are staged. */
  beforeCommit (batch: Batch): void
  /** Once per transaction, after the writes in it were answered. */
  afterCommit (): void
  /** Once, if ever, when the store can only be opened anew. */
  onBroken (cause: unknown): void
}

interface Waiting {
  stage (batch: Batch): () => void
  reject (error: unknown): void
}

/**
 * Group commit: one transaction is under way at a time, and whatever is asked for meanwhile shares the next one's
 * flush. Staging only when the one before is on disk keeps every chain of `prev` true also after a failed one.
 */
export class WriteQueue {
  /** Whether the last transaction failed. */
  failing = false

  readonly #root: RootDatabase<string, string>
  readonly #hooks: WriteHooks
  #waiting: Waiting[] = []
  #broken = false
  #running: Promise<void> | undefined
  #closed = false

  constructor (root: RootDatabase<string, string>, hooks: WriteHooks) {
    this.#root = root
    this.#hooks = hooks
  }

  /** @throws {EngineUnavailable} by rejection, where the transaction failed */
  write<T> (write: Write<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new EngineUnavailable('the store is closed'))
    if (this.#broken) return Promise.reject(new EngineUnavailable('the store must be opened anew'))
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        stage: (batch) => {
          const answer = write(batch)
          return () => resolve(answer())
        },
        reject
      })
      this.#running ??= this.#run()
    })
  }

  async close (): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #run (): Promise<void> {
    // The posts that arrived in one turn of the event loop share the first flush too.
    await new Promise(setImmediate)
    while (this.#waiting.length > 0 && !this.#broken) await this.#transact(this.#waiting.splice(0, BATCH))
    for (const { reject } of this.#waiting.splice(0)) reject(new EngineUnavailable('the store must be opened anew'))
    this.#running = undefined
  }

  async #transact (writes: Waiting[]): Promise<void> {
    const batch = new Batch()
    const staged: Array<{ answer: () => void, reject: (error: unknown) => void }> = []
    for (const { stage, reject } of writes) {
      try {
        staged.push({ answer: stage(batch), reject })
      } catch (error) {
        reject(error)
      }
    }
    try {
      this.#hooks.beforeCommit(batch)
      await batch.commit(this.#root)
    } catch (error) {
      this.failing = true
      this.#checkBroken(error)
      const outcome = this.#broken ? new EngineUnavailable('the transaction\'s end was not written', { cause: error, outcomeUnknown: true }) : error
      for (const { reject } of staged) reject(outcome)
      return
    }
    this.failing = false
    for (const { answer } of staged) answer()
    this.#hooks.afterCommit()
  }

  /**
   * Where the last page of a transaction could not be written, LMDB takes nothing more (MDB_PANIC): it cannot know which
   * state the disk has. Then a write would never be answered, so none is begun.
   */
  #checkBroken (cause: unknown): void {
    try {
      this.#root.resetReadTxn() // A snapshot that is still held would know nothing of it.
      this.#root.get('format')
    } catch {
      this.#broken = true
      this.#hooks.onBroken(cause)
    }
  }
}
