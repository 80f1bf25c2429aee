import { parseId, type EventId } from './id.js'
import { ROOM_PATTERN } from './event.js'

export const MAX_ROOMS = 16
const ROOM = new RegExp(ROOM_PATTERN)

/**
 * Writes a reader's position: `room:id[,room:id…]`.
 * @param positions pairs of room and event id, already sorted by room
 */
export function formatCursor (positions: Iterable<{ room: string, id: EventId }>): string {
  let text = ''
  for (const { room, id } of positions) text += `${text === '' ? '' : ','}${room}:${id}`
  return text
}

/**
 * Reads a cursor for a stream of `rooms`.
 * @returns the id it names for each room of the stream (none for a room that it does not name), or the reason
 * why it says nothing about this stream: `malformed`, or `other-room` where it names none of them.
 */
export function parseCursor (text: string, rooms: readonly string[]): Map<string, EventId> | 'malformed' | 'other-room' {
  if (parseId(text) !== undefined) {
    return rooms.length === 1 ? new Map([[rooms[0]!, text]]) : 'malformed'
  }
  const named = new Map<string, EventId>()
  const parts = text.split(',', MAX_ROOMS + 1)
  if (parts.length > MAX_ROOMS) return 'malformed'
  for (const part of parts) {
    const colon = part.indexOf(':')
    const room = part.slice(0, colon)
    const id = part.slice(colon + 1)
    if (colon < 0 || !ROOM.test(room) || parseId(id) === undefined || named.has(room)) return 'malformed'
    named.set(room, id)
  }
  const ours = new Map([...named].filter(([room]) => rooms.includes(room)))
  return ours.size === 0 ? 'other-room' : ours
}
