import { connect } from './client.js'
import { Announcer } from './page/announcer.js'
import { Attention } from './page/attention.js'
import { Connection } from './page/connection.js'
import { Conversation } from './page/conversation.js'
import { token } from './page/credentials.js'
import { tell } from './page/dialog.js'
import { button, element, hasKeyboard } from './page/dom.js'
import { keep } from './page/keep.js'
import { openMenu } from './page/menu.js'
import { People } from './page/people.js'
import { Profile } from './page/profile.js'
import { Rooms } from './page/rooms.js'
import { mentions } from './page/rich-text.js'
import { shortcutSheet } from './page/shortcuts.js'
import { Toasts } from './page/toasts.js'
import { site, t } from './page/words.js'

const part = (id) => document.getElementById(id)

/** What the address says: a room, and perhaps a message in it. */
function place () {
  const room = new URLSearchParams(location.search).get('room')
  const at = /^#(\d+-\d+)$/.exec(location.hash)?.[1]
  return { room: /^[a-z0-9][a-z0-9._-]{0,63}$/.test(room ?? '') ? room : 'lobby', at }
}

const first = place()
const known = keep.get('rooms', []).filter((room) => room !== first.room)
const client = connect({ url: document.baseURI, token, rooms: [Conversation.first(first.room, first.at), ...known.slice(-15)] })
const isMe = (userId) => userId === client.user?.id

const announcer = new Announcer(part('announcer'))
const toasts = new Toasts(part('toasts'))
const attention = new Attention()
const profile = new Profile({ line: part('me'), client })
const connection = new Connection({ root: part('connection'), onRetry: () => client.reconnect() })
const people = new People({ panel: part('people'), opener: part('open-people'), isMe, onMenu: (user, anchor) => conversation.userMenu(user, anchor) })
const rooms = new Rooms({
  panel: part('rooms'),
  opener: part('open-rooms'),
  client,
  current: first.room,
  on: { go, unread: (room, count) => attention.unread(room, count) }
})
const conversation = new Conversation({
  client,
  announcer,
  toasts,
  people: () => people.mentionable,
  on: {
    unread: (count) => attention.unread(conversation.room, count),
    info: showInfo,
    news: (event) => {
      people.spoke(event.user)
      if (event.room !== conversation.room) rooms.news(event.room)
      if (mentions(event.message ?? '', client.user?.name)) attention.mention(event, () => go(event.room, event.id))
    },
    rename: () => profile.rename(),
    help: () => shortcutSheet(),
    goToRoom: go,
    linkTo: ({ room, id }) => new URL(`?room=${room}#${id}`, document.baseURI).href
  }
})

client.addEventListener('state', ({ detail }) => {
  connection.show(detail)
  people.setCurrent(detail.state === 'live')
  if (detail.state === 'live') rooms.look()
})
client.addEventListener('presence', ({ detail }) => {
  rooms.online(detail.room, detail.count)
  if (detail.room === conversation.room) people.take(detail)
})
client.addEventListener('ready', () => rooms.countUnread(), { once: true })

/** Goes to a room, as a page that can be left by the way back. */
function go (room, at) {
  rooms.close()
  people.close()
  history.pushState(null, '', `?room=${room}${at === undefined ? '' : `#${at}`}`)
  if (room === conversation.room && at !== undefined) conversation.timeline.goTo(at)
  else show({ room, at })
}

function show ({ room, at }) {
  const before = conversation.room
  rooms.open(room)
  // The one that has not been shown for longest goes where a stream has no room for more.
  for (const other of client.rooms) if (other !== room && !rooms.joined.includes(other)) client.leave(other)
  part('room').textContent = room
  part('topic').textContent = ''
  attention.open(room)
  people.open()
  conversation.open(room, at)
  people.take(client.presence(room))
  if (before !== undefined && hasKeyboard.matches) conversation.composer.focus()
}

function showInfo () {
  const { topic = '', reports = 0 } = conversation.info.now
  part('topic').textContent = part('topic').title = topic
  part('more').querySelector('.count').textContent = reports > 0 ? reports : ''
}

part('more').addEventListener('click', ({ currentTarget }) => {
  const { info, moderation, room } = conversation
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
    room === 'lobby' ? undefined : { label: t('rooms.leave'), act: leave },
    { label: t('about.menu', { site: site.name }), act: about }
  ], t('more.label'))
})

async function toggleNotifications () {
  const wanted = !attention.notifies
  const granted = await attention.notify(wanted)
  toasts.show(t(granted ? 'notify.is-on' : wanted ? 'notify.denied' : 'notify.is-off'))
}

function leave () {
  const { room } = conversation
  go('lobby')
  rooms.leave(room)
  client.leave(room)
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

function linksOfHost () {
  return [['rules', site.rules], ['privacy', site.privacy]].flatMap(([key, href]) => href === undefined ? [] : [element('a', { href, target: '_blank', rel: 'noopener' }, t(`about.${key}`))])
}

/** Whom nobody has welcomed yet. */
function welcome () {
  if (site.welcome === undefined || keep.get('welcomed') === site.welcome) return
  const dismiss = button(t('welcome.dismiss'), () => {
    keep.set('welcomed', site.welcome)
    part('welcome').hidden = true
    conversation.composer.focus()
  })
  const links = linksOfHost()
  part('welcome').append(element('p', { dir: 'auto' }, site.welcome), element('p', { class: 'actions' }, ...links.flatMap((link) => [link, ' ']), dismiss))
  part('welcome').hidden = false
}

addEventListener('popstate', () => {
  const { room, at } = place()
  if (room !== conversation.room) show({ room, at })
  else if (at !== undefined) conversation.timeline.goTo(at)
})
addEventListener('keydown', (event) => {
  const { key, altKey, ctrlKey, metaKey } = event
  if (document.querySelector('dialog[open]') !== null) return
  if (key === '/' && (ctrlKey || metaKey)) shortcutSheet()
  else if (altKey && (key === 'ArrowUp' || key === 'ArrowDown')) {
    const { joined } = rooms
    go(joined.at((joined.indexOf(conversation.room) + (key === 'ArrowDown' ? 1 : -1)) % joined.length))
  } else return
  event.preventDefault()
})

welcome()
show(first)
if (hasKeyboard.matches) conversation.composer.focus()
