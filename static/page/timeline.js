import { timeOf } from '../client/ids.js'
import { Comings } from './comings.js'
import { element } from './dom.js'
import { Drawing } from './drawing.js'
import { LogPart } from './log-part.js'
import { fillLine, fillMessage, quoteOf, showLine, showMessage } from './message.js'
import { enter, putInOrder } from './order.js'
import { ReadMark } from './read-mark.js'
import { format, t } from './words.js'

/** Entries in the document at most: while somebody reads further up, and at the bottom, where what is above is seen no longer. */
const SHOWN = 400
const FOLLOWED = 150
/** Entries shown on either side of a place that is gone to. */
const AROUND = 100
/** Entries in memory at most. */
const LOADED = 10_000
/** Entries shown at once of what is loaded already. */
const STEP = 50
/** ms within which an author's next message needs no new heading. */
const GROUPED_MS = 5 * 60_000
/** Pixels from the bottom that still count as being there, and from an end at which more is loaded. */
const NEAR = 48
const NEARLY = 800
/** Entries more than are to be in the document, so that not each new one takes out an old one. */
const SLACK = 50
/** Pixels that an entry has at least, and the least number of them that is drawn: how many fill what is seen. */
const LINE = 20
const LEAST = 25
/** ms for which what was gone to is marked. */
const FOUND_MS = 2_500

/**
 * What is shown of a room's log: of all that is loaded, the items from `#first` to before `#last` are in the document. It stays at its
 * bottom only while it is there.
 * @typedef {import('./log-part.js').Item} Item
 */
export class Timeline {
  #log
  #scroller
  #newer
  #part = new LogPart((event) => this.#itemOf(event))
  /** Who reads, once it is known. @type {import('./message.js').Reading} */
  #reading = { isMe: () => false, myName: () => undefined, names: () => [], find: (id) => this.find(id) }
  #on = { unread: () => {}, unreachable: () => {} }
  #first = 0
  #last = 0
  #following = true
  #top = 0
  #drawing = new Drawing(() => this.#draw())
  /** Whether something is to be drawn that was said before, and is wanted whole. */
  #drawsAll = false
  #readMark = new ReadMark()
  /** The first that had not been seen when it came. @type {Item | undefined} */
  #firstUnread
  #unread = 0
  /** The last one that was there before the connection was lost. */
  #beforeAway
  /** The remark on who came and went last. @type {{ item: Item, comings: Comings } | undefined} */
  #comings
  /** Whether a message had the focus that is no longer there. */
  #owesFocus = false
  #looksBack

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.log
   * @param {HTMLElement} parts.scroller
   * @param {HTMLButtonElement} parts.newer leads down to what is new
   * @param {boolean} [parts.looksBack] whether what was said before is of interest, where there is room for it
   */
  constructor ({ log, scroller, newer, looksBack = true }) {
    this.#looksBack = looksBack
    this.#log = log
    this.#scroller = scroller
    this.#newer = newer
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true })
    newer.addEventListener('click', () => this.toPresent())
    log.addEventListener('click', (event) => {
      const quote = event.target.closest('.quote')
      if (quote === null) return
      event.preventDefault()
      this.goTo(quote.dataset.quotes)
    })
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') this.#seen()
      else this.#left()
    })
    // Also when a phone's keyboard takes half of the room.
    const resized = new ResizeObserver(() => {
      if (this.#following) this.#toBottom()
      this.#fillUp()
    })
    for (const part of [scroller, ...scroller.children]) resized.observe(part)
  }

  /**
   * Shows what was said last in a room, before anything else is there. @param {{ events: object[], floor: string, head: string }} told
   * @returns {string} the event after which it goes on
   */
  begin (room, told) {
    this.#enter(room)
    this.#fill(told)
    return told.events.at(-1)?.id ?? told.head
  }

  /**
   * @param {object} options
   * @param {import('../client.d.ts').Client} options.client
   * @param {Omit<import('./message.js').Reading, 'find'>} options.reading
   * @param {{ unread: (count: number) => void, unreachable: (why: string) => void }} options.on `unread`: messages that were not seen; `unreachable`: a message
   *   that was asked for cannot be gone to; `why` is a key of the page's words
   */
  goLive ({ client, reading, on }) {
    this.#part.goLive(client)
    this.#on = on
    Object.assign(this.#reading, reading)
  }

  get unread () {
    return this.#unread
  }

  /** Whether the newest message is in sight. */
  get following () {
    return this.#following
  }

  /**
   * Shows another room.
   * @param {string} room
   * @param {{ at?: string, fetch: boolean }} how `at`: an event to go to; `fetch`: nothing brings the room's last events by itself
   */
  async open (room, { at, fetch }) {
    this.#enter(room)
    this.#busy(true)
    if (at !== undefined) await this.goTo(at)
    else if (fetch) await this.#loadLatest()
    else this.#part.atHead = true
  }

  /** All that there is has been read. */
  caughtUp () {
    if (!this.#part.atHead) return
    this.#busy(false)
    this.#fillUp()
  }

  /** An event of the room's log, in order. @param {'history' | 'missed' | 'live'} why */
  take (event, why) {
    if (event.room !== this.#part.room) return
    if (event.type === 'edit' || event.type === 'delete') this.#amend(event)
    const { atHead, loading } = this.#part
    const item = this.#part.take(event)
    if (!atHead && this.#isNews(event) && !loading) this.#count(1)
    if (item === undefined) return
    if (why !== 'live' || document.visibilityState === 'hidden') this.#drawsAll = true
    if (this.#isNews(event) && (why === 'live' || this.#isUnread(event)) && this.#isHidden) this.#count(1, item)
    else if (why === 'history' && this.#isUnread(event)) this.#firstUnread ??= item
    // What we have sent goes from below the log: it is not to be nowhere.
    if (why === 'live' && this.#reading.isMe(event.user.id)) this.#drawing.now()
    else this.#drawing.soon()
  }

  /** What comes next does not follow what came before. @param {{ reason: string, from: string, since?: number }} reset */
  reset ({ reason, from, since }) {
    if (!this.#part.atHead) return
    if (reason === 'trimmed' || reason === 'lost' || reason === 'unknown') {
      const to = timeOf(from)
      const words = since === undefined || to <= since ? t('continuity.missing') : t('continuity.gone', { from: format.time(since), to: format.time(to) })
      this.#remark(() => element('p', { class: 'line missing' }, words))
    } else {
      // It begins anew, as for somebody who comes for the first time.
      this.#clear()
      this.#part.atHead = true
    }
  }

  /** The connection is lost. */
  away () {
    this.#beforeAway ??= { item: this.#items.findLast(({ event }) => event !== undefined) }
  }

  /** It is back, and everything has come. @param {import('../client.d.ts').Continuity} continuity */
  back ({ since, until, messages, gaps }) {
    const { item } = this.#beforeAway ?? {}
    this.#beforeAway = undefined
    if (!this.#part.atHead || (messages === 0 && gaps.length === 0 && until - since < 30_000)) return
    const key = gaps.length > 0 ? 'continuity.away-gaps' : messages === 0 ? 'continuity.away-quiet' : 'continuity.away'
    const words = t(key, { time: format.duration(until - since), count: messages })
    this.#remark(() => element('p', { class: 'line away' }, words), item === undefined ? 0 : this.#items.indexOf(item) + 1 || this.#items.length)
  }

  /** Who came and went, in one line that is not there twice. */
  presence ({ joined = [], left = [] }) {
    if (joined.length + left.length === 0 || !this.#part.atHead) return
    const before = this.#comings
    // What was said since is no part of it.
    const comings = before !== undefined && this.#items.at(-1) === before.item ? before.comings : new Comings()
    const isOther = ({ id }) => !this.#reading.isMe(id)
    comings.take({ joined: joined.filter(isOther), left: left.filter(isOther) })
    if (before !== undefined) this.#takeOut(before.item)
    this.#comings = comings.empty ? undefined : { item: this.#remark(() => comings.show()), comings }
  }

  /** Goes to an event, wherever it is in the log. */
  async goTo (id) {
    const found = this.#part.find(id) !== undefined || await this.#loadAround(id)
    if (found !== true) return this.#on.unreachable(found === undefined ? 'error.no-answer' : 'link.gone')
    this.#drawing.now()
    const index = this.#items.indexOf(this.#part.find(id))
    if (index < this.#first || index >= this.#last) this.#show(index - AROUND, index + AROUND)
    this.#following = false
    const message = this.#items[index].entry?.querySelector('.message') ?? this.#items[index].entry
    message?.scrollIntoView({ block: 'center' })
    enter(this.#log, message)
    // Where nothing need be scrolled, nothing tells.
    this.#scrolled()
    message?.classList.add('found')
    setTimeout(() => message?.classList.remove('found'), FOUND_MS)
    this.#busy(false)
  }

  /** Goes to the newest message, and stays there. */
  async toPresent () {
    if (!this.#part.atHead && !await this.#loadLatest()) return this.#on.unreachable('error.no-answer')
    this.follow()
  }

  /** Stays at the bottom from now on. */
  follow () {
    this.#following = true
    if (!this.#part.atHead) return this.toPresent()
    this.#drawing.now()
    if (this.#last < this.#items.length) this.#show(this.#items.length - AROUND, this.#items.length)
    this.#seen()
    this.#toBottom()
  }

  /** Our own last message that can still be changed. */
  lastOwn () {
    return this.#items.findLast(({ event }) => event?.type === 'message' && event.deleted === undefined && this.#reading.isMe(event.user.id))?.event
  }

  /** Takes the focus to the messages: to the one that had it last, or the newest. */
  focus () {
    enter(this.#log, this.#log.querySelector('.message[tabindex="0"]') ?? this.#scroller)
  }

  find (id) {
    return this.#part.find(id)?.event
  }

  /** Who reads is known only now, or by another name: that marks what is theirs, and where they are mentioned. */
  readAnew () {
    const focused = this.#log.contains(document.activeElement) ? document.activeElement.closest('.message') : null
    const current = this.#log.querySelector('.message[tabindex="0"]')
    this.#keepPlace(() => {
      for (const { event, entry, show } of this.#items.slice(this.#first, this.#last)) if (event?.type === 'message') entry.lastElementChild.replaceWith(show())
    })
    if (current !== null) putInOrder(this.#log, document.getElementById(current.id))
    if (focused !== null) document.getElementById(focused.id)?.focus({ preventScroll: true })
  }

  /** Takes the mark away from what was new. */
  forgetUnread () {
    const item = this.#firstUnread
    this.#firstUnread = undefined
    if (item?.entry !== undefined) this.#dress(item)
  }

  get #items () {
    return this.#part.items
  }

  get #isHidden () {
    return document.visibilityState === 'hidden' || !this.#following
  }

  #isNews ({ type, user }) {
    return type === 'message' && !this.#reading.isMe(user.id)
  }

  #isUnread (event) {
    return this.#readMark.isBehind(event.id) && this.#isNews(event)
  }

  #enter (room) {
    this.#clear(room)
    this.#readMark.open(room)
  }

  #clear (room) {
    this.#drawing.stop()
    this.#part.clear(room)
    this.#forgetShown()
  }

  /** Nothing of what is shown is part of what comes next. */
  #forgetShown () {
    this.#first = this.#last = 0
    this.#firstUnread = this.#beforeAway = this.#comings = undefined
    this.#following = true
    this.#takeOutAll()
    this.#count(-this.#unread)
  }

  #busy (busy) {
    this.#log.ariaBusy = String(busy)
  }

  /** @returns {Item | undefined} undefined where there is nothing to see: programs' own events, and what amends others */
  #itemOf (event) {
    const item = { id: event.id, event }
    if (event.type === 'message') item.show = () => showMessage(item.event, this.#reading)
    else if (showLine(event, this.#reading) !== undefined) item.show = () => showLine(item.event, this.#reading)
    else return undefined
    return item
  }

  #amend ({ type, data, message, edited, at }) {
    const item = this.#part.find(data?.id)
    if (item === undefined) return
    const { event } = item
    if (type === 'delete') item.event = { ...event, message: undefined, data: undefined, deleted: at }
    else if (message === undefined && data.data === undefined) return // It has been deleted since, or is no longer kept.
    else item.event = { ...event, ...(message !== undefined && { message }), ...(data.data !== undefined && { data: data.data }), edited, deleted: undefined }
    this.#refill(item)
    for (const quote of this.#log.querySelectorAll(`[data-quotes="${item.id}"]`)) quote.replaceChildren(...quoteOf(item.id, item.event).childNodes)
  }

  #refill ({ event, entry }) {
    const shown = entry?.lastElementChild
    if (shown === undefined) return
    const hadFocus = shown.contains(document.activeElement)
    this.#keepPlace(() => event.type === 'message' ? fillMessage(shown, event, this.#reading) : fillLine(shown, event))
    if (hadFocus && !shown.contains(document.activeElement)) shown.focus({ preventScroll: true })
  }

  /** A remark of the page itself. @param {() => HTMLElement} show @param {number} [index] where; at the end if not given */
  #remark (show, index = this.#items.length) {
    this.#drawing.now()
    const item = { show }
    this.#items.splice(index, 0, item)
    if (index < this.#first) {
      this.#first++
      this.#last++
    } else if (index < this.#last) {
      this.#keepPlace(() => {
        this.#items[index + 1].entry.before(this.#entryOf(item))
        this.#last++
        this.#dress(item)
        this.#dress(this.#items[index + 1])
      })
    }
    this.#drawing.now()
    return item
  }

  #takeOut (item) {
    this.#drawing.now()
    const index = this.#items.indexOf(item)
    if (index < 0) return
    this.#items.splice(index, 1)
    if (index < this.#first) this.#first--
    if (index < this.#last) this.#last--
    this.#keepPlace(() => item.entry?.remove())
    if (this.#items[index]?.entry !== undefined) this.#dress(this.#items[index])
  }

  /* Drawing */

  /** Shows what has come. */
  #draw () {
    const { length } = this.#items
    if (this.#last === length) return
    const held = isHeld([this.#log])
    // Whoever selects something or goes through the messages reads them: they stay, and what comes waits below.
    if (this.#following && held && length - this.#first > 2 * SHOWN) {
      this.#following = false
      this.#offerNewer(true)
    }
    // Of what rushes by, nobody can read more than there is room for.
    const most = this.#drawsAll ? SHOWN : Math.max(LEAST, Math.ceil(this.#scroller.clientHeight / LINE))
    this.#drawsAll = false
    if (this.#following && !held && length - this.#last > most) {
      this.#show(length - Math.min(most, AROUND), length)
    } else {
      // Somebody who reads further up finds the rest on the way down.
      const to = this.#following ? length : Math.min(length, this.#first + 2 * SHOWN)
      if (this.#following) this.#trimTop(to, FOLLOWED)
      this.#append(to)
    }
    if (this.#following) this.#toBottom()
    if (length > LOADED && this.#following) this.#unload(length - LOADED)
    if (!this.#isHidden) this.#seen()
    this.#fillUp()
  }

  /** What fits is shown without being scrolled to. */
  #fillUp () {
    const { clientHeight, scrollHeight } = this.#scroller
    if (clientHeight > 0 && scrollHeight - clientHeight < NEAR) this.#older()
  }

  #append (to) {
    const entries = this.#items.slice(this.#last, to).map((item) => this.#entryOf(item))
    this.#log.append(...entries)
    const from = this.#last
    this.#last = Math.max(to, from)
    for (let index = from; index < to; index++) this.#dress(this.#items[index], index)
    // The newest is where the Tab key leads, unless somebody is in the log already.
    if (!this.#log.contains(document.activeElement)) putInOrder(this.#log, this.#newestShown())
    if (!this.#owesFocus || entries.length === 0) return
    this.#owesFocus = false
    if (document.activeElement === document.body) this.focus()
  }

  #newestShown () {
    for (let entry = this.#log.lastElementChild; entry !== null; entry = entry.previousElementSibling) {
      if (entry.lastElementChild.matches('.message')) return entry.lastElementChild
    }
    return undefined
  }

  /** Shows another part of what is loaded. */
  #show (from, to) {
    const before = this.#items.slice(this.#first, this.#last)
    for (const item of before) item.entry = undefined
    this.#first = this.#last = Math.max(0, from)
    this.#takeOutAll()
    this.#append(Math.min(to, this.#items.length))
  }

  #takeOutAll () {
    this.#owesFocus ||= this.#log.contains(document.activeElement)
    this.#log.replaceChildren()
  }

  #entryOf (item) {
    item.entry = element('div', { class: 'entry' }, item.show())
    return item.entry
  }

  /** What an entry has by what stands before it: a day, a mark, its heading. */
  #dress (item, index = this.#items.indexOf(item)) {
    const { entry, event } = item
    const previous = this.#items[index - 1]
    for (const old of entry.querySelectorAll(':scope > .day, :scope > .unread')) old.remove()
    if (event === undefined) return
    const date = new Date(event.at)
    const before = this.#eventBefore(index)
    const isNewDay = before === undefined || new Date(before.at).toDateString() !== date.toDateString()
    const isFirstUnread = item === this.#firstUnread
    if (isFirstUnread) entry.prepend(element('p', { class: 'unread' }, t('log.unread')))
    if (isNewDay) entry.prepend(element('h2', { class: 'day' }, format.day(date)))
    // A new name begins a new heading, too.
    const grouped = event.type === 'message' && !isNewDay && !isFirstUnread && previous?.event?.type === 'message' &&
      previous.event.user.id === event.user.id && previous.event.user.name === event.user.name && date - new Date(previous.event.at) < GROUPED_MS &&
      event.replyTo === undefined && event.data?.me !== true
    entry.classList.toggle('grouped', grouped)
  }

  #eventBefore (position) {
    for (let index = position - 1; index >= 0; index--) if (this.#items[index].event !== undefined) return this.#items[index].event
    return undefined
  }

  /** Before anything is put in, so that the page is laid out once. @param {number} to where the entries in the document will end @param {number} most */
  #trimTop (to, most) {
    const excess = to - this.#first - most
    if (excess <= SLACK) return
    const going = this.#items.slice(this.#first, Math.max(this.#first, Math.min(this.#first + excess, this.#last - 1)))
    if (going.length === 0 || isHeld(entriesOf(going))) return
    for (const item of going) discard(item)
    this.#first += going.length
    this.#dress(this.#items[this.#first])
  }

  #trimBottom () {
    const excess = this.#last - this.#first - SHOWN
    if (excess <= 0) return
    const going = this.#items.slice(this.#last - excess, this.#last)
    if (isHeld(entriesOf(going))) return
    for (const item of going) discard(item)
    this.#last -= excess
    if (this.#log.querySelector('.message[tabindex="0"]') === null) putInOrder(this.#log, this.#newestShown())
  }

  /** Lets the oldest go that are not in the document. */
  #unload (count) {
    const going = Math.min(count, this.#first)
    this.#part.unload(going)
    this.#first -= going
    this.#last -= going
  }

  /* Loading */

  /** @returns {Promise<boolean>} false where there was no answer, and what is shown is not the newest */
  async #loadLatest () {
    const answer = await this.#part.latest()
    if (answer === undefined) {
      // Where nothing is shown, the stream is the way back: what it brings is all there is to see for now.
      if (this.#items.length === 0) this.#part.atHead = true
      return this.#part.atHead
    }
    const unread = this.#unread
    this.#clear()
    this.#fill(answer.told)
    for (const event of answer.ahead) this.take(event, 'missed')
    if (unread > 0) this.#seen()
    this.#drawing.now()
    return true
  }

  /** The newest there is, where there is nothing yet. */
  #fill (told) {
    this.#part.fill(told)
    for (const event of told.events) this.take(event, 'history')
    this.#drawing.now()
    this.caughtUp()
  }

  /** @returns {Promise<boolean | undefined>} false where it is no longer kept, undefined where there was no answer */
  async #loadAround (id) {
    const found = await this.#part.around(id)
    if (found) {
      const unread = this.#unread
      this.#forgetShown()
      this.#following = false
      // What is new has still not been seen.
      this.#count(unread)
    } else if (this.#items.length === 0) {
      await this.#loadLatest()
    }
    return found
  }

  /** Shows some more of what is above, and loads it where it is not. */
  async #older () {
    if (this.#first === 0 && this.#looksBack) {
      await this.#part.older((count) => {
        this.#first += count
        this.#last += count
      })
    }
    this.#showOlder()
  }

  async #loadNewer () {
    await this.#part.newer()
    this.#showNewer()
  }

  #showOlder () {
    const from = Math.max(0, this.#first - STEP)
    if (from === this.#first) return
    this.#keepPlace(() => {
      const items = this.#items.slice(from, this.#first)
      this.#log.prepend(...items.map((item) => this.#entryOf(item)))
      const formerly = this.#items[this.#first]
      this.#first = from
      for (const item of [...items, formerly]) if (item?.entry !== undefined) this.#dress(item)
      this.#trimBottom()
    })
    this.#fillUp()
  }

  #showNewer () {
    const to = Math.min(this.#items.length, this.#last + STEP)
    if (to === this.#last) return
    this.#keepPlace(() => {
      this.#trimTop(to, SHOWN)
      this.#append(to)
    })
  }

  /** Whatever is done above, what is being read stays where it is. */
  #keepPlace (change) {
    if (this.#following) {
      change()
      this.#toBottom()
      return
    }
    const { top } = this.#scroller.getBoundingClientRect()
    const anchor = [...this.#log.children].find((entry) => entry.getBoundingClientRect().bottom > top)
    const before = anchor?.getBoundingClientRect().top
    change()
    if (anchor?.isConnected !== true) return
    this.#scroller.scrollTop += anchor.getBoundingClientRect().top - before
    this.#top = this.#scroller.scrollTop
  }

  /* Scrolling and reading */

  #scrolled () {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller
    const below = scrollHeight - scrollTop - clientHeight
    if (below < NEAR && this.#part.atHead && this.#last === this.#items.length) {
      this.#following = true
      this.#seen()
    } else if (scrollTop < this.#top && below >= NEAR) {
      // Only a move upwards leaves the bottom: what arrives moves the bottom away by itself, and what goes takes it along.
      this.#following = false
    }
    this.#top = scrollTop
    if (scrollTop < NEARLY && !this.#following) {
      this.#older()
    } else if (below < NEARLY && !this.#following) {
      if (this.#last < this.#items.length) this.#showNewer()
      else if (!this.#part.atHead) this.#loadNewer()
    }
    this.#offerNewer(!this.#following && (this.#unread > 0 || !this.#part.atHead || below >= 3 * clientHeight))
  }

  #toBottom () {
    this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#top = this.#scroller.scrollTop
  }

  #count (more, item) {
    this.#unread += more
    if (item !== undefined && this.#unread === 1) {
      const before = this.#firstUnread
      this.#firstUnread = item
      if (before?.entry !== undefined) this.#dress(before)
    }
    this.#offerNewer(!this.#following && this.#unread > 0)
    this.#on.unread(this.#unread)
  }

  #offerNewer (offered) {
    const hadFocus = document.activeElement === this.#newer
    this.#newer.hidden = !offered
    if (hadFocus && !offered) enter(this.#log, [...this.#log.querySelectorAll('.message')].at(-1))
    const words = this.#unread > 0 ? t('log.new', { count: this.#unread }) : t('log.to-present')
    if (this.#newer.textContent !== words) this.#newer.textContent = words
  }

  /** Everything has been seen that there is, if somebody looks. */
  #seen () {
    if (this.#isHidden) return
    if (this.#unread > 0) this.#count(-this.#unread)
    const newest = this.#items.findLast(({ event }) => event !== undefined)
    if (newest !== undefined) this.#readMark.reach(newest.id)
  }

  /** Nobody looks any more: what was marked as new is so no longer. */
  #left () {
    this.#readMark.note()
    if (this.#unread === 0) this.forgetUnread()
  }
}

function discard (item) {
  item.entry?.remove()
  item.entry = undefined
}

function entriesOf (items) {
  return items.map(({ entry }) => entry)
}

/** Whether what is focused or selected is within one of them. @param {HTMLElement[]} elements */
function isHeld (elements) {
  const selection = document.getSelection()
  const range = selection.isCollapsed || selection.rangeCount === 0 ? undefined : selection.getRangeAt(0)
  return elements.some((element) => element.contains(document.activeElement) || range?.intersectsNode(element) === true)
}
