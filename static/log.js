import { linked } from './text.js'

/** Entries kept in the page. */
const KEPT = 500
/** The same while somebody reads further up, so that what is read does not go away under the eyes. */
const KEPT_WHILE_READING = 2_000
/** ms within which an author's next message needs no new heading. */
const GROUPED_MS = 5 * 60_000
/** ms after which a list that has caught up is read aloud as it grows. */
const SETTLED_MS = 200
/** Pixels from the bottom that still count as being there. */
const NEAR = 48

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' })
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' })
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' })

/**
 * What was said, as a list that stays at its bottom only while it is there. Text from others becomes text nodes, nothing else.
 */
export class MessageLog {
  #list
  #scroller
  #newer
  #isMe
  /** By event id. @type {Map<string, HTMLLIElement>} */
  #entries = new Map()
  /** The last entry, where it is a message. */
  #previous
  #day
  #following = true
  #top = 0
  #unread = 0
  #settling

  /**
   * @param {{ list: HTMLElement, scroller: HTMLElement, newer: HTMLButtonElement, isMe: (userId: string) => boolean }} parts
   *   `newer`: leads down to what is new
   */
  constructor ({ list, scroller, newer, isMe }) {
    this.#list = list
    this.#scroller = scroller
    this.#newer = newer
    this.#isMe = isMe
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true })
    newer.addEventListener('click', () => {
      this.follow()
      scroller.focus({ preventScroll: true }) // The button that had the focus is gone.
    })
    // Also when a phone's keyboard takes half of the room.
    const resized = new ResizeObserver(() => { if (this.#following) this.#toBottom() })
    for (const element of [scroller, ...scroller.children]) resized.observe(element)
  }

  /** Screen readers are spared what is read only to catch up. @param {boolean} busy */
  setBusy (busy) {
    clearTimeout(this.#settling)
    if (busy) this.#list.ariaBusy = 'true'
    // What has just been added is looked at a moment later.
    else this.#settling = setTimeout(() => { this.#list.ariaBusy = 'false' }, SETTLED_MS)
  }

  has (id) {
    return this.#entries.has(id)
  }

  /** Takes an entry of the room's log. */
  add (event) {
    if (event.type === 'edit' || event.type === 'delete') return this.#amend(event)
    if (event.type === 'name') return this.#addRename(event)
    // Other types are programs' own.
    if (event.type === 'message') this.#addMessage(event)
  }

  addMissing () {
    this.#addLine('missing', 'Some messages may be missing here')
  }

  clear () {
    this.#list.replaceChildren()
    this.#entries.clear()
    this.#previous = undefined
    this.#day = undefined
    this.follow()
  }

  /** Goes to the bottom, and stays there. */
  follow () {
    this.#following = true
    this.#read()
    this.#toBottom()
  }

  #addMessage (event) {
    const at = new Date(event.at)
    this.#addDay(at)
    const { user } = event
    const own = this.#isMe(user.id)
    const item = element('li', own ? 'message own' : 'message')
    const previous = this.#previous
    // A new name begins a new heading, too.
    const grouped = previous?.user.id === user.id && previous.user.name === user.name && at - new Date(previous.at) < GROUPED_MS
    item.classList.toggle('grouped', grouped)

    const by = element('p', 'by')
    const time = element('time', '', clock.format(at))
    time.dateTime = event.at
    time.title = exact.format(at)
    by.append(named('author', user.name), ' ', element('span', 'tag', user.tag), ' ')
    if (user.bot) by.append(element('span', 'you', 'bot'), ' ')
    if (own) by.append(element('span', 'you', 'you'), ' ')
    by.append(time)
    const text = element('p', 'text')
    text.dir = 'auto'
    item.append(by, text)
    fill(item, event)

    this.#entries.set(event.id, item)
    this.#append(item, !own)
    this.#previous = event
  }

  #amend ({ type, data, message, edited, at }) {
    const item = this.#entries.get(data?.id)
    if (item === undefined) return
    if (item.classList.contains('rename')) return fillRename(item, data.data)
    if (type === 'delete') fill(item, { deleted: at })
    // It has none where its message has been deleted since, or is no longer kept.
    else if (message !== undefined) fill(item, { message, edited })
  }

  #addRename ({ id, at, data }) {
    this.#addDay(new Date(at))
    const item = this.#addLine('rename')
    fillRename(item, data)
    this.#entries.set(id, item)
  }

  #addDay (at) {
    const name = day.format(at)
    if (name === this.#day) return
    this.#day = name
    this.#addLine('day', name)
  }

  #addLine (kind, ...content) {
    const item = element('li', `line ${kind}`)
    item.append(...content)
    this.#append(item, false)
    this.#previous = undefined
    return item
  }

  #append (item, isNews) {
    this.#list.append(item)
    const { children } = this.#list
    if (children.length > (this.#following ? KEPT : KEPT_WHILE_READING)) this.#trim(children.length - KEPT)
    if (this.#following || !isNews) return
    this.#unread++
    this.#newer.textContent = this.#unread === 1 ? '1 new message' : `${this.#unread} new messages`
    this.#newer.hidden = false
  }

  #trim (count) {
    for (let i = 0; i < count; i++) this.#list.firstElementChild.remove()
    // What has become the first has its heading hidden, if it had the same author as the one before.
    this.#list.firstElementChild.classList.remove('grouped')
    for (const [id, item] of this.#entries) {
      if (item.isConnected) break
      this.#entries.delete(id)
    }
  }

  #scrolled () {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller
    if (scrollHeight - scrollTop - clientHeight < NEAR) {
      this.#following = true
      this.#read()
    } else if (scrollTop < this.#top) {
      // Only a move upwards leaves the bottom: what arrives moves the bottom away by itself.
      this.#following = false
    }
    this.#top = scrollTop
  }

  #toBottom () {
    this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#top = this.#scroller.scrollTop
  }

  #read () {
    this.#unread = 0
    this.#newer.hidden = true
  }
}

function fill (item, { message, edited, deleted }) {
  const text = item.querySelector('.text')
  item.classList.toggle('deleted', deleted !== undefined)
  text.replaceChildren(...(deleted === undefined ? linked(message) : ['This message was deleted']))
  if (edited !== undefined && deleted === undefined) text.append(' ', element('span', 'edited', '(edited)'))
}

/** Without names where these were deleted. */
function fillRename (item, { from, to } = {}) {
  item.replaceChildren(...(to === undefined ? ['A name was deleted'] : [named('', from), ' is now called ', named('', to)]))
}

function named (className, name) {
  return element('bdi', className, name)
}

function element (tag, className, text = '') {
  const made = document.createElement(tag)
  if (className !== '') made.className = className
  made.textContent = text
  return made
}
