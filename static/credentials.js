/*
 * A token of an application that this place belongs to, given in the page's address after `#token=`, which no server sees and no log
 * has. Kept for this tab alone. Without one the browser's cookie says who we are.
 */
const KEPT = 'hubbub token'

let token
const given = new URLSearchParams(location.hash.slice(1)).get('token')
try {
  if (given !== null) sessionStorage.setItem(KEPT, given)
  token = sessionStorage.getItem(KEPT)
} catch {} // Where nothing may be stored, it lasts until a reload.
token = given ?? token
if (given !== null) history.replaceState(history.state, '', location.pathname + location.search)

/** @returns {Record<string, string>} the headers that say who we are */
export function credentials () {
  return token == null ? {} : { authorization: `Bearer ${token}` }
}
