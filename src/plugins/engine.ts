import fp from 'fastify-plugin'
import { EmbeddedEngine } from '../engines/embedded.js'
import type { Engine } from '../engines/engine.js'

declare module 'fastify' {
  interface FastifyInstance {
    engine: Engine
  }
}

export default fp(async (fastify) => {
  const { DATA_DIR, ROOM_HISTORY, ROOM_HISTORY_AGE } = fastify.config
  const engine = await EmbeddedEngine.open({
    directory: DATA_DIR,
    history: ROOM_HISTORY,
    ...(ROOM_HISTORY_AGE !== undefined && { historyAge: ROOM_HISTORY_AGE })
  })
  fastify.decorate<Engine>('engine', engine)
  fastify.addHook('onClose', () => engine.close())
}, { name: 'engine', dependencies: ['config'] })
