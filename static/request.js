import { credentials } from './credentials.js'

/** ms until an answer is no longer waited for. */
const PATIENCE_MS = 20_000

/** The server, or the way to it, said no. `message` is for people. */
export class RequestFailed extends Error {
  /** @param {string} message @param {number} [status] missing where nothing was answered */
  constructor (message, status) {
    super(message)
    this.status = status
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
  throw new RequestFailed(message ?? `The server answered ${response.status}.`, response.status)
}

function timeout (ms) {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), ms)
  return controller.signal
}
