import { tokenOfTab } from './credentials.js'
import { HISTORY, place } from './place.js'

const { room, at } = place()
const token = tokenOfTab()

/**
 * What was said last, asked for while what shows it is still on its way. Undefined where that cannot be had now: it comes later then, or
 * what is refused is told.
 * @type {Promise<{ events: object[], floor: string, head: string } | undefined>}
 */
export const newest = at === undefined ? ask() : Promise.resolve(undefined)

async function ask () {
  try {
    const answer = await fetch(`rooms/${room}/events?limit=${HISTORY}`, { headers: { 'hubbub-client': 'page', ...(token !== undefined && { authorization: `Bearer ${token}` }) } })
    const { events, floor, head } = await answer.json()
    return events === undefined ? undefined : { events, floor, head }
  } catch {
    return undefined
  }
}
