import { element } from './dom.js'

/** Pixels between a menu and what it belongs to, and the window's edge. */
const GAP = 6

/**
 * A menu beside what it belongs to (WAI-ARIA, menu pattern): arrows, Home, End and first letters go through it, Escape and a click
 * elsewhere close it, and the focus goes back to where it was.
 * @param {HTMLElement} anchor
 * @param {Array<{ label: string, act: () => void, danger?: boolean } | undefined>} items
 * @param {string} label what it is about
 */
export function openMenu (anchor, items, label) {
  const before = document.activeElement
  const menu = element('div', { class: 'menu', role: 'menu', popover: 'auto', 'aria-label': label },
    ...items.filter((item) => item !== undefined).map(({ label, act, danger }) => element('button', {
      type: 'button',
      role: 'menuitem',
      tabindex: '-1',
      class: danger ? 'danger' : undefined,
      onclick: () => {
        close()
        act()
      }
    }, label)))
  // A message may be filled in anew meanwhile, or somebody leave the list.
  const ways = [before, anchor.closest('.message'), document.getElementById('text'), document.querySelector('.message[tabindex="0"]')]
  const close = () => {
    const hadFocus = menu.contains(document.activeElement) || document.activeElement === document.body
    menu.remove()
    if (hadFocus) ways.find((way) => way?.isConnected && way.checkVisibility?.() !== false)?.focus({ preventScroll: true })
  }
  menu.addEventListener('toggle', ({ newState }) => { if (newState === 'closed') close() })
  menu.addEventListener('keydown', (event) => {
    const all = [...menu.children]
    const at = all.indexOf(document.activeElement)
    const { key } = event
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[key] ??
      (key.length === 1 && key !== ' ' ? all.indexOf([...all.slice(at + 1), ...all].find(({ textContent }) => textContent.toLowerCase().startsWith(key.toLowerCase()))) : undefined)
    if (key === 'Tab') close()
    if (to === undefined || key === 'Tab') return
    event.preventDefault()
    if (to !== -1 || key === 'ArrowUp') all.at(to % all.length).focus()
  })
  // Within its landmark; and over a panel, which would else be closed.
  const landmark = anchor.closest('header, main, aside') ?? document.body
  landmark.append(menu)
  menu.showPopover()
  place(menu, anchor)
  menu.firstElementChild.focus()
}

/** Below what it belongs to, or above where there is no room, and never beyond the window. */
function place (menu, anchor) {
  const { left, right, top, bottom } = anchor.getBoundingClientRect()
  const { offsetWidth: width, offsetHeight: height } = menu
  const wide = right - left > width
  const start = document.dir === 'rtl' ? (wide ? right - width : left) : (wide ? left : right - width)
  menu.style.left = `${Math.max(GAP, Math.min(start, innerWidth - width - GAP))}px`
  const below = bottom + GAP
  menu.style.top = `${Math.max(GAP, below + height > innerHeight - GAP ? Math.min(top - height - GAP, innerHeight - height - GAP) : below)}px`
}
