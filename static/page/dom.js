import { t } from './words.js'

/**
 * An element. What begins with `on` is a listener, false and undefined are left out; text from others becomes text nodes, nothing else.
 * @param {string} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string)} children
 */
export function element (tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value)
    else made.setAttribute(name, value === true ? '' : value)
  }
  made.append(...children)
  return made
}

export function button (label, onclick, attributes = {}) {
  return element('button', { type: 'button', ...attributes, onclick }, label)
}

/**
 * Shows these items, each with one element in it, and no others. What was there stays, so that a screen reader is not told again of what
 * has the focus; where that goes, the next one has it.
 * @param {HTMLElement} list
 * @param {HTMLElement[]} items each with its `data-key`
 */
export function showItems (list, items) {
  const focused = list.contains(document.activeElement) ? document.activeElement : undefined
  const at = [...list.children].findIndex((item) => item.contains(focused))
  const before = new Map([...list.children].map((item) => [item.dataset.key, item]))
  const shown = items.map((item) => become(before.get(item.dataset.key), item))
  for (const item of before.values()) if (!shown.includes(item)) item.remove()
  for (const [index, item] of shown.entries()) if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null)
  if (focused === undefined || document.activeElement === focused) return
  const next = focused.isConnected ? focused : list.children[Math.min(at, shown.length - 1)]?.firstElementChild
  next?.focus({ preventScroll: true })
}

/** @returns the item that was there, as the new one is; or that, where none was */
function become (before, item) {
  if (before === undefined) return item
  if (before.isEqualNode(item)) return before
  const [old, now] = [before.firstElementChild, item.firstElementChild]
  for (const { name } of [...old.attributes]) if (!now.hasAttribute(name)) old.removeAttribute(name)
  for (const { name, value } of now.attributes) old.setAttribute(name, value)
  old.replaceChildren(...now.childNodes)
  return before
}

/** Somebody's name, which turns nothing around it whatever its direction, in a colour that stays when the name changes. */
export function nameOf ({ name, tag }, attributes = {}) {
  return coloured(element('bdi', { class: 'author', ...attributes }, name), tag)
}

export function tagOf ({ tag }) {
  return element('span', { class: 'tag' }, tag)
}

/** A word beside a name: that it is a program's, or our own. */
export function badge (key) {
  return element('span', { class: 'badge' }, t(key))
}

/** By the tag, which everybody sees the same and nobody can choose. */
function coloured (made, tag = '') {
  let hash = 0x811c9dc5
  for (const char of tag) hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193)
  made.style.setProperty('--hue', (hash >>> 0) % 360)
  return made
}

/** Where a keyboard is at hand and no keyboard would cover the page. */
export const hasKeyboard = matchMedia('(pointer: fine)')
