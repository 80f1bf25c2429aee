import proxyAddr from '@fastify/proxy-addr'
import fp from 'fastify-plugin'

const HEADERS = ['x-forwarded-for', 'forwarded', 'x-real-ip'] as const

/**
 * Says once, where a proxy that is not in TRUST_PROXY passes on for whom it asks, that it is not believed: everybody behind it has one
 * address then, for limits as for bans.
 */
export default fp(async (fastify) => {
  const trusts = proxyAddr.compile(fastify.config.TRUST_PROXY)
  let told = false
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (told) return done()
    const header = HEADERS.find((name) => request.headers[name] !== undefined)
    const peer = request.socket.remoteAddress
    if (header !== undefined && peer !== undefined && !trusts(peer, 0)) {
      told = true
      request.log.warn(`the header ${header} from ${peer} is not believed, since that is not in TRUST_PROXY: if it is your proxy, name it there, or everybody behind it has one address; if it is not, somebody tries to have another one (this is said once)`)
    }
    done()
  })
}, { name: 'forwarding', dependencies: ['config'] })
