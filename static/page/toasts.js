import { button, element } from './dom.js'
import { reasonOf, t } from './words.js'

/** ms for which it is to be read; longer while somebody is at it. */
const READ_MS = 8_000
const UNDO_MS = 20_000

/** Short words on what has been done, in a corner, perhaps with a way back. */
export class Toasts {
  #root
  #onLeft

  /** @param {{ root: HTMLElement, onLeft: () => void }} options `root`: a live region; `onLeft`: what had the focus is gone */
  constructor ({ root, onLeft }) {
    this.#root = root
    this.#onLeft = onLeft
  }

  /** @param {string} words @param {{ label: string, act: () => unknown }} [way] what can be done about it */
  show (words, way) {
    const toast = element('div', { class: 'toast' }, element('p', {}, words))
    const go = () => {
      const hadFocus = toast.contains(document.activeElement)
      toast.remove()
      if (hadFocus) this.#onLeft()
    }
    if (way !== undefined) {
      toast.append(button(way.label, async () => {
        go()
        try {
          await way.act()
        } catch (failure) {
          this.show(reasonOf(failure))
        }
      }))
    }
    toast.append(button('×', go, { class: 'quiet', 'aria-label': t('toast.dismiss') }))
    let timer
    const wait = () => { timer = setTimeout(go, way === undefined ? READ_MS : UNDO_MS) }
    for (const [type, act] of [['mouseenter', () => clearTimeout(timer)], ['focusin', () => clearTimeout(timer)], ['mouseleave', wait], ['focusout', wait]]) toast.addEventListener(type, act)
    wait()
    this.#region().append(toast)
  }

  /** Where they can be reached: in a dialog, as long as that keeps everything else out of reach. @returns {HTMLElement} a live region */
  #region () {
    const dialog = [...document.querySelectorAll('dialog[open]')].at(-1)
    if (dialog === undefined) return this.#root
    const there = dialog.querySelector('.toasts')
    if (there !== null) return there
    const region = element('div', { class: 'toasts', role: 'status' })
    dialog.append(region)
    dialog.addEventListener('close', () => this.#region().append(...region.children))
    return region
  }
}
