import { connect } from '../client.js'
import { Connection } from './connection.js'
import { Conversation } from './conversation.js'
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
  const client = connect({ token, rooms: [Conversation.first({ room, at, after }), ...others] })
  const connection = new Connection({ root: document.getElementById('connection'), onRetry: () => client.reconnect(), onLeft: () => conversation.focus() })
  client.addEventListener('state', ({ detail }) => connection.show(detail))
  const conversation = new Conversation({ client, timeline })
  conversation.open(room, { at, after })
  if (hasKeyboard.matches) conversation.composer.focus()
  soon(client, async () => {
    const [{ furnishPage }] = await Promise.all([import('./rest.js'), fetchWords()])
    furnishPage({ client, conversation })
  })
}
