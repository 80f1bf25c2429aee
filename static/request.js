import { credentials } from './credentials.js'

/** ms until an answer is no longer waited for. */
const PATIENCE_MS = 20_000

/** The server, or the way to it, said no. `message` is for people. */
export class RequestFailed extends Error {
  /**
   * @param {string} message
   * @param {number} [status] missing where nothing was answered
   * @param {number} [retryAfter] s after which the server lets us try again
   */
  constructor (message, status, retryAfter) {
    super(message)
    this.status = status
    this.retryAfter = retryAfter
  }
}

/**
 * A JSON request.
 * @returns {Promise<any>} the answer's body
 * @throws {RequestFailed} by rejection
 */
export async function requestJson (method, url, body) {
  let response
  try {
    response = await fetch(url, {
      method,
      // A page of another site could not send the first of these without asking before.
      headers: { 'hubbub-client': 'page', ...credentials(), ...(body !== undefined && { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: timeout(PATIENCE_MS)
    })
    if (response.ok) return await response.json()
  } catch {
    throw new RequestFailed('No answer from the server.')
  }
  // A proxy on the way answers without JSON.
  const { message } = await response.json().catch(() => ({}))
  const seconds = Number(response.headers.get('retry-after'))
  throw new RequestFailed(message ?? `The server answered ${response.status}.`, response.status, seconds > 0 ? seconds : undefined)
}

function timeout (ms) {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), ms)
  return controller.signal
}
