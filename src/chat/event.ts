import type { EventId } from './id.js'

export const ROOM_PATTERN = '^[a-z0-9][a-z0-9._-]{0,63}$'
export const DEFAULT_ROOM = 'lobby'
export const TYPE_PATTERN = '^[a-z][a-z0-9.-]{0,31}$'

/** The type of a chat message; on the wire it is SSE's default event type. */
export const MESSAGE = 'message'

/** The type of the event that announces another one's content, and that of the one which announces that it has none any more. */
export const EDIT = 'edit'
export const DELETE = 'delete'

/** The type of the event that tells of a new name. */
export const NAME = 'name'

/** The type of an event whose content cannot be read: it stands in its place, so that the chain holds. */
export const UNREADABLE = 'unreadable'

/**
 * Types that are ours to send. `open` and `error` are here because an EventSource dispatches its own events
 * under those names (WHATWG HTML §9.2.2), so a program's event of that name would be taken for them.
 */
export const RESERVED_TYPES: ReadonlySet<string> = new Set([
  EDIT, DELETE, NAME, 'deleted', 'ban', 'unban', 'mute', 'unmute', 'room', UNREADABLE,
  'welcome', 'presence', 'typing', 'heartbeat', 'reset', 'bye',
  'open', 'error'
])

/** Whether an event says something of its author's own: a text, a program's data, a name. What else the server tells is what has been done. */
export function isSaid ({ type }: Pick<ChatEvent, 'type'>): boolean {
  return type === NAME || !RESERVED_TYPES.has(type)
}

export interface User {
  id: string
  name: string
  /** Six characters made from the id: they stay when the name changes, so a name alone proves nobody. */
  tag: string
  /** A program, by an API token: never somebody who only calls itself one. */
  bot?: true
}

/** One entry of a room's log. */
export interface ChatEvent {
  id: EventId
  /** The id before it in its room. */
  prev: EventId
  room: string
  type: string
  user: User
  /** RFC 3339, UTC. */
  at: string
  message?: string
  replyTo?: EventId
  data?: Record<string, unknown>
  /** When its content was last changed; RFC 3339, UTC. */
  edited?: string
  /** When its content was removed; RFC 3339, UTC. */
  deleted?: string
}

/** What an amendment sets; null removes a field. Nothing else of an event ever changes. */
export interface Change {
  message?: string | null
  data?: ChatEvent['data'] | null
  edited?: string | null
  deleted?: string | null
  /** The author's name, for who wants to be forgotten, or where the name itself is to go: id and tag stay. */
  user?: Pick<User, 'name'>
}

export function changed<Event extends Pick<ChatEvent, 'user'>> (event: Event, { user, ...content }: Change): Event {
  const all = { ...event, ...content, user: { ...event.user, name: user?.name ?? event.user.name } }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)) as unknown as Event
}

/** All of an event but its place. */
export type Content = Omit<ChatEvent, 'id' | 'prev' | 'room' | 'at'>

/** What an `edit` says, beside who amended and when. */
export type Announcement = Pick<ChatEvent, 'message' | 'data' | 'edited'>

/** What a caller brings to an append; the log adds id, `prev`, room and time. */
export type Draft = Pick<ChatEvent, 'type' | 'user' | 'message' | 'replyTo' | 'data'>

/** An event and its one JSON encoding, which storage, answers and streams share. */
export class Entry {
  readonly id: EventId
  readonly json: string
  #event: ChatEvent | undefined

  constructor (id: EventId, json: string, event?: ChatEvent) {
    this.id = id
    this.json = json
    this.#event = event
  }

  static of (event: ChatEvent): Entry {
    return new Entry(event.id, JSON.stringify(event), event)
  }

  get event (): ChatEvent {
    return (this.#event ??= JSON.parse(this.json) as ChatEvent)
  }
}

/**
 * The SSE `event:` name, undefined for a chat message (the default type, which `onmessage` sees). A deleted
 * message is replayed as `deleted`, so that `onmessage` never sees it again.
 */
export function sseName (event: ChatEvent): string | undefined {
  if (event.deleted !== undefined) return 'deleted'
  return event.type === MESSAGE ? undefined : event.type
}

/** The id of the event whose content an `edit` announces, undefined for all other events. */
export function targetOf ({ type, data }: Pick<ChatEvent, 'type' | 'data'>): EventId | undefined {
  return type === EDIT ? data?.['id'] as EventId | undefined : undefined
}

/**
 * What an `edit` says: its target, and what that has now. An `edit` is stored with the target's id alone, so that a text is in the log
 * once, and gone everywhere when it is deleted there.
 * @param target undefined where it is gone
 */
export function announced (id: EventId, target: Omit<Content, 'user'> | undefined): Announcement {
  // What an `edit` says is its own target's.
  if (target === undefined || target.deleted !== undefined || target.type === EDIT) return { data: { id } }
  const { message, data, edited } = target
  return { ...(message !== undefined && { message }), data: { id, ...(data !== undefined && { data }) }, ...(edited !== undefined && { edited }) }
}

/** An event as it is given to readers: an `edit` says what its target has now. */
export function announcing (entry: Entry, target: Omit<Content, 'user'> | undefined): Entry {
  const id = targetOf(entry.event)
  return id === undefined ? entry : Entry.of({ ...entry.event, ...announced(id, target) })
}
