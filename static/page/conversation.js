import { Composer } from './composer.js'
import { PendingList } from './pending.js'
import { HISTORY } from './place.js'
import { Typing } from './typing.js'

const part = (id) => document.getElementById(id)

/**
 * What is said in a room, and the saying of it: the part that the page and what is embedded elsewhere have in common, and all that
 * must be there before the first message can be read.
 *
 * Tells of `room` (another one is shown), `unread`, `news` (somebody else has said something) and `unreachable` (a message that was asked
 * for cannot be gone to).
 */
export class Conversation extends EventTarget {
  #client
  #pending
  #typing
  room
  timeline
  composer
  /** Why a message that was asked for cannot be gone to, until somebody has been told; a key of the page's words. @type {string | undefined} */
  unreachable
  /** Whom to mention. @type {() => Array<{ name: string, tag: string }>} */
  people = () => []

  /** @param {{ client: import('../client.d.ts').Client, timeline: import('./timeline.js').Timeline, writes?: boolean }} options */
  constructor ({ client, timeline, writes = true }) {
    super()
    this.#client = client
    this.timeline = timeline
    const reading = {
      isMe: (userId) => userId === client.user?.id,
      myName: () => client.user?.name,
      names: () => this.people().map(({ name }) => name)
    }
    timeline.goLive({
      client,
      reading,
      on: {
        unread: (count) => this.#tell('unread', count),
        unreachable: (why) => {
          this.unreachable = why
          this.#tell('unreachable')
        }
      }
    })
    this.#typing = new Typing({ line: part('typing'), isMe: reading.isMe })
    if (writes) {
      this.composer = new Composer({
        form: part('composer'),
        client,
        on: {
          sent: () => {
            this.timeline.forgetUnread()
            this.timeline.follow()
          },
          lastOwn: () => this.timeline.lastOwn(),
          leave: () => this.timeline.focus()
        }
      })
      this.#pending = new PendingList({
        list: part('outbox'),
        client,
        reading: { ...reading, find: (id) => this.timeline.find(id) },
        on: {
          takeBack: (draft) => this.composer.takeBack(draft, this.timeline.find(draft.replyTo)),
          left: () => this.composer.focus(),
          grown: () => { if (this.timeline.following) this.timeline.follow() },
          failed: (words) => this.#tell('failed', words)
        }
      })
    }
    const ours = (type, act) => client.addEventListener(type, ({ detail }) => { if (detail.room === this.room) act(detail) })
    client.addEventListener('event', ({ detail: { event, why } }) => this.#take(event, why))
    client.addEventListener('user', () => this.timeline.readAnew())
    ours('reset', (reset) => this.timeline.reset(reset))
    ours('ready', () => this.timeline.caughtUp())
    ours('continuity', (continuity) => this.timeline.back(continuity))
    ours('presence', (presence) => this.timeline.presence(presence))
    ours('typing', (typing) => this.#typing.show(typing))
    // Without its cookie the browser has spoken as a new guest: the stream says who that is.
    client.addEventListener('sent', ({ detail: { event: { user } } }) => { if (user !== undefined && client.user !== undefined && user.id !== client.user.id) client.reconnect() })
    client.addEventListener('state', ({ detail: { state } }) => {
      if (state === 'live') this.timeline.caughtUp()
      if (state === 'live' || state === 'catching-up') return
      this.timeline.away()
      this.#typing.clear()
    })
  }

  /** How a room is read. @param {{ room: string, at?: string, after?: string, history?: number }} how `at`: an event to go to; `after`: the last one that is shown already */
  static first ({ room, at, after, history = HISTORY }) {
    return { room, ...(after !== undefined ? { after } : { history: at === undefined ? history : 0 }) }
  }

  /** Shows a room. @param {{ at?: string, after?: string }} how `at`: an event to go to; `after`: the last one that is shown already */
  open (room, { at, after } = {}) {
    const isFirst = this.room === undefined
    const known = this.#client.rooms.includes(room)
    this.room = room
    this.#typing.clear()
    if (!known) this.#client.join(room, Conversation.first({ room, at }))
    // What is read from its beginning comes by itself.
    if (after === undefined) this.timeline.open(room, { ...(at !== undefined && { at }), fetch: known && !isFirst })
    this.composer?.open(room)
    this.#pending?.open(room)
    this.#tell('room', room)
  }

  /** Takes the focus, where what had it is gone. */
  focus () {
    if (this.composer === undefined) this.timeline.focus()
    else this.composer.focus()
  }

  #take (event, why) {
    if (event.room === this.room) this.timeline.take(event, why)
    if (why === 'history' || event.type !== 'message' || event.deleted !== undefined || event.user.id === this.#client.user?.id) return
    this.#tell('news', { event, why })
  }

  #tell (type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
