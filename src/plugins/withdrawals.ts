import { isDeepStrictEqual } from 'node:util'
import fp from 'fastify-plugin'
import { DELETE, EDIT, NAME, isSaid, type Change, type ChatEvent, type Entry, type User } from '../chat/event.js'
import type { EventId } from '../chat/id.js'
import { nameless } from '../chat/names.js'
import { allDocuments, entryAt, type EventPlace } from '../engines/engine.js'
import type { Action } from './moderation-log.js'

const KIND = 'withdrawn'
/** Events withdrawn or brought back at once: they share the store's flushes, and others come in between. */
const AT_ONCE = 16

/** What was taken out of an event, kept apart so that it can be put back. */
export interface Withdrawn extends EventPlace {
  user: User
  message?: string
  data?: Record<string, unknown>
  /** What the event says of its deletion: deleted by somebody else since, it stays so. */
  deleted: string
}

export type Withdrawal =
  | { status: 'withdrawn', entry: Entry, announcement: Entry }
  /** It was deleted before. */
  | { status: 'declined', entry: Entry }
  | { status: 'unknown' }

export interface Withdrawals {
  /** An event as it is now, undefined where it is not kept, or is none of users'. @throws {EngineUnavailable} by rejection */
  find (place: EventPlace): Promise<ChatEvent | undefined>
  /** Deletes an event by an action, and keeps what it said apart for so many ms. @throws {EngineUnavailable} by rejection */
  withdraw (place: EventPlace, action: Action, ms: number): Promise<Withdrawal>
  /** The same with many: how many were deleted. @throws {EngineUnavailable} by rejection */
  withdrawAll (places: readonly EventPlace[], action: Action, ms: number): Promise<number>
  /** How many an action has withdrawn whose content is still kept apart. @throws {EngineUnavailable} by rejection */
  count (actionId: EventId): Promise<number>
  /** What is kept apart of a user. @throws {EngineUnavailable} by rejection */
  of (userId: string): AsyncGenerator<{ id: string, value: Withdrawn }, void, void>
  /** Removes it for good. @throws {EngineUnavailable} by rejection */
  forget (userId: string): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    withdrawals: Withdrawals
  }
}

/** Deletions by moderators, which can be taken back for a time. What an author deletes is gone at once. */
export default fp(async (fastify) => {
  const { broadcaster, engine, undoing } = fastify
  const { documents } = engine

  const find: Withdrawals['find'] = async (place) => {
    const entry = await entryAt(engine, place)
    return entry !== undefined && isSaid(entry.event) ? entry.event : undefined
  }

  const amend = async ({ room, id }: EventPlace, type: typeof DELETE | typeof EDIT, user: User, data: object, change: (event: ChatEvent) => Change | undefined) => {
    await broadcaster.keepPace(room)
    const after = broadcaster.head(room)
    return engine.amend({ room, id, change, announcement: { type, user, data: { id, ...data } }, ...(after !== undefined && { after }) })
  }

  const withdraw: Withdrawals['withdraw'] = async (place, { id: action, user: by, data: { reason } }, ttl) => {
    const event = await find(place)
    if (event === undefined) return { status: 'unknown' }
    const keptId = keptIdOf(action, place)
    const deleted = new Date().toISOString()
    const keep = async ({ user, message, data }: ChatEvent): Promise<Withdrawn> =>
      documents.put<Withdrawn>(KIND, keptId, { ...place, user, ...(message !== undefined && { message }), ...(data !== undefined && { data }), deleted }, { ttl })
    // Kept apart first: of two that can fail, the one that can be done again.
    if (event.deleted === undefined) await keep(event)
    let last = event
    const amended = await amend(place, DELETE, by, { ...(reason !== undefined && { reason }), action }, (event) => {
      if (event.deleted !== undefined) return undefined
      last = event
      return { message: null, data: null, deleted, ...(event.type === NAME && { user: { name: nameless(event.user.tag) } }) }
    })
    if (amended.status !== 'amended') {
      if (event.deleted === undefined) await documents.delete(KIND, keptId)
      return amended
    }
    // Its author has edited it in between.
    if (!isDeepStrictEqual([last.message, last.data], [event.message, event.data])) await keep(last)
    return { ...amended, status: 'withdrawn' }
  }

  /** Some at once, in order. */
  const each = async <T>(items: readonly T[], work: (item: T) => Promise<boolean>): Promise<number> => {
    let done = 0
    for (let from = 0; from < items.length; from += AT_ONCE) {
      const some = await Promise.all(items.slice(from, from + AT_ONCE).map(work))
      done += some.filter(Boolean).length
    }
    return done
  }

  const keptBy = async (action: EventId): Promise<Array<{ id: string, value: Withdrawn }>> => {
    const kept = []
    for await (const one of allDocuments<Withdrawn>(documents, KIND, `${action} `)) kept.push(one)
    return kept
  }

  const restore = async ({ id: keptId, value: { user, message, data, deleted, ...place } }: { id: string, value: Withdrawn }, by: User): Promise<boolean> => {
    const amended = await amend(place, EDIT, by, {}, (event) => event.deleted === deleted
      ? { ...(message !== undefined && { message }), ...(data !== undefined && { data }), ...(event.type === NAME && { user: { name: user.name } }), deleted: null }
      : undefined)
    await documents.delete(KIND, keptId)
    return amended.status === 'amended'
  }

  async function * of (userId: string): ReturnType<Withdrawals['of']> {
    for await (const one of allDocuments<Withdrawn>(documents, KIND)) if (one.value.user.id === userId) yield one
  }

  for (const type of ['delete', 'hide', 'clear']) {
    undoing.on(type, async ({ id }) => {
      const kept = await keptBy(id)
      if (kept.length === 0) return 'it has been undone, or what was deleted is not kept any more'
      if (type !== 'clear' && (await find(kept[0]!.value))?.deleted !== kept[0]!.value.deleted) return 'what it has deleted is not in the room any more'
      return async (undo) => {
        const restored = await each(kept, (one) => restore(one, undo.user))
        return restored === 0 ? 'what it has deleted is not in the room any more' : undefined
      }
    })
  }

  fastify.decorate('withdrawals', {
    find,
    withdraw,
    withdrawAll: (places, action, ms) => each(places, async (place) => (await withdraw(place, action, ms)).status === 'withdrawn'),
    count: async (actionId) => (await keptBy(actionId)).length,
    of,
    forget: async (userId) => { for await (const { id } of of(userId)) await documents.delete(KIND, id) }
  })
}, { name: 'withdrawals', dependencies: ['broadcaster', 'engine', 'undoing'] })

/** Those of an action are one after the other. */
function keptIdOf (action: EventId, { room, id }: EventPlace): string {
  return `${action} ${room} ${id}`
}
