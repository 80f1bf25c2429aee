import { Composer } from './composer.js'
import { Connection } from './connection.js'
import { MessageLog } from './log.js'
import { People } from './people.js'
import { Profile } from './profile.js'
import { requestJson } from './request.js'
import { RoomStream } from './stream.js'

const part = (id) => document.getElementById(id)

const room = new URLSearchParams(location.search).get('room') || 'lobby'
part('room').textContent = room
document.title = `${room} · Hubbub`

/** The cookie has been taken back: we are somebody else from now on, in the stream as in what we send. */
const onSessionEnded = async () => {
  const { user } = await requestJson('GET', 'users/me').catch(() => ({}))
  if (user !== undefined) profile.show(user)
  stream.reopen()
}

const profile = new Profile({ line: part('me'), dialog: part('rename'), onSessionEnded })
const { isMe } = profile
const connection = new Connection(part('connection'))
const people = new People({ root: part('people'), room, isMe })
const log = new MessageLog({ list: part('log'), scroller: part('scroller'), newer: part('newer'), isMe })
const composer = new Composer({
  form: part('composer'),
  outbox: part('outbox'),
  failure: part('failure'),
  room,
  isShown: (id) => log.has(id),
  onSend: () => log.follow(),
  onSessionEnded
})

const stream = new RoomStream(room, {
  onState: (state) => {
    connection.show(state)
    people.setCurrent(state.kind === 'live' || state.kind === 'catching-up')
    log.setBusy(state.kind === 'connecting' || state.kind === 'catching-up')
  },
  onWelcome: ({ user, rooms: [about] }) => {
    profile.show(user)
    people.take(about)
  },
  onPresence: (presence) => people.take(presence),
  onEvent: (event, isNews) => {
    log.add(event)
    if (event.type === 'name' && event.deleted === undefined && isNews) {
      people.rename(event.user)
      if (isMe(event.user.id)) profile.show(event.user)
    }
    if (isMe(event.user.id)) composer.arrived(event)
  },
  onMissing: () => log.addMissing(),
  onOtherHistory: () => log.clear()
})
// Where a keyboard is at hand and no keyboard would cover the page.
if (matchMedia('(pointer: fine)').matches) part('text').focus()
stream.open()
