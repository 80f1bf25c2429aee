import { connect } from '../client.js'
import { Connection } from './connection.js'
import { Conversation } from './conversation.js'
import { keepsCookies } from './credentials.js'
import { hasKeyboard } from './dom.js'
import { keep } from './keep.js'
import { soon } from './soon.js'
import { fetchWords } from './words.js'

/**
 * What is said from now on, and the saying of it.
 * @param {object} options
 * @param {import('./timeline.js').Timeline} options.timeline
 * @param {string} [options.token]
 * @param {string} options.room
 * @param {string} [options.at] an event to go to
 * @param {string} [options.after] the last event that is shown already
 */
export function live ({ timeline, token, room, at, after }) {
  const others = keep.get('rooms', []).filter((other) => other !== room).slice(-15).map((room) => ({ room, history: 0 }))
  const client = connect({ token, cookies: keepsCookies(), rooms: [Conversation.first({ room, at, after }), ...others] })
  const connection = new Connection({ root: document.getElementById('connection'), onRetry: () => client.reconnect(), onLeft: () => conversation.focus() })
  client.addEventListener('state', ({ detail }) => connection.show(detail))
  const conversation = new Conversation({ client, timeline })
  client.addEventListener('state', ({ detail: { state } }) => { if (state === 'refused') readAlone(client, conversation.room) })
  conversation.open(room, { at, after })
  if (hasKeyboard.matches) conversation.composer.focus()
  soon(client, async () => {
    const [{ furnishPage }] = await Promise.all([import('./rest.js'), fetchWords()])
    furnishPage({ client, conversation })
  })
}

/** One room that may not be read (any more) would keep us out of all: those that are not shown are tried again, one by one. */
function readAlone (client, shown) {
  const others = client.rooms.filter((room) => room !== shown)
  if (others.length === 0) return
  for (const room of others) client.leave(room)
  const rejoin = async ({ detail: { state } }) => {
    if (state !== 'live' && state !== 'refused') return
    client.removeEventListener('state', rejoin)
    // Then it is the room that is shown, and there is nothing to be had.
    if (state === 'refused') return
    for (const room of others) {
      const refused = await client.request('GET', `rooms/${room}`).then(() => false, ({ code }) => code !== undefined)
      if (refused) keep.set('rooms', keep.get('rooms', []).filter((other) => other !== room))
      else if (!client.rooms.includes(room)) client.join(room, { history: 0 })
    }
  }
  client.addEventListener('state', rejoin)
  client.reconnect()
}
