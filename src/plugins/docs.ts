import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import fp from 'fastify-plugin'

const { version, description } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

const PATH = '/docs'

/** OpenAPI 3.1 from the routes' own schemas, at /docs and /docs/json. */
export default fp(async (fastify) => {
  const { edge: { base }, config: { PUBLIC_URL } } = fastify
  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Hubbub', version, description },
      ...(PUBLIC_URL !== undefined && { servers: [{ url: PUBLIC_URL.replace(/\/$/, '') }] }),
      tags: [
        { name: 'events', description: 'Read and post' },
        { name: 'rooms', description: 'What there is' },
        { name: 'users', description: 'Who is there' },
        { name: 'moderation', description: 'Keep order' },
        { name: 'admin', description: 'Tokens and invitations' },
        { name: 'health', description: 'For whoever runs it' }
      ]
    }
  })
  fastify.addHook('onRoute', (route) => {
    if (route.url === PATH || route.url.startsWith(`${PATH}/`)) route.config = { ...route.config, kind: 'docs' }
  })
  await fastify.register(swaggerUi, { routePrefix: PATH, indexPrefix: base })
}, { name: 'docs', dependencies: ['config', 'edge', 'error-handler'] })
