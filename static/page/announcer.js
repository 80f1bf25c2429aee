import { keep } from './keep.js'
import { t } from './words.js'

/** ms between two announcements: what comes meanwhile is told together. */
const EVERY_MS = 2_500
/** Messages that are read out one by one; of more, only how many. */
const SPOKEN = 3
/** Characters of a message that are read out. */
const LONG = 280

/**
 * Reads aloud what comes, to screen readers: politely, and no more than can be listened to. The log itself is not live, or a hundred
 * messages a second would be a flood.
 */
export class Announcer {
  #region
  #waiting = []
  #timer
  #last = 0

  /** @param {HTMLElement} region a live region, out of sight */
  constructor (region) {
    this.#region = region
  }

  get paused () {
    return keep.get('quiet', false)
  }

  pause (paused) {
    keep.set('quiet', paused)
    if (paused) this.#waiting = []
    this.say(t(paused ? 'announce.paused' : 'announce.goes-on'))
  }

  /** A message of somebody else. */
  message ({ user, message = '' }) {
    if (this.paused || document.visibilityState === 'hidden') return
    const text = message.length > LONG ? `${message.slice(0, LONG)}…` : message
    this.#waiting.push(t('announce.message', { name: user.name, text }))
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.#tell(), Math.max(100, this.#last + EVERY_MS - Date.now()))
  }

  /** Something that somebody has done here, at once. */
  say (words) {
    // The same words again would be no change.
    this.#region.textContent = this.#region.textContent === words ? `${words}\u00a0` : words
  }

  #tell () {
    this.#timer = undefined
    this.#last = Date.now()
    const waiting = this.#waiting.splice(0)
    if (waiting.length > 0) this.say(waiting.length > SPOKEN ? t('log.new', { count: waiting.length }) : waiting.join('\n'))
  }
}
