import { commands } from './commands.js'
import { Composer } from './composer.js'
import { ask } from './dialog.js'
import { nameOf } from './dom.js'
import { openMenu } from './menu.js'
import { Moderation } from './moderation.js'
import { PendingList } from './pending.js'
import { RoomInfo } from './room-info.js'
import { Timeline } from './timeline.js'
import { Typing } from './typing.js'
import { phrase, reasonOf, t } from './words.js'

/** Past messages to begin with. */
const HISTORY = 50

const part = (id) => document.getElementById(id)

/**
 * What is said in a room, and the saying of it: the part that the page and what is embedded elsewhere have in common.
 */
export class Conversation {
  #client
  #announcer
  #toasts
  #on
  room
  timeline
  composer
  info
  moderation
  #pending
  #typing

  /**
   * @param {object} options
   * @param {import('../client.d.ts').Client} options.client
   * @param {import('./announcer.js').Announcer} options.announcer
   * @param {import('./toasts.js').Toasts} options.toasts
   * @param {() => Array<{ name: string, tag: string }>} options.people whom to mention
   * @param {{ unread: (count: number) => void, info: () => void, news: (event: object) => void, rename: () => void, help: () => void, goToRoom: (room: string) => void, linkTo: (event: object) => string }} options.on
   */
  constructor ({ client, announcer, toasts, people, on }) {
    this.#client = client
    this.#announcer = announcer
    this.#toasts = toasts
    this.#on = on
    const reading = {
      isMe: (userId) => userId === client.user?.id,
      myName: () => client.user?.name,
      names: () => people().map(({ name }) => name)
    }
    this.moderation = new Moderation({ client, toasts, room: () => this.room })
    this.info = new RoomInfo({
      client,
      onChange: () => {
        this.composer?.allow(this.info.writing)
        on.info()
      }
    })
    this.timeline = new Timeline({
      log: part('log'),
      scroller: part('scroller'),
      newer: part('newer'),
      client,
      reading,
      on: {
        unread: on.unread,
        gone: () => toasts.show(t('link.gone')),
        menu: (event, anchor) => this.#menu(event, anchor),
        key: (key, event) => this.#key(key, event)
      }
    })
    this.#typing = new Typing({ line: part('typing'), isMe: reading.isMe })
    if (part('composer') !== null) {
      this.composer = new Composer({
        form: part('composer'),
        client,
        people,
        moderates: () => this.info.moderates,
        commands: commands({
          post: (draft) => this.composer.post(draft),
          rename: async (name) => { toasts.show(t('rename.done', { name: (await client.setName(name)).name })) },
          goToRoom: on.goToRoom,
          help: on.help,
          changeRoom: (change) => this.moderation.changeRoom(change)
        }),
        say: (words) => announcer.say(words),
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
          takeBack: (text) => text === '' ? this.composer.focus() : this.composer.takeBack(text),
          grown: () => { if (this.timeline.following) this.timeline.follow() },
          failed: (words) => announcer.say(words)
        }
      })
    }
    client.addEventListener('event', ({ detail: { event, why } }) => this.#take(event, why))
    client.addEventListener('reset', ({ detail }) => { if (detail.room === this.room) this.timeline.reset(detail) })
    client.addEventListener('ready', ({ detail }) => { if (detail.room === this.room) this.timeline.caughtUp() })
    client.addEventListener('continuity', ({ detail }) => { if (detail.room === this.room) this.timeline.back(detail) })
    client.addEventListener('presence', ({ detail }) => { if (detail.room === this.room) this.timeline.presence(detail) })
    client.addEventListener('typing', ({ detail }) => { if (detail.room === this.room) this.#typing.show(detail) })
    client.addEventListener('state', ({ detail: { state } }) => {
      if (state === 'live') this.timeline.caughtUp()
      else if (state !== 'catching-up') {
        this.timeline.away()
        this.#typing.clear()
      }
    })
  }

  /** Shows a room. @param {string} [at] an event to go to */
  open (room, at) {
    const known = room === this.room ? true : this.#client.rooms.includes(room) && this.room !== undefined
    this.room = room
    this.#typing.clear()
    if (!this.#client.rooms.includes(room)) this.#client.join(room, { history: at === undefined ? HISTORY : 0 })
    this.timeline.open(room, { ...(at !== undefined && { at }), fetch: known })
    this.composer?.open(room)
    this.#pending?.open(room)
    this.info.open(room)
  }

  /** How a room is joined that is shown first. */
  static first (room, at) {
    return { room, history: at === undefined ? HISTORY : 0 }
  }

  #take (event, why) {
    if (event.room === this.room) this.timeline.take(event, why)
    if (why === 'history' || event.type !== 'message' || event.deleted !== undefined || event.user.id === this.#client.user?.id) return
    if (event.room === this.room && why === 'live') this.#announcer.message(event)
    this.#on.news(event)
  }

  #key (key, event) {
    const own = event.user.id === this.#client.user?.id
    if (key === 'Escape') this.composer?.focus()
    else if (event.deleted !== undefined) return false
    else if (key === 'r' && this.composer !== undefined) this.composer.reply(event)
    else if (key === 'e' && own && this.composer !== undefined) this.composer.edit(event)
    else if (key === 'c') this.#copy(this.#on.linkTo(event), 'link.copied')
    else if (key === 'Delete' && (own || this.info.moderates)) this.#delete(event)
    else return false
    return true
  }

  #menu (event, anchor) {
    const own = event.user.id === this.#client.user?.id
    const said = event.deleted === undefined
    const writes = this.composer !== undefined && this.info.writing.write
    openMenu(anchor, [
      said && writes ? { label: t('message.reply'), act: () => this.composer.reply(event) } : undefined,
      said && own && writes ? { label: t('message.edit'), act: () => this.composer.edit(event) } : undefined,
      { label: t('message.copy-link'), act: () => this.#copy(this.#on.linkTo(event), 'link.copied') },
      said ? { label: t('message.copy-text'), act: () => this.#copy(event.message, 'message.copied') } : undefined,
      said && (own || this.info.moderates) ? { label: t('message.delete'), danger: true, act: () => this.#delete(event) } : undefined,
      ...(own ? [] : this.#aboutUser(event.user)),
      said && !own && this.#client.user !== undefined ? { label: t('message.report'), act: () => this.moderation.report(event) } : undefined
    ], t('message.menu', { name: event.user.name }))
  }

  /** What can be done about somebody. */
  userMenu (user, anchor) {
    const items = user.id === this.#client.user?.id ? [{ label: t('me.rename'), act: this.#on.rename }] : this.#aboutUser(user)
    if (items.length > 0) openMenu(anchor, items, user.name)
  }

  #aboutUser (user) {
    return [
      ...(this.composer !== undefined && this.info.writing.write ? [{ label: t('message.mention', { name: user.name }), act: () => this.composer.mention(user.name) }] : []),
      ...(this.info.moderates
        ? [
            { label: t('moderation.mute-user'), act: () => this.moderation.restrict('mute', user) },
            { label: t('moderation.clear-user'), danger: true, act: () => this.moderation.clear(user) },
            { label: t('moderation.ban-user'), danger: true, act: () => this.moderation.restrict('ban', user) }
          ]
        : [])
    ]
  }

  /** A moderator's is done at once, since it can be undone; our own is gone for good. */
  #delete (event) {
    if (event.user.id !== this.#client.user?.id) return this.moderation.delete(event).catch((failure) => this.#toasts.show(reasonOf(failure)))
    ask({
      title: t('message.delete-title'),
      about: phrase('message.delete-about', { name: nameOf(event.user) }),
      act: t('message.delete'),
      danger: true,
      run: () => this.#client.delete(event)
    })
  }

  async #copy (text, done) {
    try {
      await navigator.clipboard.writeText(text)
      this.#toasts.show(t(done))
    } catch {
      // By plain HTTP no page may: then it is there to be copied.
      ask({ title: t('copy.title'), fields: [{ name: 'text', label: t('copy.label'), value: text, attributes: { readonly: 'readonly' } }], act: t('close'), run: () => {} })
    }
  }
}
