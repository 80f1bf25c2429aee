import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import type { ChatEvent, User } from '../chat/event.js'
import { EngineUnavailable } from '../engines/engine.js'

/** The log in which nodes tell each other. No room of users begins so. */
export const NODES_ROOM = '~nodes'
/** What is told in it is remembered to have been acted on. */
const ACTED_ON = 1_000

/** What one node tells all of them. */
export interface Word {
  /** The same on each node; missing where there is only one. */
  id?: string
  user: User
  data: Record<string, unknown>
}

export interface NodesLog {
  /** Each node, this one included, does this once for each word of the type, in their order. */
  on (type: string, act: (word: Word) => Promise<void> | void): void
  /** Some words may have been missed: whoever depends on them asks the store. */
  onMissed (listener: () => void): void
  /**
   * Tells all nodes. Resolves when this one has acted on it; the others do in a moment.
   * @throws {EngineUnavailable} by rejection: it may be told nevertheless
   */
  tell (type: string, user: User, data: Record<string, unknown>): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    nodesLog: NodesLog
  }
}

/** What nodes tell each other, in a log of their own; a lone node acts at once. */
export default fp(async (fastify) => {
  const { engine } = fastify
  const acts = new Map<string, (word: Word) => Promise<void> | void>()
  const missed: Array<() => void> = []

  const actedOn = new Lru<Promise<void>>(ACTED_ON)
  const actOnce = ({ id, type, user, data }: ChatEvent): Promise<void> => {
    let acting = actedOn.get(id)
    if (acting === undefined) actedOn.set(id, acting = act(type, { id, user, data: data ?? {} }))
    return acting
  }
  const act = async (type: string, word: Word): Promise<void> => {
    try {
      await acts.get(type)?.(word)
    } catch (error) {
      fastify.log.error({ err: error }, 'what another node has told could not be acted on')
    }
  }

  if (engine.nodes !== undefined) {
    const tail = await engine.tail(NODES_ROOM, {
      hear: (items) => { for (const { entry: { event } } of items) void actOnce(event) },
      broken: () => { for (const listener of missed) listener() }
    })
    fastify.addHook('onClose', async () => tail.close())
  }

  fastify.decorate('nodesLog', {
    on: (type, act) => { acts.set(type, act) },
    onMissed: (listener) => { missed.push(listener) },
    tell: async (type, user, data) => {
      if (engine.nodes === undefined) return act(type, { user, data })
      const appended = await engine.append({ room: NODES_ROOM, draft: { type, user, data } }).catch((error) => {
        // What it is about is stored already, though nobody has been told.
        if (error instanceof EngineUnavailable) throw new EngineUnavailable(error.message, { cause: error, outcomeUnknown: true })
        throw error
      })
      if (appended.status === 'stored') await actOnce(appended.entry.event)
    }
  })
}, { name: 'nodes-log', dependencies: ['engine'] })
