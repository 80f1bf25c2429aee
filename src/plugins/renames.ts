import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { NAME, type User } from '../chat/event.js'
import { EngineUnavailable } from '../engines/engine.js'
import type { Session } from './sessions.js'

const RENAME = 'rename'
/** Beside every user's: ids hold no space. */
const SCOPE = 'of renames'
/** ms until it is tried again to tell a room of a rename, and how often: the room itself may be what cannot be used. */
const RETRY_MS = 1_000
const TRIES = 300
/** Users whose names are looked up at once. */
const LOOKED_UP_AT_ONCE = 50

export interface Renames {
  /**
   * Gives a user another name, and tells each room in which the user has a stream, on whatever node.
   * @returns the user, undefined where somebody else has the name
   * @throws {errors.Muted} by rejection, where the user is in a room, and silent there
   * @throws {EngineUnavailable} by rejection
   */
  rename (session: Session, name: string, request: FastifyRequest): Promise<User | undefined>
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
  const { access, engine, broadcaster, nodesLog, registry, restrictions, sessions, log } = fastify
  let closed = false

  const tell = async (room: string, { id, user, from }: Rename): Promise<void> => {
    const after = broadcaster.head(room)
    await engine.append({
      room,
      draft: { type: NAME, user, data: { from, to: user.name } },
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

  nodesLog.on(RENAME, ({ id, user, data: { from } }) => apply({ ...(id !== undefined && { id }), user, from: String(from) }))
  nodesLog.onMissed(() => {
    sessions.forget()
    void lookUp()
  })
  fastify.addHook('onClose', async () => { closed = true })

  /**
   * A name is something to say, too: everybody in a room sees it. Whoever is restricted everywhere has been refused it already.
   * @throws {errors.Muted} by rejection
   */
  async function checkMaySpeak (session: Session, request: FastifyRequest): Promise<void> {
    const { address } = access.asking(session, request)
    for (const room of new Set([...restrictions.of(session.user.id, address)].map(({ room }) => room))) {
      const refused = access.refusal(session, 'write', room, address)
      if (refused !== undefined && await registry.isIn(room, session.user.id)) throw refused
    }
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
    rename: async (session, name, request) => {
      const { user: before } = session
      await checkMaySpeak(session, request)
      if (!(await registry.names.claim(name, before.id))) return undefined
      const user = { ...before, name }
      await sessions.rename(user)
      await nodesLog.tell(RENAME, user, { from: before.name })
      registry.names.release(before.name, user).catch(() => {}) // Then its claim runs out.
      return user
    }
  })
}, { name: 'renames', dependencies: ['access', 'broadcaster', 'engine', 'nodes-log', 'registry', 'restrictions', 'sessions'] })
