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
    // Streams that other nodes can serve leave one after the other, and none is silent for long. A lone node's have nowhere to go
    // until it is back: the sooner it ends, the better, and it is their return that is spread.
    const shared = fastify.engine.nodes !== undefined
    const spread = shared ? RETURN_MS : DRAIN_TIME
    await broadcaster.dismiss('shutdown', () => Math.round(RETURN_MS + Math.random() * spread), shared ? DRAIN_TIME : 0)
  })
  fastify.addHook('onClose', async () => broadcaster.close())
}, { name: 'broadcaster', dependencies: ['activity', 'config', 'engine', 'shutdown'] })
