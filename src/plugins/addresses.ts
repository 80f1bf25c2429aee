import { createHmac, randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import { addressKey } from '../address.js'

/** Addresses whose hashes are remembered: many requests come from each. */
const HASHES_KNOWN = 10_000
/** Bytes of a hash: none of two addresses is like another's. */
const HASH_BYTES = 16

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Whom an address stands for, as it is kept and told to other programs: a keyed hash, since whoever has a bare one tries all
     * four thousand million addresses. The same on all nodes.
     * @param address as Node gives it; of IPv6, all of a /64 have one
     */
    hashOfAddress (address: string): string
  }
}

export default fp(async (fastify) => {
  const { documents, nodes } = fastify.engine
  const keep = (key: string): Promise<string> => documents.put('settings', 'address-key', key, { ifAbsent: true })
  const key = Buffer.from(await keep(randomBytes(32).toString('base64url')), 'base64url')
  // A store that has lost its data gets it back, before a node that comes later makes another.
  nodes?.onReturn(() => { keep(key.toString('base64url')).catch(() => {}) })

  const known = new Lru<string>(HASHES_KNOWN)
  fastify.decorate('hashOfAddress', (address: string) => {
    const remembered = known.get(address)
    if (remembered !== undefined) return remembered
    const hash = createHmac('sha256', key).update(addressKey(address)).digest().subarray(0, HASH_BYTES).toString('base64url')
    known.set(address, hash)
    return hash
  })
}, { name: 'addresses', dependencies: ['engine'] })
