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

  /** Asked for by a click, and nothing else. @returns {Promise<'is-on' | 'is-off' | 'denied' | 'unable'>} how it is now */
  async notify (wanted) {
    const now = !wanted ? 'is-off' : await Notification.requestPermission() !== 'granted' ? 'denied' : canShow() ? 'is-on' : 'unable'
    keep.set('notify', now === 'is-on')
    return now
  }

  /** Somebody is mentioned. */
  mention ({ room, id, user, message }, onOpen) {
    if (!this.notifies || document.visibilityState === 'visible') return
    // By the tag it is one, however many tabs show it.
    const made = new Notification(t('notify.title', { name: user.name, room }), { body: message, tag: id, lang: site.language })
    made.onclick = () => {
      window.focus()
      onOpen()
      made.close()
    }
  }

  #show () {
    const total = [...this.#unread.values()].reduce((sum, count) => sum + count, 0)
    document.title = total === 0 ? t('title', { room: this.#room, site: site.name }) : t('title.unread', { count: total, room: this.#room, site: site.name })
    if (this.#icon !== null) this.#icon.href = total === 0 ? this.#plain : this.#plain.replace(/favicon\.svg/, 'favicon-unread.svg')
    if (total === 0) navigator.clearAppBadge?.().catch(() => {})
    else navigator.setAppBadge?.(total).catch(() => {})
  }
}

/** On many phones only a service worker may, and that is said only when it is tried. */
function canShow () {
  try {
    new Notification(t('notify.is-on'), { silent: true, tag: 'trial' }).close()
    return true
  } catch {
    return false
  }
}
