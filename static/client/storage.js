/** What is kept for as long as this object lives. */
class MemoryStorage {
  #kept = new Map()
  getItem (key) { return this.#kept.get(key) ?? null }
  setItem (key, value) { this.#kept.set(key, value) }
  removeItem (key) { this.#kept.delete(key) }
  keys () { return [...this.#kept.keys()] }
}

/** A browser's storage; each use may be refused, as where it is full. */
class BrowserStorage {
  #storage
  constructor (storage) { this.#storage = storage }
  getItem (key) { return this.#storage.getItem(key) }
  setItem (key, value) { this.#storage.setItem(key, value) }
  removeItem (key) { this.#storage.removeItem(key) }
  keys () { return Object.keys(this.#storage) }
}

const TRIAL = 'hubbub trial'

/**
 * @param {() => Storage} open throws where a browser denies it, as in a private window or a frame of another site
 * @returns {{ getItem (key: string): string | null, setItem (key: string, value: string): void, removeItem (key: string): void, keys (): string[], lasting: boolean }}
 *   `lasting`: it outlives the page
 */
export function openStorage (open) {
  try {
    const storage = open()
    storage.setItem(TRIAL, '')
    storage.removeItem(TRIAL)
    return Object.assign(new BrowserStorage(storage), { lasting: true })
  } catch {
    return Object.assign(new MemoryStorage(), { lasting: false })
  }
}
