import fp from 'fastify-plugin'
import type { User } from '../chat/event.js'
import { allDocuments, type Engine } from '../engines/engine.js'
import type { NodesLog, Word } from './nodes-log.js'

const CHANGED = 'changed'
/** ms until it is tried again to read them, where the store is away. */
const RETRY_MS = 1_000
/** ms between two looks at what has run out. */
const SWEEP_MS = 60_000

interface Held<T> {
  value: T
  /** Unix time in ms. */
  until?: number
}

/**
 * Documents of one kind that every node holds in memory, so that asking costs nothing: bans, rooms' settings, API tokens. A change
 * is stored first and then told to all nodes; a node that may have missed one reads them all again.
 */
export class SharedDocuments<T> {
  /** A document has changed; undefined where it is gone, or has run out within the last minute. `by`: who has done so, where that was heard. */
  onChange: (id: string, value: T | undefined, before: T | undefined, by?: User) => void = () => {}

  readonly #kind: string
  readonly #engine: Engine
  readonly #nodesLog: NodesLog
  #held = new Map<string, Held<T>>()
  /** Counts what has been heard while all are read. */
  #heard = 0

  constructor (kind: string, engine: Engine, nodesLog: NodesLog) {
    this.#kind = kind
    this.#engine = engine
    this.#nodesLog = nodesLog
  }

  get (id: string): T | undefined {
    const held = this.#held.get(id)
    return held?.until === undefined || held.until > Date.now() ? held?.value : undefined
  }

  /** The same as the store has it: another node may have changed it a moment ago. @throws {EngineUnavailable} by rejection */
  async stored (id: string): Promise<T | undefined> {
    const held = await this.#engine.documents.get<Held<T>>(this.#kind, id)
    return held?.value
  }

  * entries (): Generator<[id: string, value: T], void, void> {
    for (const id of [...this.#held.keys()]) {
      const value = this.get(id)
      if (value !== undefined) yield [id, value]
    }
  }

  /** Lets go of what has run out. */
  sweep (): void {
    const now = Date.now()
    for (const [id, { value, until }] of this.#held) {
      if (until === undefined || until > now) continue
      this.#held.delete(id)
      this.onChange(id, undefined, value)
    }
  }

  /**
   * Stores a document. Resolves when this node acts by it; the others do in a moment.
   * @param by who does so
   * @param ttl ms after which it is gone
   * @throws {EngineUnavailable} by rejection
   */
  async put (id: string, value: T, by: User, ttl?: number): Promise<void> {
    const held: Held<T> = { value, ...(ttl !== undefined && { until: Date.now() + ttl }) }
    await this.#engine.documents.put(this.#kind, id, held, { ...(ttl !== undefined && { ttl }) })
    await this.#tell(id, by)
  }

  /** The same for one that is there: what another node has deleted a moment ago stays so. @throws {EngineUnavailable} by rejection */
  async replace (id: string, value: T, by: User, ttl: number): Promise<void> {
    const held: Held<T> = { value, until: Date.now() + ttl }
    if (await this.#engine.documents.replace(this.#kind, id, held, { ttl })) await this.#tell(id, by)
  }

  /** @throws {EngineUnavailable} by rejection */
  async delete (id: string, by: User): Promise<void> {
    await this.#engine.documents.delete(this.#kind, id)
    await this.#tell(id, by)
  }

  /** Reads them all. @throws {EngineUnavailable} by rejection */
  async load (): Promise<void> {
    for (;;) {
      const heard = this.#heard
      const all = new Map<string, Held<T>>()
      for await (const { id, value } of allDocuments<Held<T>>(this.#engine.documents, this.#kind)) all.set(id, value)
      // What has changed meanwhile may have been read before it did.
      if (heard !== this.#heard) continue
      const before = this.#held
      this.#held = all
      for (const id of new Set([...before.keys(), ...all.keys()])) {
        const [was, is] = [before.get(id), all.get(id)]
        if (JSON.stringify(was) !== JSON.stringify(is)) this.onChange(id, is?.value, was?.value)
      }
      return
    }
  }

  /** A document has been stored or deleted, by whatever node. What it is now, the store knows. */
  async refresh (id: string, by: User): Promise<void> {
    this.#heard++
    const held = await this.#engine.documents.get<Held<T>>(this.#kind, id)
    const before = this.#held.get(id)?.value
    if (held === undefined) this.#held.delete(id)
    else this.#held.set(id, held)
    this.onChange(id, held?.value, before, by)
  }

  async #tell (id: string, by: User): Promise<void> {
    await this.#nodesLog.tell(CHANGED, by, { kind: this.#kind, id })
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The documents of a kind, once they are read. @throws {EngineUnavailable} by rejection */
    sharedDocuments<T> (kind: string): Promise<SharedDocuments<T>>
  }
}

export default fp(async (fastify) => {
  const { engine, nodesLog, log } = fastify
  const kinds = new Map<string, SharedDocuments<any>>()
  let closed = false
  const sweeping = setInterval(() => { for (const documents of kinds.values()) documents.sweep() }, SWEEP_MS).unref()
  fastify.addHook('onClose', async () => {
    closed = true
    clearInterval(sweeping)
  })

  /** Until it succeeds: what is held meanwhile is as it was. */
  const surely = async (read: () => Promise<void>): Promise<void> => {
    try {
      await read()
    } catch (error) {
      if (closed) return
      log.debug({ err: error }, 'what all nodes hold could not be read; it is tried again')
      setTimeout(() => void surely(read), RETRY_MS).unref()
    }
  }
  const loadAll = (): void => { for (const documents of kinds.values()) void surely(() => documents.load()) }

  nodesLog.on(CHANGED, async ({ user, data: { kind, id } }: Word) => {
    const documents = kinds.get(String(kind))
    if (documents === undefined) return
    const refresh = (): Promise<void> => documents.refresh(String(id), user)
    await refresh().catch(() => surely(refresh))
  })
  nodesLog.onMissed(loadAll)
  engine.nodes?.onReturn(loadAll)

  fastify.decorate('sharedDocuments', async <T>(kind: string) => {
    const documents = new SharedDocuments<T>(kind, engine, nodesLog)
    kinds.set(kind, documents)
    await documents.load()
    return documents
  })
}, { name: 'shared-documents', dependencies: ['engine', 'nodes-log'] })
