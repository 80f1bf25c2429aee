import { tokenOfTab } from './page/credentials.js'
import { HISTORY, Timeline } from './page/timeline.js'
import { place } from './page/place.js'

/*
 * The page in the order in which it is wanted: what was said (here, with no more than it takes), then what is said and the saying of it
 * (page/live.js), then everything else (page/rest.js). On a slow network each would be in the way of the one before.
 */
const token = tokenOfTab()
const { room, at } = place()
const timeline = new Timeline({ log: document.getElementById('log'), scroller: document.getElementById('scroller'), newer: document.getElementById('newer') })
const told = at === undefined ? await newest(room) : undefined
const after = told === undefined ? undefined : timeline.begin(room, told)
const { live } = await import('./page/live.js')
live({ timeline, token, room, at, after })

/** What was said last, undefined where that cannot be had now: it comes later then, or what is refused is told. */
async function newest (room) {
  try {
    const answer = await fetch(`rooms/${room}/events?limit=${HISTORY}`, { headers: { 'hubbub-client': 'page', ...(token !== undefined && { authorization: `Bearer ${token}` }) } })
    const { events, floor, head } = await answer.json()
    return events === undefined ? undefined : { events, floor, head }
  } catch {
    return undefined
  }
}
