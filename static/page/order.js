/*
 * Of all messages one is in the order of the Tab key, with its parts; arrows lead to the others (WAI-ARIA, roving tabindex).
 */

/** @param {HTMLElement} log @param {HTMLElement} [message] the one from now on */
export function putInOrder (log, message) {
  const before = log.querySelector('.message[tabindex="0"]')
  if (message === undefined || before === message) return
  for (const [one, index] of [[before, -1], [message, 0]]) {
    if (one === null) continue
    one.tabIndex = index
    putPartsInOrder(one)
  }
}

/** What is in a message, its links as well, is reached from it. */
export function putPartsInOrder (message) {
  for (const part of message.querySelectorAll('a, button')) part.tabIndex = message.tabIndex
}

/** Takes the focus to a message. @param {HTMLElement} log @param {HTMLElement | null} [message] */
export function enter (log, message) {
  if (message == null) return
  if (message.matches('.message')) putInOrder(log, message)
  message.focus({ preventScroll: true })
  message.scrollIntoView({ block: 'nearest' })
}
