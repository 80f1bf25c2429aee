import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifySchema } from 'fastify'
import fp from 'fastify-plugin'

const { version, description } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

const PATH = '/docs'

/** In a body's schema: a request without one is taken, too. */
export const MAY_BE_MISSING = 'x-may-be-missing'

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
      ],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'A guest\'s, which pages have in a cookie; an API token; or one that your application has signed' }
        }
      },
      // Most is open to whoever comes; where it is not, the answers 401, 403 and 404 say so.
      security: [{}, { token: [] }]
    },
    transform: ({ schema, url }) => ({ schema: askingForNoDefaults(schema), url }),
    transformObject: (document) => {
      if (!('openapiObject' in document)) return document.swaggerObject
      for (const path of Object.values(document.openapiObject.paths ?? {})) {
        const body = path?.post?.requestBody as { required?: boolean, content: Record<string, { schema?: object }> } | undefined
        // The library takes every body for one that must be sent.
        if (Object.values(body?.content ?? {}).some(({ schema = {} }) => MAY_BE_MISSING in schema)) body!.required = false
      }
      return document.openapiObject
    }
  })
  fastify.addHook('onRoute', (route) => {
    if (route.url === PATH || route.url.startsWith(`${PATH}/`)) route.config = { ...route.config, kind: 'docs' }
  })
  await fastify.register(swaggerUi, { routePrefix: PATH, indexPrefix: base })
}, { name: 'docs', dependencies: ['config', 'edge', 'error-handler'] })

/** What has a default need not be sent, though whoever reads it here always finds it. */
function askingForNoDefaults (schema: FastifySchema): FastifySchema {
  const asked = ['querystring', 'body'].map((part) => {
    const { required, properties, ...rest } = (schema?.[part as 'body'] ?? {}) as { required?: string[], properties?: Record<string, object> }
    if (required === undefined || properties === undefined) return {}
    const left = required.filter((name) => !('default' in properties[name]!))
    return { [part]: { ...rest, properties, ...(left.length > 0 && { required: left }) } }
  })
  return Object.assign({}, schema, ...asked)
}
