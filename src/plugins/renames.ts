import fp from 'fastify-plugin'
import { Lru } from 'toad-cache'
import type { ChatEvent, User } from '../chat/event.js'
import { EngineUnavailable } from '../engines/engine.js'

/** The log in which nodes tell each other of renames. No room of users begins so. */
const NODES_ROOM = '~nodes'
const RENAME = 'rename'
/** Beside every user's: ids hold no space. */
const SCOPE = 'of renames'
/** Renames that are remembered to have been told of. */
const TOLD = 1_000
/** ms until it is tried again to tell a room of a rename, and how often: the room itself may be what cannot be used. */
const RETRY_MS = 1_000
const TRIES = 300
/** Users whose names are looked up at once. */
const LOOKED_UP_AT_ONCE = 50

export interface Renames {
  /**
   * Gives a user another name, and tells each room in which the user has a stream, on whatever node.
   * @returns the user, undefined where somebody else has the name
   * @throws {EngineUnavailable} by rejection
   */
  rename (user: User, name: string): Promise<User | undefined>
}

interface Rename {
  /** Where there are other nodes: the same on each of them, so that a room in which two of them have the user is told once. */
  id?: string
  user: User
  from: string
}

declare module 'fastify' {
  interface FastifyInstance {
    renames: Renames
  }
}

/** Renames, which every node hears of: each tells those of its rooms in which it has the user. */
export default fp(async (fastify) => {
  const { engine, broadcaster, registry, sessions, log } = fastify
  let closed = false

  const tell = async (room: string, { id, user, from }: Rename): Promise<void> => {
    const after = broadcaster.head(room)
    await engine.append({
      room,
      draft: { type: 'name', user, data: { from, to: user.name } },
      ...(after !== undefined && { after }),
      ...(id !== undefined && { idempotency: { scope: SCOPE, key: id, fingerprint: '' } })
    })
  }

  /** Where the store is away now, a rename that has an id is told when it is back; nobody waits for that. */
  const tellSurely = async (room: string, rename: Rename, tries = TRIES): Promise<void> => {
    try {
      await tell(room, rename)
    } catch (error) {
      if (rename.id === undefined || closed || tries === 1 || !(error instanceof EngineUnavailable)) return log.error({ err: error }, 'a rename could not be told')
      setTimeout(() => void tellSurely(room, rename, tries - 1), RETRY_MS).unref()
    }
  }

  const apply = async (rename: Rename): Promise<void> => {
    sessions.renamed(rename.user)
    await Promise.all(registry.rename(rename.user).map((room) => tellSurely(room, rename)))
  }

  const applied = new Lru<Promise<void>>(TOLD)
  const applyOnce = ({ id, user, data }: ChatEvent): Promise<void> => {
    let applying = applied.get(id)
    if (applying === undefined) applied.set(id, applying = apply({ id, user, from: String(data?.['from']) }))
    return applying
  }

  if (engine.nodes !== undefined) {
    const tail = await engine.tail(NODES_ROOM, {
      hear: (items) => { for (const { entry: { event } } of items) if (event.type === RENAME) void applyOnce(event) },
      broken: () => {
        sessions.forget()
        void lookUp()
      }
    })
    fastify.addHook('onClose', async () => {
      closed = true
      tail.close()
    })
  }

  /** Some renames were missed: of whoever is online here the newest name is asked for. */
  async function lookUp (): Promise<void> {
    const users = [...registry.everybody()]
    while (users.length > 0 && !closed) {
      await Promise.all(users.splice(0, LOOKED_UP_AT_ONCE).map(async (user) => {
        const name = await sessions.nameOf(user.id).catch(() => null)
        if (name !== null && name !== registry.get(user.id)?.name) registry.rename({ ...user, name })
      }))
    }
  }

  fastify.decorate('renames', {
    rename: async (before, name) => {
      if (!(await registry.names.claim(name, before.id))) return undefined
      const user = { ...before, name }
      await sessions.rename(user)
      if (engine.nodes === undefined) {
        await apply({ user, from: before.name })
        return user
      }
      const appended = await engine.append({ room: NODES_ROOM, draft: { type: RENAME, user, data: { from: before.name } } }).catch((error) => {
        // The name is stored already, though nobody has been told.
        if (error instanceof EngineUnavailable) throw new EngineUnavailable(error.message, { cause: error, outcomeUnknown: true })
        throw error
      })
      if (appended.status === 'stored') await applyOnce(appended.entry.event)
      registry.names.release(before.name, user).catch(() => {}) // Then it runs out.
      return user
    }
  })
}, { name: 'renames', dependencies: ['broadcaster', 'engine', 'registry', 'sessions'] })
