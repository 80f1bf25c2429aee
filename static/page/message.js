import { badge, button, element, nameOf, tagOf } from './dom.js'
import { putPartsInOrder } from './order.js'
import { isEmoji, isPiled, mentions, richText } from './rich-text.js'
import { format, phrase, t } from './words.js'

/** Characters of what is answered that are quoted. */
const QUOTED = 160

/**
 * How what is in a room's log is shown. It knows nothing of where that is on the page.
 * @typedef {object} Reading who reads
 * @property {(userId: string) => boolean} isMe
 * @property {() => Iterable<string>} names that may be mentioned
 * @property {() => string | undefined} myName
 * @property {(id: string) => object | undefined} find an event that is loaded
 */

/** @param {object} event @param {Reading} reading @returns {HTMLElement} */
export function showMessage (event, reading) {
  const { id, user, at } = event
  const own = reading.isMe(user.id)
  const date = new Date(at)
  const time = format.time(date)
  const item = element('article', { class: own ? 'message own' : 'message', id: `m${id}`, tabindex: '-1', 'aria-label': `${user.name} ${time}`, 'aria-describedby': `t${id}` },
    element('p', { class: 'by' },
      nameOf(user), ' ', tagOf(user), ' ',
      ...(user.bot ? [badge('message.bot'), ' '] : []),
      ...(own ? [badge('message.you'), ' '] : []),
      element('time', { datetime: at, title: format.exact(date) }, time)),
    element('div', { class: 'content' },
      button('⋯', undefined, { class: 'more', 'aria-haspopup': 'menu', 'aria-label': t('message.actions'), title: t('message.actions') })))
  fillMessage(item, event, reading)
  return item
}

/** Fills in, or anew, what the message says now. */
export function fillMessage (item, { id, message, edited, deleted, replyTo, data, user }, reading) {
  const gone = deleted !== undefined
  const me = reading.myName()
  const action = data?.me === true && !gone
  item.classList.toggle('deleted', gone)
  item.classList.toggle('action', action)
  item.classList.toggle('mentions-me', !gone && !reading.isMe(user.id) && mentions(message ?? '', me))
  const text = element('div', { class: 'text', id: `t${id}`, dir: 'auto' })
  if (gone) text.append(t('message.deleted'))
  else text.append(...(action ? [nameOf(user), ' '] : []), ...richText(message ?? '', { names: () => me === undefined ? reading.names() : [...reading.names(), me], me }))
  text.classList.toggle('piled', isPiled(message ?? ''))
  text.classList.toggle('emoji', !gone && !action && isEmoji(message ?? ''))
  const note = edited !== undefined && !gone ? [element('span', { class: 'edited', title: format.exact(new Date(edited)) }, t('message.edited'))] : []
  const content = item.querySelector('.content')
  const more = content.querySelector('.more')
  // It stays, and may have the focus.
  for (const part of [...content.children]) if (part !== more) part.remove()
  more.before(...(replyTo === undefined || gone ? [] : [quoteOf(replyTo, reading.find(replyTo))]), text, ...note)
  putPartsInOrder(item)
}

/** What is answered, in a line that leads to it. @param {string} id @param {object} [event] undefined where it is not known yet */
export function quoteOf (id, event) {
  const words = event === undefined
    ? [t('message.earlier')]
    : event.deleted !== undefined ? [t('message.deleted')] : [nameOf(event.user), ' ', element('bdi', {}, excerpt(event.message ?? ''))]
  return element('a', { class: 'quote', href: `#${id}`, 'data-quotes': id }, element('span', { class: 'unseen' }, `${t('message.in-reply-to')} `), ...words)
}

function excerpt (text) {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length > QUOTED ? `${line.slice(0, QUOTED)}…` : line
}

/** A line of the log that nobody has said: what has been done. @returns {HTMLElement | undefined} where there is nothing to say */
export function showLine (event, reading) {
  const line = element('p', { class: `line ${event.type}`, id: `m${event.id}` })
  return fillLine(line, event, reading) ? line : undefined
}

/** @returns {boolean} whether there is something to say */
export function fillLine (line, { type, user, data = {}, deleted, at }) {
  const by = () => nameOf(user)
  const whom = () => nameOf(data.user ?? {})
  const words = {
    name: () => deleted !== undefined || data.to === undefined
      ? phrase('line.name-deleted')
      : phrase('line.name', { from: nameOf({ name: data.from, tag: user.tag }), to: nameOf({ name: data.to, tag: user.tag }) }),
    ban: () => phrase('line.ban', { by: by(), whom: whom() }),
    unban: () => phrase('line.unban', { by: by(), whom: whom() }),
    mute: () => phrase('line.mute', { by: by(), whom: whom() }),
    unmute: () => phrase('line.unmute', { by: by(), whom: whom() }),
    room: () => changesOf(data.set ?? {}).flatMap((change, index) => [...(index > 0 ? [' · '] : []), ...phrase(change.key, { by: by(), ...change.values })]),
    unreadable: () => phrase('line.unreadable')
  }[type]?.()
  if (words === undefined || words.length === 0) return false
  const reason = data.reason ? [' ', element('bdi', { class: 'reason' }, data.reason)] : []
  line.replaceChildren(...words, ...reason)
  line.title = format.exact(new Date(at))
  return true
}

function changesOf ({ topic, slowMode, posting, private: closed }) {
  const changes = []
  if (topic !== undefined) changes.push(topic === null ? { key: 'line.topic-gone' } : { key: 'line.topic', values: { topic: element('bdi', {}, topic) } })
  if (slowMode !== undefined) changes.push(slowMode === null ? { key: 'line.slow-mode-off' } : { key: 'line.slow-mode', values: { time: format.duration(slowMode * 1_000) } })
  if (posting !== undefined) changes.push({ key: `line.posting-${posting ?? 'everybody'}` })
  if (closed !== undefined) changes.push({ key: closed === true ? 'line.private' : 'line.public' })
  return changes
}
