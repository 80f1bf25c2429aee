/**
 * Node's floor: an event's bytes are made once and written with `res.write` to each stream, one write an event. Nothing is
 * stored, nobody has a name.
 */
import { eventServer } from './event-server.js'

const streams = new Map()

eventServer({
  open (room, response) {
    if (!streams.has(room)) streams.set(room, new Set())
    streams.get(room).add(response)
    response.on('close', () => streams.get(room).delete(response))
  },
  publish (room, bytes) {
    for (const response of streams.get(room) ?? []) response.write(bytes)
  }
})
