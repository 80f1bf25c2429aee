import fp from 'fastify-plugin'
import type { Connections } from '../connections.js'
import type { AppOptions } from './config.js'

declare module 'fastify' {
  interface FastifyInstance {
    connections: Connections
  }
}

/** The server was made with them, before there was an application. */
export default fp<AppOptions>(async (fastify, { connections }) => {
  fastify.decorate('connections', connections)
  connections.onLimit = (limit) => { fastify.activity.limited[limit]++ }
}, { name: 'connections', dependencies: ['activity'] })
