import { connect } from './client.js'
import { Connection } from './page/connection.js'
import { Conversation } from './page/conversation.js'
import { keepsCookies, token } from './page/credentials.js'
import { hasKeyboard } from './page/dom.js'
import { keep } from './page/keep.js'
import { soon } from './page/soon.js'
import { fetchWords } from './page/words.js'

const part = (id) => document.getElementById(id)

/** What the address says: a room, and perhaps a message in it. */
function place () {
  const room = new URLSearchParams(location.search).get('room')
  const at = /^#(\d+-\d+)$/.exec(location.hash)?.[1]
  return { room: /^[a-z0-9][a-z0-9._-]{0,63}$/.test(room ?? '') ? room : 'lobby', at }
}

const { room, at } = place()
const others = keep.get('rooms', []).filter((other) => other !== room)
const client = connect({ url: document.baseURI, token, cookies: keepsCookies(), rooms: [Conversation.first(room, at), ...others.slice(-15)] })
const connection = new Connection({ root: part('connection'), onRetry: () => client.reconnect() })
client.addEventListener('state', ({ detail }) => connection.show(detail))
const conversation = new Conversation({ client })
conversation.open(room, at)
if (hasKeyboard.matches) conversation.composer.focus()

soon(client, async () => {
  const [{ furnishPage }] = await Promise.all([import('./page/rest.js'), fetchWords()])
  furnishPage({ client, conversation, place })
})
