import fp from 'fastify-plugin'
import { Places } from '../chat/places.js'

declare module 'fastify' {
  interface FastifyInstance {
    places: Places
  }
}

/** Open streams by user and by address, also where nothing is limited. */
export default fp(async (fastify) => {
  const streams = fastify.engine.nodes?.streams
  fastify.decorate('places', new Places(streams))
  // After the broadcaster's, by which the last stream is sent off.
  if (streams !== undefined) fastify.addHook('preClose', () => streams.leave())
}, { name: 'places', dependencies: ['broadcaster', 'engine', 'registry'] })
