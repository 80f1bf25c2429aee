import type { AddressInfo } from 'node:net'
import fp from 'fastify-plugin'
import { listenForOperator } from '../operator-socket.js'
import { linkBase } from '../public-url.js'

/**
 * The operator's way in while the server runs: what comes by a socket in the data directory, which only the server's own user can
 * open, is the operator's. Where the store is Redis, the command line can also use it beside the nodes.
 */
export default fp(async (fastify) => {
  const { config, sessions } = fastify
  const { DATA_DIR, REDIS_URL } = config
  const base = (): string => linkBase(config, (fastify.server.address() as AddressInfo | null)?.port ?? config.PORT)
  let listening: Awaited<ReturnType<typeof listenForOperator>> | undefined

  fastify.addHook('onListen', async () => {
    // Nodes may share a directory that they do not use.
    if (REDIS_URL !== undefined) return
    try {
      listening = await listenForOperator(DATA_DIR, base, (request, response) => {
        const { headers } = request
        for (const name of Object.keys(headers)) if (!/^content-|^transfer-encoding$|^accept$/.test(name)) delete headers[name]
        headers.host = 'localhost'
        headers.authorization = `Bearer ${sessions.operatorToken}`
        fastify.routing(request, response)
      })
    } catch (error) {
      fastify.log.warn({ err: error }, 'DATA_DIR cannot hold the socket by which the command line reaches this server: stop it to use that')
    }
  })
  fastify.addHook('preClose', () => listening?.close())
}, { name: 'operator', dependencies: ['config', 'sessions'] })
