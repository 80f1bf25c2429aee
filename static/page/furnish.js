import { Actions } from './actions.js'
import { Announcer } from './announcer.js'
import { commands } from './commands.js'
import { Completion } from './completion.js'
import { element } from './dom.js'
import { Moderation } from './moderation.js'
import { Profile } from './profile.js'
import { RoomInfo } from './room-info.js'
import { shortcutSheet } from './shortcuts.js'
import { Toasts } from './toasts.js'
import { t } from './words.js'

const part = (id) => document.getElementById(id)

/**
 * What can wait until the first messages are read: menus, commands, completion, what is read aloud. The page and what is embedded
 * elsewhere have it in common.
 * @param {object} options
 * @param {import('../client.d.ts').Client} options.client
 * @param {import('./conversation.js').Conversation} options.conversation
 * @param {(room: string) => void} options.goToRoom
 */
export function furnish ({ client, conversation, goToRoom }) {
  document.head.append(element('link', { rel: 'stylesheet', href: 'later.css' }))
  const { composer } = conversation
  const toasts = new Toasts({ root: part('toasts'), onLeft: () => conversation.focus() })
  const announcer = new Announcer(part('announcer'))
  const info = new RoomInfo({ client })
  const moderation = new Moderation({ client, toasts, room: () => conversation.room, onSettled: () => info.look() })
  const profile = part('me') === null ? undefined : new Profile({ line: part('me'), client })
  const actions = new Actions({
    log: part('log'),
    client,
    conversation,
    info,
    moderation,
    toasts,
    on: {
      rename: () => profile?.rename(),
      linkTo: ({ room, id }) => new URL(`./?room=${room}#${id}`, location.href).href
    }
  })
  if (composer !== undefined) {
    const known = commands({
      post: (draft) => composer.post(draft),
      rename: async (name) => { toasts.show(t('rename.done', { name: (await client.setName(name)).name })) },
      goToRoom,
      help: shortcutSheet,
      changeRoom: (change) => moderation.changeRoom(change)
    })
    const completion = new Completion({
      text: part('text'),
      list: part('choices'),
      say: (words) => announcer.say(words),
      sources: [
        {
          pattern: /^\/([a-z]*)$/i,
          choices: (word) => known.filter(({ name, moderators }) => name.startsWith(word.toLowerCase()) && name !== word.toLowerCase() && (!moderators || info.moderates))
            .map(({ name }) => ({ label: `/${name}`, hint: t(`command.${name}`), text: `${name} ` }))
        },
        {
          pattern: /(?:^|[^\p{L}\p{N}_@])@([^@\n]{0,32})$/u,
          choices: (word) => conversation.people().filter(({ name, tag }) => tag !== client.user?.tag && name.toLowerCase().startsWith(word.toLowerCase()) && name.toLowerCase() !== word.toLowerCase())
            .map(({ name, tag }) => ({ label: name, hint: tag, text: `${name} ` }))
        }
      ]
    })
    composer.furnish({ commands: known, completion })
  }
  info.addEventListener('change', () => composer?.allow(info.writing))
  conversation.addEventListener('room', () => info.open(conversation.room))
  conversation.addEventListener('unreachable', tellWhy)
  conversation.addEventListener('failed', ({ detail }) => announcer.say(detail))
  conversation.addEventListener('news', ({ detail: { event, why } }) => { if (event.room === conversation.room && why === 'live') announcer.message(event) })
  info.open(conversation.room)
  tellWhy()

  function tellWhy () {
    if (conversation.unreachable !== undefined) toasts.show(t(conversation.unreachable))
    conversation.unreachable = undefined
  }

  return { actions, announcer, info, moderation, profile, toasts }
}
