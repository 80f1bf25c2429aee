import { ask } from './dialog.js'
import { nameOf } from './dom.js'
import { openMenu } from './menu.js'
import { enter, putInOrder } from './order.js'
import { phrase, reasonOf, t } from './words.js'

/** What can be done with messages and about people: by menus, and by keys on a message. */
export class Actions {
  #log
  #client
  #conversation
  #info
  #moderation
  #toasts
  #on

  /**
   * @param {object} options
   * @param {HTMLElement} options.log
   * @param {import('../client.d.ts').Client} options.client
   * @param {import('./conversation.js').Conversation} options.conversation
   * @param {import('./room-info.js').RoomInfo} options.info
   * @param {import('./moderation.js').Moderation} options.moderation
   * @param {import('./toasts.js').Toasts} options.toasts
   * @param {{ rename: () => void, linkTo: (event: object) => string }} options.on
   */
  constructor ({ log, client, conversation, info, moderation, toasts, on }) {
    this.#log = log
    this.#client = client
    this.#conversation = conversation
    this.#info = info
    this.#moderation = moderation
    this.#toasts = toasts
    this.#on = on
    log.addEventListener('click', (event) => this.#clicked(event))
    log.addEventListener('keydown', (event) => this.#pressed(event))
    log.addEventListener('contextmenu', (event) => this.#contextMenu(event))
    log.addEventListener('focusin', ({ target }) => putInOrder(log, target.closest('.message') ?? undefined))
  }

  /** What can be done about somebody. */
  userMenu (user, anchor) {
    const items = this.#isMe(user) ? [{ label: t('me.rename'), act: this.#on.rename }] : this.#aboutUser(user)
    if (items.length > 0) openMenu(anchor, items, user.name)
  }

  #isMe ({ id }) {
    return id === this.#client.user?.id
  }

  #eventOf (message) {
    return this.#conversation.timeline.find(message.id.slice(1))
  }

  #clicked ({ target }) {
    const message = target.closest('.message')
    const opener = target.closest('.more, .by .author')
    if (message !== null && opener !== null) this.#menu(this.#eventOf(message), opener)
  }

  #contextMenu (event) {
    const message = event.target.closest('.message')
    // What is selected, and links, have a menu of the browser's.
    if (message === null || event.target.closest('a') !== null || !document.getSelection().isCollapsed || event.pointerType === 'touch') return
    event.preventDefault()
    this.#menu(this.#eventOf(message), message.querySelector('.more'))
  }

  #pressed (event) {
    const message = event.target.closest('.message')
    if (message === null || event.ctrlKey || event.metaKey || event.altKey) return
    const { key } = event
    const all = [...this.#log.querySelectorAll('.message')]
    const to = { ArrowUp: all.indexOf(message) - 1, ArrowDown: all.indexOf(message) + 1, Home: 0 }[key]
    if (to !== undefined) enter(this.#log, all[to])
    else if (key === 'End') this.#conversation.timeline.toPresent().then(() => enter(this.#log, [...this.#log.querySelectorAll('.message')].at(-1)))
    else if ((key === 'Enter' || key === ' ') && event.target === message) this.#menu(this.#eventOf(message), message)
    else if (event.target !== message || !this.#key(key, this.#eventOf(message))) return
    event.preventDefault()
  }

  #key (key, event) {
    const { composer } = this.#conversation
    const own = this.#isMe(event.user)
    if (key === 'Escape') composer?.focus()
    else if (event.deleted !== undefined) return false
    else if (key === 'r' && this.#mayWrite) composer.reply(event)
    else if (key === 'e' && own && this.#mayWrite) composer.edit(event)
    else if (key === 'c') this.#copy(this.#on.linkTo(event), 'link.copied')
    else if (key === 'Delete' && (own || this.#info.moderates)) this.#delete(event)
    else return false
    return true
  }

  get #mayWrite () {
    return this.#conversation.composer !== undefined && this.#info.writing.write
  }

  #menu (event, anchor) {
    const { composer } = this.#conversation
    const own = this.#isMe(event.user)
    const said = event.deleted === undefined
    openMenu(anchor, [
      said && this.#mayWrite ? { label: t('message.reply'), act: () => composer.reply(event) } : undefined,
      said && own && this.#mayWrite ? { label: t('message.edit'), act: () => composer.edit(event) } : undefined,
      { label: t('message.copy-link'), act: () => this.#copy(this.#on.linkTo(event), 'link.copied') },
      said ? { label: t('message.copy-text'), act: () => this.#copy(event.message, 'message.copied') } : undefined,
      said && (own || this.#info.moderates) ? { label: t('message.delete'), danger: true, act: () => this.#delete(event) } : undefined,
      ...(own ? [] : this.#aboutUser(event.user)),
      said && !own && !this.#info.moderates && this.#client.user !== undefined ? { label: t('message.report'), act: () => this.#moderation.report(event) } : undefined
    ], t('message.menu', { name: event.user.name }))
  }

  #aboutUser (user) {
    return [
      ...(this.#mayWrite ? [{ label: t('message.mention', { name: user.name }), act: () => this.#conversation.composer.mention(user.name) }] : []),
      ...(this.#info.moderates
        ? [
            { label: t('moderation.mute-user'), act: () => this.#moderation.restrict('mute', user) },
            { label: t('moderation.clear-user'), danger: true, act: () => this.#moderation.clear(user) },
            { label: t('moderation.ban-user'), danger: true, act: () => this.#moderation.restrict('ban', user) }
          ]
        : [])
    ]
  }

  /** A moderator's is done at once, since it can be undone; our own is gone for good. */
  #delete (event) {
    if (!this.#isMe(event.user)) return this.#moderation.delete(event).catch((failure) => this.#toasts.show(reasonOf(failure)))
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
