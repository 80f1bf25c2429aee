/** ms until an answer is no longer waited for, where the asker does not end it. */
const PATIENCE_MS = 20_000
/** Statuses by which the server says that asking again is of no use: no token, banned, no such room. */
const FINAL = new Set([400, 401, 403, 404, 421])

/** The server, or the way to it, said no. */
export class RequestFailed extends Error {
  name = 'RequestFailed'

  /**
   * @param {string} message in English, for people, as the server says it
   * @param {object} [about]
   * @param {number} [about.status] missing where nothing was answered, or not by the server
   * @param {string} [about.code] from the server's catalogue, such as `HUB_MUTED`; missing where it was not the server that answered
   * @param {number} [about.retryAfter] s after which the server lets us try again
   * @param {unknown} [about.cause]
   */
  constructor (message, { status, code, retryAfter, cause } = {}) {
    super(message, { cause })
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }
}

/** What is asked of one server, as one somebody. */
export class Requests {
  #base
  #credentials
  #closing = new AbortController()

  /** @param {URL} base with a slash at its end @param {import('./credentials.js').Credentials} credentials */
  constructor (base, credentials) {
    this.#base = base
    this.#credentials = credentials
  }

  /**
   * An answer whose body is still on its way. Who asks, the headers are to say.
   * @param {string} path @param {{ query?: URLSearchParams, headers?: Record<string, string>, signal?: AbortSignal }} [options]
   */
  async open (path, { query, headers, signal, ...more } = {}) {
    const url = new URL(path, this.#base)
    if (query !== undefined) url.search = query
    return fetch(url, {
      // A page of another site could not send the first of these without asking before.
      headers: { 'hubbub-client': 'page', ...headers },
      credentials: this.#credentials.wantsToken ? 'omit' : 'same-origin',
      cache: 'no-store',
      signal,
      ...more
    })
  }

  /** Nobody waits any more for what was only asked; what is to be done is done. */
  close () {
    this.#closing.abort()
  }

  /**
   * A JSON request.
   * @returns {Promise<any>} the answer's body
   * @throws {RequestFailed} by rejection
   */
  async json (method, path, { query, body, signal } = {}) {
    for (let again = true; ; again = false) {
      const response = await this.#ask(method, path, { query, body, signal })
      const { message, code } = response.body
      // A guest's write is not sent again: it would speak under a name that its author has not seen.
      if (response.status === 401 && this.#credentials.refused(response.sent, code) && again && (method === 'GET' || !this.#credentials.wantsToken)) continue
      if (response.ok) return response.body
      throw new RequestFailed(message ?? `The server answered ${response.status}.`, { status: response.status, code, retryAfter: response.retryAfter })
    }
  }

  async #ask (method, path, { query, body, signal }) {
    const patience = new AbortController()
    // A poll is to be answered late, and has its own time.
    const timer = signal === undefined ? setTimeout(() => patience.abort(), PATIENCE_MS) : undefined
    const stop = () => patience.abort()
    const signals = [signal, method === 'GET' ? this.#closing.signal : undefined].filter((one) => one !== undefined)
    for (const one of signals) {
      one.addEventListener('abort', stop)
      if (one.aborted) stop()
    }
    try {
      const sent = await this.#credentials.headers()
      const response = await this.open(path, {
        method,
        query,
        headers: { ...sent, accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }) },
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: patience.signal
      })
      const { ok, status } = response
      const answer = await objectOf(response)
      if (answer === undefined && (ok || patience.signal.aborted)) throw new TypeError('The answer is no JSON object.')
      return { ok, status, sent, body: answer ?? {}, retryAfter: retryAfterOf(response) }
    } catch (cause) {
      throw new RequestFailed('No answer from the server.', { cause })
    } finally {
      clearTimeout(timer)
      for (const one of signals) one.removeEventListener('abort', stop)
    }
  }
}

/** Whether the server itself has said it, and not something on the way. @param {unknown} code of an answer */
export function isOurs (code) {
  return typeof code === 'string' && code.startsWith('HUB_')
}

/** What the server itself refuses now, it will refuse later; what a proxy says may pass. @param {{ status?: number, code?: unknown }} answer */
export function isFinal ({ status, code }) {
  return FINAL.has(status) && isOurs(code)
}

/** What a proxy or a captive portal says in the server's place is no JSON object, whatever its status. @returns {Promise<object | undefined>} */
export async function objectOf (response) {
  return parseObject(await response.text().catch(() => ''))
}

/** @param {string} text @returns {object | undefined} where it is the JSON of one */
export function parseObject (text) {
  try {
    const value = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** @returns {number | undefined} s: a number, or until a date (RFC 9110 §10.2.3) */
export function retryAfterOf ({ headers }) {
  const text = headers.get('retry-after') ?? ''
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000
  return seconds > 0 ? seconds : undefined
}
