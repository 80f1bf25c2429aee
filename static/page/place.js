/** Past messages to begin with. */
export const HISTORY = 50
/** Where everybody comes in. */
export const LOBBY = 'lobby'

/** Whether a room may have this name, by the server's rule. */
export function isRoomName (name) {
  return /^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)
}

/**
 * What the address says: a room, and perhaps a message in it.
 * @returns {{ room: string, at?: string, invalid: boolean }} `invalid`: what it says is no room's name, and this is the lobby
 */
export function place () {
  const room = new URLSearchParams(location.search).get('room') ?? LOBBY
  const at = /^#(\d+-\d+)$/.exec(location.hash)?.[1]
  const invalid = !isRoomName(room)
  return { room: invalid ? LOBBY : room, ...(at !== undefined && { at }), invalid }
}
