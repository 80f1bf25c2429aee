import { Entry, UNREADABLE, type ChatEvent, type Draft } from '../../chat/event.js'
import { parseId, splitId, type EventId } from '../../chat/id.js'
import { EngineUnavailable, type TailItem } from '../engine.js'
import type { FoundEntry } from './scripts.js'

/** The names of a room's keys. The tag in braces keeps them on one server of a cluster. */
export function keysOf (prefix: string, room: string): { stream: string, events: string } {
  const stream = `${prefix}:{${room}}`
  return { stream, events: `${stream}:events` }
}

/** The key of what an append has become. */
export function appendKey (stream: string, name: string): string {
  return `${stream}:key:${name}`
}

/** Whether it failed because a key of the room holds something else. */
export function isSpoilt (error: unknown): boolean {
  return error instanceof EngineUnavailable && error.message.startsWith('WRONGTYPE')
}

/** For what is done with many rooms: such a one is passed over, and the others are none the worse. */
export function passOverSpoilt (error: unknown): undefined {
  if (!isSpoilt(error)) throw error
  return undefined
}

type Content = Omit<ChatEvent, 'id' | 'prev' | 'room' | 'at'>

/** What is stored of an event beside its place: JSON that begins with `{"type"`. */
export function contentOf ({ type, user, message, replyTo, data, edited, deleted }: Draft & Pick<ChatEvent, 'edited' | 'deleted'>): string {
  return JSON.stringify({ type, user, message, replyTo, data, edited, deleted } satisfies { [Name in keyof Content]: Content[Name] | undefined })
}

/**
 * An event from its parts.
 * @param content what is stored, null where it is missing or of a format that this version does not know: the event then stands in
 * its place in the chain as `unreadable`
 */
export function entryOf (room: string, id: EventId, prev: EventId, content: string | null): Entry {
  const at = new Date(splitId(id).ms).toISOString()
  return new Entry(id, `{"id":"${id}","prev":"${prev}","room":"${room}","at":"${at}",${(content ?? NO_CONTENT).slice(1)}`)
}

const NO_CONTENT = contentOf({ type: UNREADABLE, user: { id: '', name: '', tag: '' } })

/** What a read found; `unreadable` hears the ids of those that cannot be read. */
export function itemsOf (room: string, found: FoundEntry[], unreadable: (id: EventId) => void): TailItem[] {
  return found.map(([id, prev, content, target, targetPrev, targetContent]) => {
    if (content === null) unreadable(id)
    const entry = entryOf(room, id, prev, content)
    return target === null || targetPrev === null ? { entry } : { entry, amended: entryOf(room, target, targetPrev, targetContent) }
  })
}

/** What an append has published: `id prev`, its content, and for an amendment `target targetPrev` and the amended content. */
export function parseMessage (room: string, text: string): { prev: EventId, item: TailItem } | undefined {
  const [place, content, amendedContent] = text.split('\n')
  const [id, prev, target, targetPrev] = place!.split(' ')
  // Whoever may publish could have.
  if (parseId(id!) === undefined || prev === undefined || parseId(prev) === undefined || content === undefined) return undefined
  const entry = entryOf(room, id!, prev, content)
  return { prev, item: target === undefined ? { entry } : { entry, amended: entryOf(room, target, targetPrev!, amendedContent!) } }
}
