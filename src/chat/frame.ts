import { stripVTControlCharacters } from 'node:util'
import { MESSAGE, announced, sseName, targetOf, type Announcement, type ChatEvent, type Entry } from './event.js'
import type { EventId } from './id.js'

/** Bytes that a frame takes beside its text: the object, the headers of its strings, its place in the ring. */
const FRAME_BYTES = 128

/** What an `edit` says of its target. All frames of one target in a ring share one, so that all say at once what it has now. */
export class Announced {
  readonly target: EventId
  /** The end of their JSON: `,"message":…}`. */
  json!: string
  /** Its bytes in UTF-8. */
  bytes!: number

  constructor (target: EventId, announcement: Announcement) {
    this.target = target
    this.#say(announcement)
  }

  /** The target has been amended again. */
  amend (target: ChatEvent): void {
    this.#say(announced(this.target, target))
  }

  #say ({ message, data, edited }: Announcement): void {
    this.json = `,${JSON.stringify({ message, data, edited }).slice(1)}`
    this.bytes = Buffer.byteLength(this.json)
  }
}

/**
 * An entry as a stream of its room writes it, made once:
 *
 *     id: lobby:1760000000000-0\n     ← a stream of several rooms writes a line of its own instead
 *     event: edit\n                   ← none for a chat message
 *     data: {…}\n
 *     \n
 *
 * The JSON is in one line, since JSON.stringify escapes every line break (WHATWG HTML §9.2.6 ends a field at CR or LF). It is
 * kept as text, a third of what a buffer of its own takes, and becomes bytes in the `Chunk` that its readers share.
 */
export class Frame {
  readonly id: EventId
  /** Of an `edit`. */
  announced: Announced | undefined
  /** Bytes of memory. */
  readonly memoryBytes: number
  readonly #room: string
  readonly #head: string
  /** Of an `edit`, without what it says of its target. */
  readonly #json: string
  readonly #bytes: number

  constructor ({ id, json, event }: Entry) {
    const name = sseName(event)
    const target = targetOf(event)
    this.id = id
    this.#room = event.room
    this.#head = name === undefined ? 'data: ' : `event: ${name}\ndata: `
    if (target === undefined) {
      this.announced = undefined
      this.#json = json
    } else {
      const { message, data, edited, ...own } = event
      this.announced = new Announced(target, event)
      this.#json = JSON.stringify(own).slice(0, -1)
    }
    const bytes = Buffer.byteLength(this.#json)
    this.#bytes = `id: ${event.room}:${id}\n`.length + this.#head.length + bytes + 2
    // V8 keeps a text in one byte a character, or all of it in two.
    const said = this.announced?.json.length ?? 0
    const narrow = bytes === this.#json.length && this.announced?.bytes === this.announced?.json.length
    this.memoryBytes = FRAME_BYTES + (narrow ? this.#bytes + said : 2 * (this.#json.length + said))
  }

  get json (): string {
    return this.announced === undefined ? this.#json : this.#json + this.announced.json
  }

  /** Bytes on the wire, as server-sent events. */
  get wireBytes (): number {
    return this.announced === undefined ? this.#bytes : this.#bytes + this.announced.bytes
  }

  /** As server-sent events. @param cursor what its `id:` line carries, where that is not its own place alone */
  sse (cursor = `${this.#room}:${this.id}`): string {
    return `id: ${cursor}\n${this.#head}${this.json}\n\n`
  }
}

/** How a subscriber's stream writes events and notices. */
export interface Encoding {
  readonly contentType: string
  /** For a stream of one room: the same for all of its subscribers. */
  frame (frame: Frame): string
  /** For a stream of several rooms, where that differs. `cursor`: the subscriber's position after the event. */
  frameAt?: (frame: Frame, cursor: string) => string
  /**
   * @param cursor for `welcome` and `reset`: the position from which the stream goes on
   * @returns undefined where this encoding has no words for it
   */
  notice (notice: Notice, cursor?: string): string | undefined
}

/** An ephemeral event: never in the log. */
export interface Notice {
  type: 'welcome' | 'presence' | 'typing' | 'heartbeat' | 'reset' | 'bye'
  at: string
  [field: string]: unknown
}

/** `text/event-stream`, WHATWG HTML §9.2. */
export const eventStream: Encoding = {
  contentType: 'text/event-stream; charset=utf-8',
  frame: (frame) => frame.sse(),
  frameAt: (frame, cursor) => frame.sse(cursor),
  notice: (notice, cursor) => {
    const id = cursor === undefined ? '' : `id: ${cursor}\n`
    const retry = typeof notice['retry'] === 'number' ? `retry: ${notice['retry']}\n` : ''
    // A stream begins with a comment, for whoever waits for first bytes, and with when to come back.
    const opening = notice.type === 'welcome' ? `: hubbub\n\n${retry}\n${id}` : `${id}${retry}`
    return `${opening}event: ${notice.type}\ndata: ${JSON.stringify(notice)}\n\n`
  }
}

/** One JSON object a line, notices included. */
export const ndjson: Encoding = {
  contentType: 'application/x-ndjson; charset=utf-8',
  frame: ({ json }) => `${json}\n`,
  notice: (notice, cursor) => `${JSON.stringify(cursor === undefined ? notice : { ...notice, cursor })}\n`
}

/** For a terminal: `10:02 amber-fox  hi`, times in UTC. */
export const plainText: Encoding = {
  contentType: 'text/plain; charset=utf-8',
  frame: ({ json }) => {
    const event = JSON.parse(json) as Entry['event']
    const what = event.deleted !== undefined
      ? '(deleted)'
      : (event.message ?? (event.data === undefined ? '' : JSON.stringify(event.data)))
    const type = event.type === MESSAGE ? '' : `[${event.type}] `
    const indented = printable(what).replaceAll('\n', '\n      ')
    return `${event.at.slice(11, 16)} ${printable(event.user.name)}  ${type}${indented}\n`
  },
  notice: (notice) => {
    const words = describe(notice)
    return words === undefined ? undefined : `* ${words}\n`
  }
}

function describe (notice: Notice): string | undefined {
  if (notice.type === 'welcome') {
    const user = notice['user'] as { name: string } | undefined
    const rooms = (notice['rooms'] as Array<{ room: string, count: number }>)
      .map(({ room, count }) => `${room} (${count} online)`).join(', ')
    return printable(user === undefined ? `reading ${rooms}` : `you are ${user.name} in ${rooms}`)
  }
  if (notice.type === 'reset') return `${notice['room'] as string}: some events are missing here (${notice['reason'] as string})`
  if (notice.type === 'bye') return `the stream ends (${notice['reason'] as string}); come back to go on`
  return undefined
}

/** Leaves out what a terminal would act on: escape sequences, C0 and C1 controls but the line break, bidi controls. */
function printable (text: string): string {
  return stripVTControlCharacters(text).replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
}

/** Events, and resets where they belong, one JSON object a line: what a long poll's answer is made of. */
export const jsonLines: Encoding = {
  contentType: 'application/json; charset=utf-8',
  frame: ndjson.frame,
  notice: (notice) => notice.type === 'reset' ? ndjson.notice(notice) : undefined
}
