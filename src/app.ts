import { fileURLToPath } from 'node:url'
import autoload from '@fastify/autoload'
import Fastify, { LogController, type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'
import fp from 'fastify-plugin'
import { answerClientError, answerFrameworkError } from './plugins/error-handler.js'
import type { AppOptions, Config } from './plugins/config.js'

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
 */
export async function build (config: Config, logger: FastifyServerOptions['logger'] = false): Promise<FastifyInstance> {
  const fastify = Fastify({
    logger,
    bodyLimit: BODY_LIMIT,
    // A store that is not there yet is waited for.
    pluginTimeout: 0,
    // For the request's head and body. An open stream is none of their concern; connectionTimeout would end it.
    requestTimeout: 30_000,
    // A listener that is closed refuses connections, which a client retries; a 503 it may not.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { ignoreTrailingSlash: true },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerFrameworkError
  })
  await fastify.register(fp(app), { config })
  return fastify
}
