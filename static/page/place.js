/** What the address says: a room, and perhaps a message in it. @returns {{ room: string, at?: string }} */
export function place () {
  const room = new URLSearchParams(location.search).get('room')
  const at = /^#(\d+-\d+)$/.exec(location.hash)?.[1]
  return { room: /^[a-z0-9][a-z0-9._-]{0,63}$/.test(room ?? '') ? room : 'lobby', ...(at !== undefined && { at }) }
}
