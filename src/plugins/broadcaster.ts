import fp from 'fastify-plugin'
import { Broadcaster } from '../chat/broadcaster.js'

declare module 'fastify' {
  interface FastifyInstance {
    broadcaster: Broadcaster
  }
}

/** ms at least until a stream that was sent off comes back. */
const RETURN_MS = 500

export default fp(async (fastify) => {
  const { ROOM_RING_BYTES, RING_BYTES, HEARTBEAT, DRAIN_TIME } = fastify.config
  const broadcaster = new Broadcaster({
    engine: fastify.engine,
    activity: fastify.activity,
    roomRingBytes: ROOM_RING_BYTES,
    ringBytes: RING_BYTES,
    heartbeatMs: HEARTBEAT
  })
  fastify.decorate('broadcaster', broadcaster)
  // Depends on `shutdown` for the order: no new stream is let in by the time that the old ones are sent off.
  fastify.addHook('preClose', async () => {
    broadcaster.dismiss('shutdown', () => Math.round(RETURN_MS + Math.random() * DRAIN_TIME))
  })
  fastify.addHook('onClose', async () => broadcaster.close())
}, { name: 'broadcaster', dependencies: ['activity', 'config', 'engine', 'shutdown'] })
