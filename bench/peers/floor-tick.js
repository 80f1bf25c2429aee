/**
 * What Node could do at best: the bytes of a tick's events are gathered and written straight to each socket, framed once as
 * one chunk. Nothing is stored, and a reader that is slow is not looked after.
 */
import { eventServer } from './event-server.js'

const TICK_MS = 5

/** Each room's streams, and what they have still to be sent. */
const rooms = new Map()

function roomOf (name) {
  if (!rooms.has(name)) rooms.set(name, { sockets: new Set(), waiting: [] })
  return rooms.get(name)
}

function flush () {
  for (const room of rooms.values()) {
    if (room.waiting.length === 0) continue
    const bytes = Buffer.concat(room.waiting.splice(0))
    const chunk = Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
    for (const socket of room.sockets) socket.write(chunk)
  }
}

eventServer({
  open (name, response) {
    const { sockets } = roomOf(name)
    const { socket } = response
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  },
  publish (name, bytes) {
    roomOf(name).waiting.push(bytes)
  }
})

setInterval(flush, TICK_MS)
