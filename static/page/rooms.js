import { element, showItems } from './dom.js'
import { keep } from './keep.js'
import { asPanel } from './panel.js'
import { LOBBY, isRoomName } from './place.js'
import { format, t } from './words.js'

/** Rooms that are read at once, as many as a stream has. */
const MOST = 16
/** Messages that are counted as unread at most. */
const COUNTED = 99
/** ms between two looks at which rooms there are. */
const LOOK_MS = 60_000

/** The rooms that somebody has been to, with what is unread in each, and those that they could go to. */
export class Rooms {
  #panel
  #mine
  #others
  #opener
  #client
  #on
  #current
  #joined
  #unread = new Map()
  /** By room, how many are there. */
  #online = new Map()
  /** @type {string[]} */
  #all = []
  #onlineHere

  /**
   * @param {object} options
   * @param {HTMLElement} options.panel
   * @param {HTMLElement} options.opener
   * @param {import('../client.d.ts').Client} options.client
   * @param {string} options.current
   * @param {{ go: (room: string) => void, unread: (room: string, count: number) => void }} options.on
   */
  constructor ({ panel, opener, client, current, on }) {
    this.#mine = panel.querySelector('.mine')
    this.#others = panel.querySelector('.others')
    this.#opener = opener
    this.#client = client
    this.#on = on
    this.#current = current
    this.#panel = asPanel(panel)
    this.#joined = this.#remembered(current)
    const form = panel.querySelector('form')
    const problem = form.querySelector('.problem')
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const input = form.elements.namedItem('room')
      const room = input.value.trim().replace(/^#/, '').toLowerCase()
      const valid = isRoomName(room)
      problem.textContent = valid ? '' : t('rooms.invalid')
      input.ariaInvalid = valid ? null : 'true'
      if (!valid) return problem.scrollIntoView({ block: 'nearest' }) // With many rooms, or little room, it is below what is seen.
      input.value = ''
      on.go(room)
    })
    for (const list of [this.#mine, this.#others]) {
      list.addEventListener('click', (event) => {
        const link = event.target.closest('a')
        if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return
        event.preventDefault()
        on.go(link.dataset.room)
      })
    }
    panel.addEventListener('toggle', ({ newState }) => { if (newState === 'open') this.look() })
    setInterval(() => { if (document.visibilityState === 'visible') this.look() }, LOOK_MS)
    this.#show()
  }

  get joined () {
    return [...this.#joined]
  }

  close () {
    this.#panel.close()
  }

  /** Shows the room as the one that is read. */
  open (room) {
    this.#current = room
    this.#joined = this.#remembered(room)
    // Nothing is counted where nothing is read any more.
    for (const other of this.#unread.keys()) if (other === room || !this.#joined.includes(other)) this.unread(other, 0)
    this.#show()
  }

  /** The room is no longer one of ours. */
  leave (room) {
    keep.set('rooms', this.#joined.filter((other) => other !== room))
    this.#joined = this.#joined.filter((other) => other !== room)
    this.unread(room, 0)
  }

  /** A message has come to a room that is not shown. */
  news (room) {
    this.unread(room, (this.#unread.get(room) ?? 0) + 1)
  }

  unread (room, count) {
    this.#unread.set(room, count)
    this.#on.unread(room, count)
    this.#show()
  }

  /** What has come since somebody was last there. */
  async countUnread () {
    for (const room of this.#joined) {
      const last = keep.get(`read ${room}`)
      if (room === this.#current || last === undefined) continue
      const { events } = await this.#client.history(room, { after: last, limit: COUNTED + 1 }).catch(() => ({ events: [] }))
      const count = events.filter(({ type, user, deleted }) => type === 'message' && deleted === undefined && user.id !== this.#client.user?.id).length
      // What has come while it was asked is among them, or counted already.
      if (count > (this.#unread.get(room) ?? 0) && room !== this.#current && this.#joined.includes(room)) this.unread(room, count)
    }
  }

  /** Which rooms there are, and how many are where. */
  async look () {
    const answer = await this.#client.request('GET', 'rooms', undefined, { limit: 200 }).catch(() => undefined)
    if (answer === undefined) return
    this.#joined = this.#remembered(this.#current)
    this.#online = new Map(answer.rooms.map(({ room, online }) => [room, online]))
    this.#all = answer.rooms.toSorted?.((a, b) => b.online - a.online || a.room.localeCompare(b.room)).map(({ room }) => room) ?? answer.rooms.map(({ room }) => room)
    this.#show()
  }

  /** Whom the shown room has now, which is known without asking. */
  online (room, count) {
    if (this.#online.get(room) === count) return
    this.#online.set(room, count)
    this.#show()
  }

  /** The last ones that somebody was in, those first that were there first. */
  #remembered (room) {
    const before = keep.get('rooms', [])
    const rooms = before.includes(room) ? before : [...before.slice(-(MOST - 1)), room]
    if (!before.includes(room)) keep.set('rooms', rooms)
    return rooms
  }

  #show () {
    showItems(this.#mine, this.#joined.map((room) => this.#item(room)))
    // The lobby is there for everybody, also while nobody has said anything in it.
    const others = [...new Set([LOBBY, ...this.#all])].filter((room) => !this.#joined.includes(room))
    showItems(this.#others, others.map((room) => this.#item(room)))
    this.#others.parentElement.hidden = others.length === 0
    const total = [...this.#unread.entries()].reduce((sum, [room, count]) => sum + (room === this.#current ? 0 : count), 0)
    this.#opener.querySelector('.count').textContent = total === 0 ? '' : countOf(total)
    this.#opener.ariaLabel = total === 0 ? t('rooms.title') : t('rooms.title-unread', { count: total })
  }

  #item (room) {
    const unread = room === this.#current ? 0 : this.#unread.get(room) ?? 0
    const online = this.#online.get(room) ?? 0
    return element('li', { 'data-key': room }, element('a', { href: `?room=${room}`, 'data-room': room, 'aria-current': room === this.#current && 'page' },
      element('bdi', { class: 'room-name' }, room),
      ...(unread > 0 ? [' ', element('span', { class: 'count' }, element('span', { 'aria-hidden': 'true' }, countOf(unread)), element('span', { class: 'unseen' }, t('rooms.unread', { count: unread })))] : []),
      ...(online > 0 && unread === 0 ? [' ', element('span', { class: 'online' }, element('span', { 'aria-hidden': 'true' }, format.number(online)), element('span', { class: 'unseen' }, t('people.online', { count: online })))] : [])))
  }
}

function countOf (count) {
  return count > COUNTED ? `${format.number(COUNTED)}+` : format.number(count)
}
