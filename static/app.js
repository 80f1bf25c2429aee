import { tokenOfTab } from './page/credentials.js'
import { newest } from './page/newest.js'
import { place } from './page/place.js'
import { Timeline } from './page/timeline.js'

/*
 * The page in the order in which it is wanted: what was said (here, with no more than it takes), then what is said and the saying of it
 * (page/live.js), then everything else (page/rest.js). On a slow network each would be in the way of the one before.
 */
const timeline = new Timeline({ log: document.getElementById('log'), scroller: document.getElementById('scroller'), newer: document.getElementById('newer') })
const { room, at } = place()
const told = await newest
const after = told === undefined ? undefined : timeline.begin(room, told)
const { live } = await import('./page/live.js')
live({ timeline, token: tokenOfTab(), room, at, after })
