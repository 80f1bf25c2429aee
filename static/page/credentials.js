import { keepForTab } from './keep.js'

/**
 * A token of an application that this place belongs to, given in the page's address after `#token=`, which no server sees and no log
 * has. Without one the browser's cookie says who we are.
 * @returns {string | undefined}
 */
export function tokenOfAddress () {
  return new URLSearchParams(location.hash.slice(1)).get('token') ?? undefined
}

/** What the address has said: it holds also where it cannot be kept. */
let given

/** The same, out of the address, where somebody would see it and pass it on; kept for this tab alone. @returns {string | undefined} */
export function tokenOfTab () {
  const token = tokenOfAddress()
  if (token === undefined) return given ?? keepForTab.get('token')
  given = token
  keepForTab.set('token', token)
  history.replaceState(history.state, '', location.pathname + location.search)
  return token
}

/**
 * Whether the browser keeps cookies here: where it does not, each request would be another guest's. `navigator.cookieEnabled` knows
 * nothing of a site for which they are blocked.
 */
export function keepsCookies () {
  try {
    document.cookie = 'hubbub-trial=1; SameSite=Strict'
    const kept = document.cookie.includes('hubbub-trial=1')
    document.cookie = 'hubbub-trial=; SameSite=Strict; Max-Age=0'
    return kept
  } catch {
    return false
  }
}
