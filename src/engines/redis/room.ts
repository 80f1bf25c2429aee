import { Entry, UNREADABLE, announcing, type ChatEvent, type Content, type Draft } from '../../chat/event.js'
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
  return found.map(([id, prev, content, target, targetPrev, targetContent, innerContent]) => {
    if (content === null) unreadable(id)
    const entry = entryOf(room, id, prev, content)
    // A target that is gone has left its id alone.
    if (target === undefined || targetPrev === undefined) return { entry }
    return itemOf(entry, entryOf(room, target, targetPrev, targetContent ?? null), innerContent ?? null)
  })
}

/**
 * What announces an amendment, and the amended event, as they are given.
 * @param innerContent where the amended event announces another one itself: that one's content, null where it is gone
 */
export function itemOf (announcement: Entry, amended: Entry, innerContent: string | null): Required<TailItem> {
  const inner = innerContent === null ? undefined : JSON.parse(innerContent) as Content
  return { entry: announcing(announcement, amended.event), amended: announcing(amended, inner) }
}

/**
 * What an append has published: `id prev`, its content, and for an amendment `target targetPrev`, the amended content, and the content
 * of what that announces itself.
 */
export function parseMessage (room: string, text: string): { prev: EventId, item: TailItem } | undefined {
  const [place, content, amendedContent, innerContent] = text.split('\n')
  const [id, prev, target, targetPrev] = place!.split(' ')
  // Whoever may publish could have.
  if (parseId(id!) === undefined || prev === undefined || parseId(prev) === undefined || content === undefined) return undefined
  const entry = entryOf(room, id!, prev, content)
  if (target === undefined) return { prev, item: { entry } }
  if (parseId(target) === undefined || targetPrev === undefined || parseId(targetPrev) === undefined || amendedContent === undefined) return undefined
  try {
    return { prev, item: itemOf(entry, entryOf(room, target, targetPrev, amendedContent), innerContent ?? null) }
  } catch {
    return undefined
  }
}
