import { newKey } from '../client/outbox.js'
import { ask, tell } from './dialog.js'
import { button, element, nameOf, tagOf } from './dom.js'
import { format, phrase, reasonOf, t } from './words.js'

const TIMES = ['10m', '1h', '1d', '7d', '']
/** Messages that are deleted at once, where somebody's last ones are. */
const CLEARED = 50

/** What moderators do, where it concerns people and messages; each can be taken back at once. */
export class Moderation {
  #client
  #toasts
  #room
  #onSettled

  /** @param {{ client: import('../client.d.ts').Client, toasts: import('./toasts.js').Toasts, room: () => string, onSettled: () => void }} options `onSettled`: a report waits no longer */
  constructor ({ client, toasts, room, onSettled }) {
    this.#onSettled = onSettled
    this.#client = client
    this.#toasts = toasts
    this.#room = room
  }

  /** Deletes a message of whomever. */
  async delete (event) {
    const { action } = await this.#client.delete(event)
    this.#done(t('moderation.deleted'), action)
  }

  /** @param {'mute' | 'ban'} kind @param {object} user */
  restrict (kind, user) {
    // Where it was asked for: the page may have gone to another room since.
    const room = this.#room()
    const key = newKey()
    ask({
      title: t(`moderation.${kind}-title`, { name: user.name }),
      about: phrase(`moderation.${kind}-about`, {}),
      fields: [
        { name: 'for', label: t('moderation.for'), choices: TIMES.map((time) => [time, t(`moderation.for-${time || 'ever'}`)]), value: kind === 'mute' ? '10m' : '' },
        { name: 'reason', label: t('moderation.reason'), hint: t('moderation.reason-hint'), attributes: { maxlength: '200' } },
        { name: 'everywhere', label: t('moderation.everywhere'), type: 'checkbox' }
      ],
      act: t(`moderation.${kind}`),
      danger: true,
      run: async ({ for: time, reason, everywhere, confirmed }) => {
        const { action } = await this.#client.request('POST', `moderation/${kind}s`, {
          user: user.id,
          ...(!everywhere && { room }),
          ...(time !== '' && { for: time }),
          ...(reason !== '' && { reason }),
          ...(confirmed && { confirm: true }),
          // Another time or reason is another wish.
          key: `${key} ${[time, everywhere, confirmed === true].join(' ')} ${reason.length}`
        })
        this.#done(t(`moderation.${kind}-done`, { name: user.name }), action)
      }
    })
  }

  /** Deletes what somebody has said last. */
  clear (user) {
    const room = this.#room()
    ask({
      title: t('moderation.clear-title', { name: user.name }),
      about: phrase('moderation.clear-about', { count: CLEARED }),
      act: t('moderation.clear'),
      danger: true,
      run: async () => {
        const { action, deleted } = await this.#client.request('POST', 'moderation/clears', { user: user.id, room, last: CLEARED })
        this.#done(t('moderation.cleared', { count: deleted, name: user.name }), action)
      }
    })
  }

  /** @param {object} change of a room's settings @param {string} [room] the one that is shown if not given */
  async changeRoom (change, room = this.#room()) {
    const { action } = await this.#client.request('PATCH', `rooms/${room}`, change)
    if (action !== undefined) this.#done(t('moderation.room-changed'), action)
  }

  /** @param {{ topic?: string, posting: string, slowMode: number, private: boolean }} now */
  roomSettings (now) {
    const room = this.#room()
    ask({
      title: t('room.settings-title', { room }),
      fields: [
        { name: 'topic', label: t('room.topic'), value: now.topic ?? '' },
        { name: 'posting', label: t('room.posting'), value: now.posting, choices: ['everybody', 'members', 'moderators'].map((who) => [who, t(`room.posting-${who}`)]) },
        { name: 'slowMode', label: t('room.slow-mode'), type: 'number', value: now.slowMode, hint: t('room.slow-mode-hint'), attributes: { min: '0', max: '21600', step: '1', inputmode: 'numeric' } },
        { name: 'private', label: t('room.private'), type: 'checkbox', value: now.private }
      ],
      act: t('save'),
      run: async (values) => {
        const change = Object.fromEntries(Object.entries({ ...values, slowMode: values.slowMode || 0 }).filter(([name, value]) => value !== (now[name] ?? '')))
        if (Object.keys(change).length > 0) await this.changeRoom(change, room)
      }
    })
  }

  /** Tells the moderators of a message. */
  report (event) {
    ask({
      title: t('report.title'),
      about: phrase('report.about', { name: nameOf(event.user) }),
      fields: [{ name: 'reason', label: t('report.reason'), attributes: { maxlength: '200' } }],
      act: t('report.send'),
      run: async ({ reason }) => {
        await this.#client.request('POST', `rooms/${event.room}/reports`, { event: event.id, ...(reason !== '' && { reason }) })
        this.#toasts.show(t('report.sent'))
      }
    })
  }

  /** What has been reported, and is not settled. @param {(id: string) => void} goTo */
  async reports (goTo) {
    const room = this.#room()
    const { reports } = await this.#asked(`rooms/${room}/reports`)
    if (reports === undefined) return
    const list = element('ul', { class: 'cards' })
    const dialog = tell({ title: t('reports.title', { room }), content: [list], wide: true })
    const none = () => { if (list.childElementCount === 0) list.append(element('li', { class: 'note' }, t('reports.none'))) }
    for (const { id, event, by, count, reasons } of reports) {
      const settle = () => {
        takeOut(item)
        none()
        this.#onSettled()
      }
      const item = element('li', {},
        element('p', { class: 'by' }, nameOf(event.user), ' ', tagOf(event.user)),
        element('div', { class: 'text', dir: 'auto' }, event.message ?? ''),
        element('p', { class: 'note' }, ...phrase('reports.by', { who: format.list(by.map(({ name }) => name)).join(''), count })),
        ...reasons.map((reason) => element('p', { class: 'note', dir: 'auto' }, t('reports.reason', { reason }))),
        element('p', { class: 'actions' },
          button(t('reports.show'), () => { dialog.close(); goTo(id) }),
          trying(t('reports.settle'), async () => {
            await this.#client.request('DELETE', `rooms/${room}/reports/${id}`)
            settle()
          }),
          button(t('moderation.mute'), () => this.restrict('mute', event.user)),
          trying(t('message.delete'), async () => {
            await this.delete(event)
            settle()
          }, { class: 'danger' })))
      list.append(item)
    }
    none()
  }

  /** Who is muted or banned, and the way back. */
  async restrictions () {
    const room = this.#room()
    const { restrictions } = await this.#asked('moderation/restrictions', { room })
    if (restrictions === undefined) return
    const list = element('ul', { class: 'cards' })
    const none = () => { if (list.childElementCount === 0) list.append(element('li', { class: 'note' }, t('restrictions.none'))) }
    for (const { id, kind, user, reason, by, until } of restrictions) {
      const item = element('li', {},
        element('p', { class: 'by' }, ...(user === undefined ? [t('restrictions.address')] : [nameOf(user), ' ', tagOf(user)])),
        element('p', { class: 'note' }, ...phrase(`restrictions.${kind}`, { by: nameOf(by), until: until === undefined ? t('restrictions.for-ever') : format.exact(new Date(until)) })),
        ...(reason === undefined || reason === '' ? [] : [element('p', { class: 'note', dir: 'auto' }, reason)]),
        element('p', { class: 'actions' }, trying(t('restrictions.lift'), async () => {
          await this.#undo(id)
          takeOut(item)
          none()
        })))
      list.append(item)
    }
    none()
    tell({ title: t('restrictions.title', { room }), content: [list], wide: true })
  }

  /** @returns what is answered; nothing where it is refused, which is said */
  async #asked (path, query) {
    try {
      return await this.#client.request('GET', path, undefined, query)
    } catch (failure) {
      this.#toasts.show(reasonOf(failure))
      return {}
    }
  }

  #done (words, action) {
    this.#toasts.show(words, action === undefined ? undefined : { label: t('undo'), act: () => this.#undo(action.id) })
  }

  async #undo (id) {
    await this.#client.request('POST', `moderation/log/${id}/undo`)
    this.#toasts.show(t('moderation.undone'))
  }
}

/** One is done: the focus goes on to the next, or to what closes the list. */
function takeOut (item) {
  const hadFocus = item.contains(document.activeElement)
  const next = item.nextElementSibling ?? item.previousElementSibling ?? item.closest('dialog')
  item.remove()
  if (hadFocus) next?.querySelector('button')?.focus()
}

/** A button that says beside it what went wrong. */
function trying (label, act, attributes) {
  return button(label, async ({ currentTarget: { parentElement } }) => {
    try {
      await act()
    } catch (failure) {
      parentElement.querySelector('.error')?.remove()
      parentElement.append(element('p', { class: 'error', role: 'alert' }, reasonOf(failure)))
    }
  }, attributes)
}
