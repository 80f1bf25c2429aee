import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import proxyAddr from '@fastify/proxy-addr'
import Fastify, { LogController, type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Connections, type ConnectionsOptions } from './connections.js'
import { answerClientError, answerFrameworkError } from './plugins/error-handler.js'
import type { AppOptions, Config } from './plugins/config.js'
import { basePath } from './public-url.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** The application: every plugin, then every route. */
const app: FastifyPluginAsync<AppOptions> = async (fastify, options) => {
  await fastify.register(autoload, { dir: here('./plugins/'), options })
  await fastify.register(autoload, { dir: here('./routes/'), options })
}

/** Bytes of a request's body at most. */
const BODY_LIMIT = 16 * 1024

/**
 * A server with the application in it, not listening yet.
 * @param logger Fastify's option; silent where not given
 * @param patience how long clients may take, where that is not as usual
 */
export async function build (config: Config, logger: FastifyServerOptions['logger'] = false, patience: ConnectionsOptions['patience'] = {}): Promise<FastifyInstance> {
  const base = basePath(config.PUBLIC_URL)
  const trusts = proxyAddr.compile(config.TRUST_PROXY)
  const connections = new Connections({
    most: config.LIMITS === 'off' ? Infinity : config.MAX_CONNECTIONS_PER_ADDRESS,
    isProxy: (address) => trusts(address, 0),
    patience
  })
  const fastify = Fastify({
    serverFactory: (handle) => connections.createServer(handle),
    logger,
    trustProxy: config.TRUST_PROXY.length > 0 && trusts,
    // A proxy may take the path before ours off, or not.
    rewriteUrl: ({ url = '/' }) => url.startsWith(base) ? url.slice(base.length - 1) : url,
    bodyLimit: BODY_LIMIT,
    // A store that is not there yet is waited for.
    pluginTimeout: 0,
    // A listener that is closed refuses connections, which a client retries; a 503 it may not.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { ignoreTrailingSlash: true },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerFrameworkError
  })
  await fastify.register(fp(app), { config, connections })
  return fastify
}
