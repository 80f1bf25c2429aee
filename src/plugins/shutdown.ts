import fp from 'fastify-plugin'

/** ms beyond the drain time that a post in flight has, before its connection is cut. */
const LAST_MS = 10_000

declare module 'fastify' {
  interface FastifyInstance {
    /** `since`: when the server began to go down. It may still be listening then. */
    draining: { since?: Date }
  }
}

/** Going down ends: Node waits for connections that have asked for nothing, and for requests that never finish. */
export default fp(async (fastify) => {
  fastify.decorate('draining', {})
  // Nobody sends another request on a connection that is about to close: a post that meets its end would have to be repeated.
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (fastify.draining.since !== undefined) reply.header('connection', 'close')
    done()
  })

  fastify.addHook('preClose', async () => {
    fastify.draining.since ??= new Date()
    // No new one comes while the last ones leave.
    fastify.server.close()
    fastify.connections.closeSilent()
    setTimeout(() => fastify.connections.closeAll(), fastify.config.DRAIN_TIME + LAST_MS).unref()
  })
}, { name: 'shutdown', dependencies: ['config', 'connections'] })
