import fp from 'fastify-plugin'
import type { Notice } from '../chat/frame.js'
import { Presence, type Change } from '../chat/presence.js'

declare module 'fastify' {
  interface FastifyInstance {
    registry: Presence
  }
}

/** ms over which joins and leaves are gathered into one notice. */
const GATHER_MS = 250

/** The registry of who is online, which tells the readers of a room. */
export default fp(async (fastify) => {
  const { PRESENCE_GRACE, CROWD } = fastify.config

  const notice = (room: string, detail: object): Notice => {
    const count = registry.count(room)
    return { type: 'presence', at: new Date().toISOString(), room, count, ...(count <= CROWD && detail) }
  }
  const registry = new Presence({
    graceMs: PRESENCE_GRACE,
    gatherMs: GATHER_MS,
    onChange: (room: string, change: Change) => {
      const whole = (): Notice => notice(room, { members: registry.members(room) })
      // Who knew the count alone needs them all, once they are few enough again.
      const before = registry.count(room) - change.joined.length + change.left.length
      fastify.broadcaster.announce(room, { change: before > CROWD ? whole() : notice(room, change), whole })
    }
  })
  fastify.decorate('registry', registry)
  fastify.addHook('onClose', async () => registry.close())
}, { name: 'registry', dependencies: ['config', 'broadcaster'] })
