import fp from 'fastify-plugin'
import { errors } from '../errors.js'

/** Characters of a host that are told back. */
const TOLD = 80

/**
 * Answers under names that are ours only. A page of another site can have its own name lead here ("DNS rebinding"), and would then be
 * of one origin with us; but what its browser sends says that name.
 *
 * Only the header Host counts: X-Forwarded-Host comes through many a proxy as the page has set it.
 */
export default fp(async (fastify) => {
  const { edge } = fastify
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { host } = request.headers
    // HTTP/1.0 without a host is a program's: Node has refused it in HTTP/1.1, and browsers always send one.
    if (host === undefined || edge.answersFor(host)) return done()
    // Whoever watches over us asks by a name of the inner network.
    if (request.routeOptions.config.kind === 'probe') return done()
    done(new errors.HostUnknown(host.slice(0, TOLD)))
  })
}, { name: 'hosts', dependencies: ['edge', 'headers'] })
