import { hash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fp from 'fastify-plugin'
import type { ChatEvent, Entry, User } from '../chat/event.js'
import type { EventId } from '../chat/id.js'
import type { Grants } from '../chat/rights.js'
import { entryAt, type Range } from '../engines/engine.js'
import { errors } from '../errors.js'

/** The log of what moderators and admins have done. No room of users begins so. */
export const MODERATION_ROOM = '~moderation'

/** The type of the action that takes back what another one has done. */
const UNDO = 'undo'
/** Beside every user's: ids hold no space. */
const UNDO_SCOPE = 'of undoing'

/** Entries read at once, and looked at for one answer: whoever moderates one room sees few of them. */
const PAGE = 500
const LOOKED_AT = 5_000

/** An entry of the log: its id is the action's. `data` says to whom, where and why. */
export type Action = ChatEvent & { data: Record<string, unknown> }

export interface Recorded {
  action: Action
  /** It was written down before, under the same key. */
  repeated: boolean
}

export interface ActionPage {
  /** Oldest first. */
  actions: Action[]
  /** There may be more: the place to go on from. */
  next?: EventId
}

export interface ModerationLog {
  /**
   * Writes down what is about to be done: it is told of even if it then fails half-way.
   * @param type what is done, such as `ban`
   * @param data to whom, where, why: whatever undoing it needs, and as far as who does it moderates (`reach`), where the
   * operator does not, and whoever moderates less far could not undo it otherwise
   * @param once makes a retry safe: a second action of the same caller under the same key is the first, if the same is wished
   * @throws {errors.KeyReused} by rejection, where another is wished
   * @throws {EngineUnavailable} by rejection
   */
  record (type: string, by: User, data: Record<string, unknown>, once?: { key: string, wish: unknown }): Promise<Recorded>
  /** Writes down that an action is undone, once, however many do so. @throws {EngineUnavailable} by rejection */
  recordUndo (action: Action, by: User): Promise<Action>
  /** Whether an action was undone. @throws {EngineUnavailable} by rejection */
  wasUndone (id: EventId): Promise<boolean>
  /** @throws {EngineUnavailable} by rejection */
  get (id: EventId): Promise<Action | undefined>
  /** Those that somebody may see: the newest, or the oldest where `after` is given. @throws {EngineUnavailable} by rejection */
  read (range: Pick<Range, 'after' | 'before' | 'limit'>, sees: (action: Action) => boolean): Promise<ActionPage>
}

declare module 'fastify' {
  interface FastifyInstance {
    moderationLog: ModerationLog
  }
}

/** The rooms that an action is about, as the rights that are needed to see it: those of all rooms, where it names none. */
export function roomsOf ({ data: { room, rooms } }: Action): Grants {
  return (rooms as Grants | undefined) ?? { moderate: [typeof room === 'string' ? room : '*'] }
}

/** Who has done what, to whom, and why: nothing in it is ever changed or taken out. */
export default fp(async (fastify) => {
  const { engine } = fastify

  const append = async (type: string, user: User, data: Record<string, unknown>, idempotency?: { scope: string, key: string, fingerprint: string }): Promise<Recorded> => {
    const appended = await engine.append({ room: MODERATION_ROOM, draft: { type, user, data }, ...(idempotency !== undefined && { idempotency }) })
    if (appended.status === 'stored') return { action: appended.entry.event as Action, repeated: false }
    if (appended.status === 'no-original') throw new Error('an entry of the moderation log replies to nothing')
    if (appended.fingerprint !== idempotency!.fingerprint || appended.entry === undefined) throw new errors.KeyReused()
    return { action: appended.entry.event as Action, repeated: true }
  }

  const read = async (range: Pick<Range, 'after' | 'before' | 'limit'>): Promise<Action[]> =>
    (await engine.read(MODERATION_ROOM, range)).entries.map(actionOf)

  fastify.decorate('moderationLog', {
    record: (type, by, data, once) => append(type, by, data, once && { scope: by.id, key: once.key, fingerprint: hash('sha256', JSON.stringify([type, once.wish]), 'base64url') }),
    recordUndo: async ({ id, type, data: { room, rooms, user } }, by) => {
      const data = { action: id, type, ...(room !== undefined && { room }), ...(rooms !== undefined && { rooms }), ...(user !== undefined && { user }) }
      return (await append(UNDO, by, data, { scope: UNDO_SCOPE, key: id, fingerprint: '' })).action
    },
    wasUndone: async (id) => {
      for (let after = id; ;) {
        const some = await read({ after, limit: PAGE })
        if (some.some(({ type, data }) => type === UNDO && data['action'] === id)) return true
        if (some.length < PAGE) return false
        after = some.at(-1)!.id
        await nextTurn()
      }
    },
    get: async (id) => {
      const entry = await entryAt(engine, { room: MODERATION_ROOM, id })
      return entry && actionOf(entry)
    },
    read: async ({ after, before, limit }, sees) => {
      const forwards = after !== undefined
      const seen: Action[] = []
      let place = forwards ? after : before
      for (let looked = 0; looked < LOOKED_AT; looked += PAGE) {
        const some = await read(forwards ? { after: place!, ...(before !== undefined && { before }), limit: PAGE } : { ...(place !== undefined && { before: place }), limit: PAGE })
        for (const action of forwards ? some : some.reverse()) {
          place = action.id
          if (sees(action) && seen.push(action) === limit) return { actions: forwards ? seen : seen.reverse(), next: place }
        }
        await nextTurn()
        if (some.length < PAGE) return { actions: forwards ? seen : seen.reverse() }
      }
      return { actions: forwards ? seen : seen.reverse(), next: place! }
    }
  })
}, { name: 'moderation-log', dependencies: ['engine'] })

/** One that a newer version has written may have no data. */
function actionOf ({ event }: Entry): Action {
  return { data: {}, ...event }
}
