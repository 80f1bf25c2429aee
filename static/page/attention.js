import { keep } from './keep.js'
import { site, t } from './words.js'

/** What a page that nobody looks at can do to be looked at: title, icon, the app's badge, and, where somebody has asked for it, a notification. */
export class Attention {
  #room = ''
  #unread = new Map()
  #icon = document.querySelector('link[rel=icon]')
  #plain = this.#icon?.href

  /** The room that is shown. */
  open (room) {
    this.#room = room
    this.#show()
  }

  /** @param {string} room @param {number} count messages that have not been seen */
  unread (room, count) {
    if ((this.#unread.get(room) ?? 0) === count) return
    this.#unread.set(room, count)
    this.#show()
  }

  get canNotify () {
    return globalThis.Notification !== undefined && isSecureContext
  }

  get notifies () {
    return this.canNotify && Notification.permission === 'granted' && keep.get('notify', false)
  }

  /** Asked for by a click, and nothing else. @returns {Promise<boolean>} whether it is so now */
  async notify (wanted) {
    const granted = wanted && await Notification.requestPermission() === 'granted'
    keep.set('notify', granted)
    return granted
  }

  /** Somebody is mentioned. */
  mention ({ room, id, user, message }, onOpen) {
    if (!this.notifies || document.visibilityState === 'visible') return
    try {
      const made = new Notification(t('notify.title', { name: user.name, room }), { body: message, tag: id, lang: site.language })
      made.onclick = () => {
        window.focus()
        onOpen()
        made.close()
      }
    } catch {} // On phones only a service worker may.
  }

  #show () {
    const total = [...this.#unread.values()].reduce((sum, count) => sum + count, 0)
    document.title = total === 0 ? t('title', { room: this.#room, site: site.name }) : t('title.unread', { count: total, room: this.#room, site: site.name })
    if (this.#icon !== null) this.#icon.href = total === 0 ? this.#plain : this.#plain.replace(/favicon\.svg/, 'favicon-unread.svg')
    if (total === 0) navigator.clearAppBadge?.().catch(() => {})
    else navigator.setAppBadge?.(total).catch(() => {})
  }
}
