import fp from 'fastify-plugin'
import { errors } from '../errors.js'
import type { Recorded } from './moderation-log.js'
import type { RoomChanges, RoomSettings } from './room-settings.js'
import type { Session } from './sessions.js'

/** What is in the log of it. */
interface Changed {
  room: string
  set: RoomChanges
  before: RoomChanges
  reason?: string
}

export interface RoomChange {
  room: string
  set: RoomChanges
  reason?: string
  /** Makes a retry safe. */
  once?: { key: string, wish: unknown }
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Changes how a room is kept, and tells it.
     * @returns undefined where all is so already
     * @throws {errors.Forbidden} by rejection @throws {EngineUnavailable} by rejection
     */
    changeRoom (session: Session, change: RoomChange): Promise<Recorded | undefined>
  }
}

/** Changes of rooms' settings, and undoing them. */
export default fp(async (fastify) => {
  const { access, moderationLog, roomNews, rooms, undoing } = fastify

  /** What the operator keeps private, only who moderates everything opens. */
  const check = (session: Session, room: string, { private: wish }: RoomChanges): void => {
    if (wish === false && rooms.isPrivateUnlessOpened(room) && !access.moderatesAll(session)) throw new errors.Forbidden('open a room that whoever runs this place keeps private')
  }

  undoing.on('room', async ({ data }, session) => {
    const { room, set, before } = data as unknown as Changed
    const now = await rooms.stored(room)
    const back = pick(before, (name) => (now[name] ?? null) === set[name])
    if (Object.keys(back).length === 0) return 'it has been set anew since'
    check(session, room, back)
    return async ({ id, user: by }) => {
      await rooms.set(room, back, by)
      await roomNews.tell(room, id, { type: 'room', user: by, data: { set: back, action: id } })
      return undefined
    }
  })

  fastify.decorate('changeRoom', async (session, { room, set: wish, reason, once }) => {
    check(session, room, wish)
    const now = rooms.settings(room)
    const set = pick(wish, (name) => (now[name] ?? null) !== wish[name])
    // By its key, a retry whose first try has done half is told from what would change nothing.
    if (Object.keys(set).length === 0 && once === undefined) return undefined
    const before = Object.fromEntries(Object.keys(set).map((name) => [name, now[name as keyof RoomSettings] ?? null]))
    const changed: Changed = { room, set, before, ...(reason !== undefined && { reason }) }
    const recorded = await moderationLog.record('room', session.user, { ...changed }, once)
    const { action, repeated } = recorded
    if (repeated && await moderationLog.wasUndone(action.id)) return recorded
    const { set: done } = action.data as unknown as Changed
    if (Object.keys(done).length === 0) return undefined
    await rooms.set(room, done, action.user)
    await roomNews.tell(room, action.id, { type: 'room', user: action.user, data: { set: done, ...(reason !== undefined && { reason }), action: action.id } })
    return recorded
  })
}, { name: 'room-changes', dependencies: ['access', 'moderation-log', 'room-news', 'rooms', 'undoing'] })

function pick (changes: RoomChanges, which: (name: keyof RoomSettings) => boolean): RoomChanges {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => which(name as keyof RoomSettings)))
}
