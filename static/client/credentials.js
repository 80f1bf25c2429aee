import { isOurs, parseObject } from './requests.js'

/** ms before a token's end at which the next one is asked for; of a shorter one, when half of it is over. */
const RENEW_MS = 30_000
/** ms between two times that it is asked for, at least; and within which it must be given. */
const REST_MS = 1_000
const PATIENCE_MS = 15_000
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
  /** Unix time in ms at which the next one is asked for. */
  #renewAt = Infinity
  #timer
  /** Waits no longer for a token that was asked for. */
  #giveUp = () => {}
  #closed = false
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

  /** A guest's token, which is that of all tabs. */
  get guestToken () {
    return this.wantsToken ? this.#token : undefined
  }

  /** @returns {Promise<Record<string, string>>} rejects where a token was asked for and not given */
  async headers () {
    if (this.#ask !== undefined && this.#token === undefined) await this.#renew()
    // The one that we have may be good for a while.
    else if (Date.now() >= this.#renewAt) await this.#renew().catch(() => {})
    return this.#headers
  }

  get #headers () {
    return this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }
  }

  /** The server has made a guest of us. @param {string} [token] */
  take (token) {
    if (token === undefined || token === this.#token || !this.wantsToken) return
    this.#token = token
    this.#store(token)
  }

  /**
   * A request was answered with 401: the server takes our token no longer.
   * @param {{ authorization?: string }} sent the headers that it had from us @param {string} [code] of the answer
   * @returns {boolean} whether another try may go better
   */
  refused ({ authorization }, code) {
    // A proxy that lets nobody in says nothing about a guest, who could never be the same again.
    if ((this.#ask === undefined && !this.wantsToken) || !isOurs(code)) return false
    // A late answer says nothing about the token that has come since.
    if (authorization !== this.#headers.authorization) return true
    this.#token = undefined
    if (this.wantsToken) this.#store(undefined)
    return true
  }

  /** A name for whoever this is: tabs of the same share a stream. */
  async scope () {
    if (this.#ask !== undefined && this.#token === undefined) await this.#renew()
    // The cookie's guest and the token's are two.
    if (this.wantsToken) return 'guest by token'
    if (this.#token === undefined) return 'guest'
    return claimsOf(this.#token).sub ?? await digest(this.#token)
  }

  close () {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#giveUp()
  }

  async #renew () {
    this.#asking ??= this.#askFor().finally(() => { this.#asking = undefined })
    await this.#asking
  }

  async #askFor () {
    let timer
    const late = new Promise((_, reject) => {
      this.#giveUp = () => reject(new Error('No token was given in time.'))
      timer = setTimeout(this.#giveUp, PATIENCE_MS)
    })
    let token
    try {
      token = await Promise.race([this.#ask(), late])
    } finally {
      clearTimeout(timer)
      this.#giveUp = () => {}
    }
    if (typeof token !== 'string') throw new TypeError('What was to give a token gave none.')
    this.#token = token
    const left = claimsOf(token).exp * 1_000 - Date.now()
    // Where it has no end, or by this machine's clock is over, the server tells.
    const wait = left > 0 ? Math.max(left - RENEW_MS, left / 2, REST_MS) : Infinity
    this.#renewAt = Date.now() + wait
    this.#renewIn(wait)
  }

  #renewIn (ms) {
    clearTimeout(this.#timer)
    if (this.#closed || ms === Infinity) return
    this.#timer = setTimeout(() => this.#renew().then(() => this.onRenewed(), () => this.#renewIn(5 * REST_MS)), Math.min(ms, LONGEST_MS))
  }

  #store (token) {
    if (token === undefined) this.#keep.removeItem(this.#slot)
    else this.#keep.setItem(this.#slot, token)
  }
}

/** What a JWT says (RFC 7519), unverified: that is the server's business. */
function claimsOf (token) {
  try {
    const bytes = Uint8Array.from(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    return parseObject(new TextDecoder().decode(bytes)) ?? {}
  } catch {
    return {}
  }
}

/** A name by which a token that says nothing can be told from others, and not used: names are seen, and kept. */
async function digest (token) {
  const hash = await globalThis.crypto?.subtle?.digest('SHA-256', new TextEncoder().encode(token))
  return hash === undefined ? 'token' : Array.from(new Uint8Array(hash, 0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
