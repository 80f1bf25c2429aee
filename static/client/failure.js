/** Statuses by which the server says that asking again is of no use: no token, banned, no such room. */
const FINAL = new Set([400, 401, 403, 404, 421])

/** What an answer other than 200 means for the next attempt. */
export function failure ({ status, code, message, retryAfter }) {
  // What the server itself refuses now, it will refuse later; what a proxy says may pass.
  const ours = code?.startsWith('HUB_') === true
  if (retryAfter !== undefined) return { reason: 'busy', wait: retryAfter * 1_000 * (1 + Math.random() / 4), message }
  if (ours && FINAL.has(status)) return { final: true, code, message }
  return { reason: status === 503 || status === 429 ? 'busy' : 'unreachable' }
}
