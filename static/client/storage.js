const TRIAL = 'hubbub trial'

/** What is kept for as long as this object lives. */
class MemoryStorage {
  #kept = new Map()
  getItem (key) { return this.#kept.get(key) ?? null }
  setItem (key, value) { this.#kept.set(key, value) }
  removeItem (key) { this.#kept.delete(key) }
  keys () { return [...this.#kept.keys()] }
}

/** A storage of which each use may be refused, as where it is full: then nothing more outlives the page, and that is all. */
class Keep {
  #storage

  /** @param {import('../client.d.ts').ClientStorage | Storage} storage */
  constructor (storage) {
    this.#storage = storage
  }

  /** @returns {string | null} */
  getItem (key) {
    return this.#try(() => this.#storage.getItem(key), null)
  }

  setItem (key, value) {
    this.#try(() => this.#storage.setItem(key, value))
  }

  removeItem (key) {
    this.#try(() => this.#storage.removeItem(key))
  }

  /** @returns {string[]} */
  keys () {
    return this.#try(() => this.#storage.keys?.() ?? Object.keys(this.#storage), [])
  }

  #try (use, otherwise) {
    try {
      return use()
    } catch {
      return otherwise
    }
  }
}

/** @param {() => import('../client.d.ts').ClientStorage | Storage} open throws where a browser denies it, as in a private window or a frame of another site */
export function openStorage (open) {
  try {
    const storage = open()
    storage.setItem(TRIAL, '')
    storage.removeItem(TRIAL)
    return new Keep(storage)
  } catch {
    return new Keep(new MemoryStorage())
  }
}
