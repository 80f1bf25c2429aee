import type { Documents } from '../engine.js'
import type { RedisLink } from './link.js'

/** Documents as strings, and for each kind a sorted set of their ids. All of a kind are on one server of a cluster. */
export class RedisDocuments implements Documents {
  readonly #link: RedisLink
  readonly #prefix: string

  constructor (link: RedisLink, prefix: string) {
    this.#link = link
    this.#prefix = prefix
  }

  async get<T> (kind: string, id: string): Promise<T | undefined> {
    const json = await this.#link.ask((client) => client.get(this.#key(kind, id)))
    return json === null ? undefined : JSON.parse(json) as T
  }

  async put<T> (kind: string, id: string, value: T, { ttl, ifAbsent = false }: { ttl?: number, ifAbsent?: boolean } = {}): Promise<T> {
    const json = await this.#link.call((client) =>
      client.hubbubPut(this.#key(kind, id), this.#list(kind), id, JSON.stringify(value), ttl ?? '', ifAbsent ? 'absent' : ''))
    return JSON.parse(json!) as T
  }

  async replace<T> (kind: string, id: string, value: T, { ttl }: { ttl?: number } = {}): Promise<boolean> {
    return await this.#link.call((client) =>
      client.hubbubPut(this.#key(kind, id), this.#list(kind), id, JSON.stringify(value), ttl ?? '', 'present')) !== null
  }

  async delete (kind: string, id: string): Promise<void> {
    await this.#link.call((client) => client.multi().del(this.#key(kind, id)).zrem(this.#list(kind), id).exec())
  }

  async list<T> (kind: string, { after, limit }: { after?: string, limit: number }): Promise<Array<{ id: string, value: T }>> {
    const found: Array<{ id: string, value: T }> = []
    for (let from = after === undefined ? '-' : `(${after}`; found.length < limit;) {
      const ids = await this.#link.ask((client) => client.zrange(this.#list(kind), from, '+', 'BYLEX', 'LIMIT', 0, limit - found.length))
      if (ids.length === 0) break
      const values = await this.#link.ask((client) => client.mget(ids.map((id) => this.#key(kind, id))))
      const expired = ids.filter((_, i) => values[i] === null)
      ids.forEach((id, i) => { if (values[i] !== null) found.push({ id, value: JSON.parse(values[i]!) as T }) })
      // Another may be stored anew just now, and is then missing here until it is stored again.
      if (expired.length > 0) await this.#link.call((client) => client.zrem(this.#list(kind), ...expired))
      from = `(${ids.at(-1)!}`
    }
    return found
  }

  #key (kind: string, id: string): string {
    return `${this.#list(kind)}:${id}`
  }

  #list (kind: string): string {
    return `${this.#prefix}:{doc:${kind}}`
  }
}
