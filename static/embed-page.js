import { connect } from './client.js'
import { Connection } from './page/connection.js'
import { Conversation } from './page/conversation.js'
import { tokenOfAddress } from './page/credentials.js'
import { soon } from './page/soon.js'
import { Timeline } from './page/timeline.js'
import { fetchWords } from './page/words.js'

/*
 * A room within another page: /embed?room=…, to read; with &composer=1, to write, too; with &overlay=1, over a picture. No cookie says
 * who somebody is in a frame of another site: a token does, in the frame's own storage, or in memory where that is denied.
 */
const part = (id) => document.getElementById(id)
const query = new URLSearchParams(location.search)
const overlay = query.get('overlay') === '1'
const writes = query.get('composer') === '1' && !overlay
const room = part('room').textContent

/** What the page around it may set, by which of ours. */
const COLOURS = { accent: '--brand', background: '--paper', raised: '--raised', text: '--ink', soft: '--soft', line: '--line' }
for (const [name, property] of Object.entries(COLOURS)) {
  const value = query.get(name)
  if (value !== null && CSS.supports('color', value)) document.documentElement.style.setProperty(property, value)
}
if (['light', 'dark'].includes(query.get('theme'))) document.documentElement.dataset.theme = query.get('theme')
if (CSS.supports('font-family', query.get('font') ?? '')) document.documentElement.style.fontFamily = query.get('font')
if (/^\d{1,4}$/.test(query.get('fade') ?? '')) document.documentElement.style.setProperty('--fade', `${query.get('fade')}s`)
document.body.classList.toggle('overlay', overlay)
if (!writes) for (const id of ['composer', 'me']) part(id).remove()

const client = connect({
  // Of whom the page around it says, now: what it does not say is not remembered.
  token: tokenOfAddress(),
  cookies: false,
  // Who only reads is nobody: monitors and overlays are no people.
  lurk: !writes,
  rooms: [Conversation.first({ room, ...(overlay && { history: 0 }) })]
})
const connection = new Connection({ root: part('connection'), onRetry: () => client.reconnect(), onLeft: () => conversation.focus() })
client.addEventListener('state', ({ detail }) => connection.show(detail))
const timeline = new Timeline({ log: part('log'), scroller: part('scroller'), newer: part('newer'), looksBack: !overlay })
const conversation = new Conversation({ client, timeline, writes })
const speakers = new Map()
conversation.addEventListener('news', ({ detail: { event: { user } } }) => speakers.set(user.tag, user))
conversation.people = () => [...speakers.values()]
conversation.open(room)
soon(client, async () => {
  const [{ furnish }] = await Promise.all([import('./page/furnish.js'), fetchWords()])
  furnish({ client, conversation, goToRoom: (room) => open(`./?room=${room}`, '_blank', 'noopener') })
})
