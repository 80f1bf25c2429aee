/** ms after which messages are waited for no longer. */
const SOON_MS = 2_000

/**
 * Loads what can wait, once: when the first messages are there, which everything else would be in the way of on a slow network, or
 * soon. Where it cannot be fetched, it can when the server is there again.
 * @param {import('../client.d.ts').Client} client
 * @param {() => Promise<void>} load
 */
export function soon (client, load) {
  let loaded
  const go = () => { loaded ??= load().catch(() => { loaded = undefined }) }
  client.addEventListener('ready', go, { once: true })
  client.addEventListener('state', ({ detail: { state } }) => { if (state === 'live') go() })
  setTimeout(go, SOON_MS)
}
