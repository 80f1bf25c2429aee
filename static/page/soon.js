/** ms after which messages are waited for no longer. */
const SOON_MS = 2_000

/**
 * Loads what can wait, once: when the first messages are there, which everything else would be in the way of on a slow network, or
 * soon. Where it cannot be fetched, it can when the server is there again. A menu that somebody wants before it is there opens then.
 * @param {import('../client.d.ts').Client} client
 * @param {() => Promise<void>} load
 */
export function soon (client, load) {
  let loaded
  let wanted = () => undefined
  const remember = ({ target }) => {
    const opener = target.closest('[aria-haspopup=menu]')
    // A message may be shown anew meanwhile.
    const message = opener?.closest('.message')?.id
    wanted = () => message === undefined ? opener : document.getElementById(message)?.querySelector('.more')
  }
  const open = () => {
    document.removeEventListener('click', remember)
    wanted()?.click()
  }
  const go = () => { loaded ??= load().then(open, () => { loaded = undefined }) }
  document.addEventListener('click', remember)
  client.addEventListener('ready', go, { once: true })
  client.addEventListener('state', ({ detail: { state } }) => { if (state === 'live') go() })
  setTimeout(go, SOON_MS)
}
