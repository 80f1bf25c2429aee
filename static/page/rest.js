import { Attention } from './attention.js'
import { tell } from './dialog.js'
import { button, element, hasKeyboard } from './dom.js'
import { furnish } from './furnish.js'
import { keep } from './keep.js'
import { openMenu } from './menu.js'
import { People } from './people.js'
import { LOBBY, place } from './place.js'
import { mentions } from './rich-text.js'
import { Rooms } from './rooms.js'
import { shortcutSheet } from './shortcuts.js'
import { format, site, t } from './words.js'

const part = (id) => document.getElementById(id)

/**
 * What the page has beside a conversation: rooms and people, and the ways between them.
 * @param {object} options
 * @param {import('../client.d.ts').Client} options.client
 * @param {import('./conversation.js').Conversation} options.conversation
 */
export function furnishPage ({ client, conversation }) {
  const { actions, announcer, info, moderation, toasts } = furnish({ client, conversation, goToRoom: go })
  const attention = new Attention()
  const people = new People({
    panel: part('people'),
    opener: part('open-people'),
    isMe: (userId) => userId === client.user?.id,
    onMenu: (user, anchor) => actions.userMenu(user, anchor)
  })
  const rooms = new Rooms({
    panel: part('rooms'),
    opener: part('open-rooms'),
    client,
    current: conversation.room,
    on: { go, unread: (room, count) => attention.unread(room, count) }
  })
  conversation.people = () => people.mentionable

  client.addEventListener('state', ({ detail: { state } }) => {
    people.setCurrent(state === 'live')
    if (state === 'live') rooms.look()
  })
  client.addEventListener('presence', ({ detail }) => {
    rooms.online(detail.room, detail.count)
    if (detail.room === conversation.room) people.take(detail)
  })
  conversation.addEventListener('unread', ({ detail }) => attention.unread(conversation.room, detail))
  conversation.addEventListener('news', ({ detail: { event } }) => {
    if (event.room === conversation.room) people.spoke(event.user)
    else rooms.news(event.room)
    if (mentions(event.message ?? '', client.user?.name)) attention.mention(event, () => go(event.room, event.id))
  })
  info.addEventListener('change', () => {
    const { topic = '', reports = 0 } = info.now
    part('topic').textContent = part('topic').title = topic
    const count = reports > 0 ? format.number(reports) : ''
    part('more').querySelector('.count').textContent = count
    // What can be seen of it is in its name, for those who call it by voice.
    part('more').ariaLabel = count === '' ? t('more.label') : `${t('more.label')} · ${count}`
  })

  /** Goes to a room, as a page that can be left by the way back. */
  function go (room, at) {
    rooms.close()
    people.close()
    history.pushState(null, '', `?room=${room}${at === undefined ? '' : `#${at}`}`)
    if (room === conversation.room && at !== undefined) conversation.timeline.goTo(at)
    else show({ room, at })
  }

  function show ({ room, at }) {
    // What was not seen of the room before is still to be seen.
    rooms.unread(conversation.room, conversation.timeline.unread)
    rooms.open(room)
    // The one that has not been shown for longest goes where a stream has no room for more.
    for (const other of client.rooms) if (other !== room && !rooms.joined.includes(other)) client.leave(other)
    part('room').textContent = room
    part('topic').textContent = ''
    conversation.open(room, { at })
    enter(room)
    if (hasKeyboard.matches) conversation.composer.focus()
  }

  function enter (room) {
    attention.open(room)
    people.open()
    people.take(client.presence(room))
  }

  part('more').addEventListener('click', ({ currentTarget }) => {
    const { reports = 0 } = info.now ?? {}
    openMenu(currentTarget, [
      ...(info.moderates
        ? [
            { label: reports > 0 ? t('reports.menu-count', { count: reports }) : t('reports.menu'), act: () => moderation.reports((id) => conversation.timeline.goTo(id)) },
            { label: t('restrictions.menu'), act: () => moderation.restrictions() },
            { label: t('room.settings'), act: () => moderation.roomSettings(info.now) }
          ]
        : []),
      attention.canNotify ? { label: t(attention.notifies ? 'notify.off' : 'notify.on'), act: toggleNotifications } : undefined,
      { label: t(announcer.paused ? 'announce.resume' : 'announce.pause'), act: () => announcer.pause(!announcer.paused) },
      { label: t('shortcuts.menu'), act: () => shortcutSheet() },
      conversation.room === LOBBY ? undefined : { label: t('rooms.leave'), act: leave },
      { label: t('about.menu', { site: site.name }), act: about }
    ], t('more.label'))
  })

  async function toggleNotifications () {
    toasts.show(t(`notify.${await attention.notify(!attention.notifies)}`))
  }

  function leave () {
    const { room } = conversation
    go(LOBBY)
    rooms.leave(room)
    client.leave(room)
  }

  addEventListener('popstate', () => {
    const { room, at } = place()
    if (room !== conversation.room) show({ room, at })
    else if (at !== undefined) conversation.timeline.goTo(at)
  })
  addEventListener('keydown', (event) => {
    const { key, altKey, ctrlKey, metaKey } = event
    if (document.querySelector('dialog[open]') !== null) return
    const { joined } = rooms
    if (key === '/' && (ctrlKey || metaKey)) shortcutSheet()
    else if (altKey && (key === 'ArrowUp' || key === 'ArrowDown') && joined.length > 1) go(joined.at((joined.indexOf(conversation.room) + (key === 'ArrowDown' ? 1 : -1)) % joined.length))
    else return
    event.preventDefault()
  })

  if (place().invalid) toasts.show(t('rooms.invalid'))
  welcome(() => conversation.composer.focus())
  rooms.open(conversation.room)
  enter(conversation.room)
  people.setCurrent(client.state.state === 'live')
  attention.unread(conversation.room, conversation.timeline.unread)
  rooms.look()
  rooms.countUnread()
}

function about () {
  tell({
    title: site.name,
    content: [
      ...(site.welcome === undefined ? [] : [element('p', { dir: 'auto' }, site.welcome)]),
      element('p', {}, t('about.words')),
      element('ul', { class: 'links' }, ...linksOfHost().map((link) => element('li', {}, link)))
    ]
  })
}

/** @returns {HTMLAnchorElement[]} */
function linksOfHost () {
  return [['rules', site.rules], ['privacy', site.privacy]].flatMap(([key, href]) => href === undefined ? [] : [element('a', { href, target: '_blank', rel: 'noopener' }, t(`about.${key}`))])
}

/** Whom nobody has welcomed yet. @param {() => void} done */
function welcome (done) {
  if (site.welcome === undefined || keep.get('welcomed') === site.welcome) return
  const dismiss = button(t('welcome.dismiss'), () => {
    keep.set('welcomed', site.welcome)
    part('welcome').hidden = true
    done()
  })
  part('welcome').append(element('p', { dir: 'auto' }, site.welcome), element('p', { class: 'actions' }, ...linksOfHost().flatMap((link) => [link, ' ']), dismiss))
  part('welcome').hidden = false
}
