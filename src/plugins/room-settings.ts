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

export const SETTINGS = ['topic', 'private', 'posting', 'slowMode'] as const satisfies ReadonlyArray<keyof RoomSettings>
type Setting = typeof SETTINGS[number]

/** What shall be otherwise; null: as everywhere. */
export type RoomChanges = { [Name in keyof RoomSettings]?: RoomSettings[Name] | null }

export interface Rooms {
  settings (room: string): RoomSettings
  /** The same as the store has it. @throws {EngineUnavailable} by rejection */
  stored (room: string): Promise<RoomSettings>
  /** Whoever changes something else at the same time changes that. @throws {EngineUnavailable} by rejection */
  set (room: string, changes: RoomChanges, by: User): Promise<void>
  /** Whether there can be such a room at all. What the server itself writes down lies in some that nobody else has. */
  exists (room: string): boolean
  isPrivate (room: string): boolean
  /** Whether it is so as long as its moderators say nothing about it. */
  isPrivateUnlessOpened (room: string): boolean
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
  // Each setting is a document of its own: of two moderators who change different ones at once, neither undoes what the other does.
  const documents = await fastify.sharedDocuments<RoomSettings[Setting]>('room')
  const listeners: Array<(room: string) => void> = []
  const named = new RegExp(ROOM_PATTERN)
  const all = new Map<string, RoomSettings>()
  const take = (id: string, value: RoomSettings[Setting]): string => {
    const [room, name] = id.split(' ') as [string, Setting]
    const { [name]: _before, ...others } = settings(room)
    const now: RoomSettings = value === undefined ? others : { ...others, [name]: value }
    if (Object.keys(now).length === 0) all.delete(room)
    else all.set(room, now)
    return room
  }
  const none: RoomSettings = Object.freeze({})
  const settings = (room: string): RoomSettings => all.get(room) ?? none
  const isPrivateUnlessOpened = (room: string): boolean => PRIVATE_ROOMS.some((glob) => matchesRoom(glob, room))
  const idOf = (room: string, name: string): string => `${room} ${name}`
  for (const [id, value] of documents.entries()) take(id, value)
  documents.onChange = (id, value) => {
    const room = take(id, value)
    for (const listener of listeners) listener(room)
  }

  fastify.decorate('rooms', {
    settings,
    stored: async (room) => {
      const values = await Promise.all(SETTINGS.map(async (name) => [name, await documents.stored(idOf(room, name))] as const))
      return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as RoomSettings
    },
    set: async (room, changes, by) => {
      for (const [name, value] of Object.entries(changes)) {
        if (value === null) await documents.delete(idOf(room, name), by)
        else await documents.put(idOf(room, name), value, by)
      }
    },
    exists: (room) => named.test(room) && (ROOMS === 'open' || ROOM_LIST.some((glob) => matchesRoom(glob, room))),
    isPrivate: (room) => settings(room).private ?? isPrivateUnlessOpened(room),
    isPrivateUnlessOpened,
    onChange: (listener) => { listeners.push(listener) }
  })
}, { name: 'rooms', dependencies: ['config', 'shared-documents'] })
