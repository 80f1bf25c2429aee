import fp from 'fastify-plugin'
import { ROOM_PATTERN, type User } from '../chat/event.js'
import { matchesRoom } from '../chat/rights.js'

/** Who may post in a room: everybody who may read it, members (whoever has a right to it by name), moderators. */
export const POSTING = ['everybody', 'members', 'moderators'] as const
export type Posting = typeof POSTING[number]

/** What moderators have set in a room; what is missing is as everywhere. */
export interface RoomSettings {
  topic?: string
  /** Only who has a right to it can read it, or know of it. */
  private?: boolean
  posting?: Posting
  /** s that everybody waits after each message. */
  slowMode?: number
}

export interface Rooms {
  settings (room: string): RoomSettings
  /** @throws {EngineUnavailable} by rejection */
  set (room: string, settings: RoomSettings, by: User): Promise<void>
  /** Whether there can be such a room at all. What the server itself writes down lies in some that nobody else has. */
  exists (room: string): boolean
  isPrivate (room: string): boolean
  /** A room's settings have changed, by whatever node. */
  onChange (listener: (room: string) => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    rooms: Rooms
  }
}

/** Which rooms there can be, and how each is kept. */
export default fp(async (fastify) => {
  const { ROOMS, ROOM_LIST, PRIVATE_ROOMS } = fastify.config
  const documents = await fastify.sharedDocuments<RoomSettings>('room')
  const listeners: Array<(room: string) => void> = []
  documents.onChange = (room) => { for (const listener of listeners) listener(room) }
  const name = new RegExp(ROOM_PATTERN)
  const none: RoomSettings = Object.freeze({})
  const settings = (room: string): RoomSettings => documents.get(room) ?? none

  fastify.decorate('rooms', {
    settings,
    set: (room, settings, by) => Object.keys(settings).length === 0 ? documents.delete(room, by) : documents.put(room, settings, by),
    exists: (room) => name.test(room) && (ROOMS === 'open' || ROOM_LIST.some((glob) => matchesRoom(glob, room))),
    isPrivate: (room) => settings(room).private ?? PRIVATE_ROOMS.some((glob) => matchesRoom(glob, room)),
    onChange: (listener) => { listeners.push(listener) }
  })
}, { name: 'rooms', dependencies: ['config', 'shared-documents'] })
