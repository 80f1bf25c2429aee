/** ms before a token's end at which the next one is asked for. */
const RENEW_MS = 30_000
/** ms that setTimeout takes at most. */
const LONGEST_MS = 2 ** 31 - 1

/**
 * Who we are to the server: a token that we were given, or are given when we ask; a guest's own, where no cookie says it; or nothing
 * but the browser's cookie.
 */
export class Credentials {
  #ask
  #token
  #asking
  #timer
  #keep
  #slot
  /** Whether a guest's token is wanted from the server. */
  wantsToken
  /** There is another token, asked for before the end of the one before. */
  onRenewed = () => {}

  /**
   * @param {object} options
   * @param {string | (() => string | Promise<string>)} [options.token]
   * @param {boolean} options.cookies whether a cookie says who we are, where there is no token
   * @param {ReturnType<import('./storage.js').openStorage>} options.keep where a guest's token outlives the page
   * @param {string} options.slot under which name
   */
  constructor ({ token, cookies, keep, slot }) {
    this.#keep = keep
    this.#slot = slot
    this.wantsToken = token === undefined && !cookies
    if (typeof token === 'function') this.#ask = token
    else if (token !== undefined) this.#token = token
    else if (this.wantsToken) this.#token = keep.getItem(slot) ?? undefined
  }

  /** Whether a request can be sent that speaks as somebody, and always as the same. */
  get known () {
    return !this.wantsToken || this.#token !== undefined
  }

  /** @returns {Promise<Record<string, string>>} rejects where a token was asked for and not given */
  async headers () {
    if (this.#ask !== undefined && (this.#token === undefined || isEnding(this.#token))) await this.#renew()
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }
  }

  /** The server has made a guest of us. @param {string} [token] */
  take (token) {
    if (token === undefined || !this.wantsToken) return
    this.#token = token
    this.#store(token)
  }

  /** The server takes our token no longer. @returns {boolean} whether another try may go better */
  refused () {
    if (this.#ask === undefined && !this.wantsToken) return false
    this.#token = undefined
    if (this.wantsToken) this.#store(undefined)
    return true
  }

  /** A name for whoever this is: tabs of the same share a stream. */
  async scope () {
    if (this.#ask !== undefined && this.#token === undefined) await this.#renew()
    if (this.#token === undefined || this.wantsToken) return 'guest'
    return String(claimsOf(this.#token).sub ?? this.#token)
  }

  close () {
    clearTimeout(this.#timer)
  }

  async #renew () {
    this.#asking ??= (async () => {
      try {
        this.#token = await this.#ask()
      } finally {
        this.#asking = undefined
      }
      clearTimeout(this.#timer)
      const { exp } = claimsOf(this.#token)
      if (exp === undefined) return
      const wait = exp * 1_000 - Date.now() - RENEW_MS
      if (wait > 0) this.#timer = setTimeout(() => this.#renew().then(() => this.onRenewed(), () => {}), Math.min(wait, LONGEST_MS))
    })()
    await this.#asking
  }

  #store (token) {
    try {
      if (token === undefined) this.#keep.removeItem(this.#slot)
      else this.#keep.setItem(this.#slot, token)
    } catch {} // Where nothing more may be stored, we are somebody else after a reload.
  }
}

function isEnding (token) {
  const { exp } = claimsOf(token)
  return exp !== undefined && exp * 1_000 - Date.now() < RENEW_MS
}

/** What a JWT says (RFC 7519), unverified: that is the server's business. */
function claimsOf (token) {
  try {
    const bytes = Uint8Array.from(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return {}
  }
}
