import fp from 'fastify-plugin'
import { EmbeddedEngine } from '../engines/embedded.js'
import type { Engine } from '../engines/engine.js'
import { RedisEngine } from '../engines/redis.js'
import { parseStoreUrl } from '../engines/redis/url.js'
import { MODERATION_ROOM } from './moderation-log.js'
import { NODES_ROOM } from './nodes-log.js'

/** Actions that the moderation log keeps, some hundred bytes each: so many that nobody can push out what was done by doing more. */
const MODERATION_HISTORY = 1_000_000
/** ms for which it is kept what nodes have told each other, names among it: a node that was away for longer reads everything anew. */
const NODES_LOG_AGE = 60 * 60 * 1000

declare module 'fastify' {
  interface FastifyInstance {
    engine: Engine
  }
}

export default fp(async (fastify) => {
  const { DATA_DIR, REDIS_URL, REDIS_PREFIX, ROOM_HISTORY, ROOM_HISTORY_AGE } = fastify.config
  const kept = { history: ROOM_HISTORY, keeps: new Map([[MODERATION_ROOM, MODERATION_HISTORY]]), ...(ROOM_HISTORY_AGE !== undefined && { historyAge: ROOM_HISTORY_AGE }) }
  const engine = REDIS_URL === undefined
    ? await EmbeddedEngine.open({ directory: DATA_DIR, ...kept })
    : await RedisEngine.open({ address: parseStoreUrl(REDIS_URL)!, prefix: REDIS_PREFIX, log: fastify.log, ...kept, ages: new Map([[NODES_ROOM, NODES_LOG_AGE]]) })
  fastify.decorate<Engine>('engine', engine)
  fastify.addHook('onClose', () => engine.close())
}, { name: 'engine', dependencies: ['config'] })
