import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import underPressure from '@fastify/under-pressure'
import { Type } from '@sinclair/typebox'
import { errors } from '../errors.js'
import { Durability, failures } from '../schemas.js'

/**
 * ms that a turn of the event loop may take on average, and of how many ms that is measured. Far beyond what load does, which is worked
 * off in slices: a server that takes longer can hardly answer this. One pause is none: a machine that has stood still for a second is
 * there again when it is asked, and all its nodes would be passed over together.
 */
const STALLED = { turn: 500, measured: 3_000 }

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { engine, broadcaster, draining } = fastify
  // It measures; refusing is left to /readyz alone, so that a stalled server still serves whom it has.
  await fastify.register(underPressure, { maxEventLoopDelay: STALLED.turn, sampleInterval: STALLED.measured, pressureHandler: () => {} })

  fastify.get('/healthz', {
    config: { kind: 'probe' },
    schema: {
      tags: ['health'],
      summary: 'Whether the process works',
      response: {
        200: Type.Object({ status: Type.Literal('ok'), durability: Durability, streams: Type.Integer() })
      }
    }
  }, async () => ({ status: 'ok' as const, durability: engine.durability, streams: broadcaster.streams }))

  fastify.get('/readyz', {
    config: { kind: 'probe' },
    schema: {
      tags: ['health'],
      summary: 'Whether it should be sent requests',
      response: { 200: Type.Object({ status: Type.Literal('ready') }), ...failures(503) }
    }
  }, async () => {
    if (draining.since !== undefined) throw new errors.NotReady('it is going down')
    if (fastify.isUnderPressure()) throw new errors.NotReady('its event loop is stalled')
    await engine.check().catch(() => { throw new errors.NotReady('the store cannot be written') })
    return { status: 'ready' as const }
  })
}

export default route
