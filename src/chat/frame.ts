import { stripVTControlCharacters } from 'node:util'
import { Chunk } from './chunk.js'
import { MESSAGE, sseName, type Entry } from './event.js'
import type { EventId } from './id.js'

/**
 * An entry in the bytes of a stream of its room, encoded once and shared by every subscriber:
 *
 *     id: lobby:1760000000000-0\n     ← a stream of several rooms writes a line of its own instead
 *     event: edit\n                   ← none for a chat message
 *     data: {…}\n
 *     \n
 *
 * The JSON is in one line, since JSON.stringify escapes every line break (WHATWG HTML §9.2.6 ends a field at CR or LF).
 */
export class Frame {
  readonly id: EventId
  readonly sse: Buffer
  /** Where the `id:` line ends, in bytes. */
  readonly #body: number
  /** Where the JSON begins, in bytes. */
  readonly #json: number

  constructor (entry: Entry) {
    const { event } = entry
    const id = `id: ${event.room}:${entry.id}\n`
    const name = sseName(event)
    const head = name === undefined ? 'data: ' : `event: ${name}\ndata: `
    this.id = entry.id
    this.sse = Buffer.from(`${id}${head}${entry.json}\n\n`)
    this.#body = id.length
    this.#json = id.length + head.length
  }

  /** The event without its `id:` line, as server-sent bytes. */
  get body (): Buffer {
    return this.sse.subarray(this.#body)
  }

  /** The JSON and a line break. */
  get line (): Buffer {
    return this.sse.subarray(this.#json, this.sse.length - 1)
  }
}

/** How a subscriber's stream writes events and notices. */
export interface Encoding {
  readonly contentType: string
  /** For a stream of one room: the same bytes for all of its subscribers. */
  frame (frame: Frame): Buffer
  /** For a stream of several rooms, where that differs. `cursor`: the subscriber's position after the event. */
  frameAt?: (frame: Frame, cursor: string) => Buffer
  /**
   * @param cursor for `welcome` and `reset`: the position from which the stream goes on
   * @returns undefined where this encoding has no words for it
   */
  notice (notice: Notice, cursor?: string): Chunk | undefined
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
  frame: (frame) => frame.sse,
  frameAt: (frame, cursor) => Buffer.concat([Buffer.from(`id: ${cursor}\n`), frame.body]),
  notice: (notice, cursor) => {
    const id = cursor === undefined ? '' : `id: ${cursor}\n`
    const retry = typeof notice['retry'] === 'number' ? `retry: ${notice['retry']}\n` : ''
    // A stream begins with a comment, for whoever waits for first bytes, and with when to come back.
    const opening = notice.type === 'welcome' ? `: hubbub\n\n${retry}\n${id}` : `${id}${retry}`
    return textChunk(`${opening}event: ${notice.type}\ndata: ${JSON.stringify(notice)}\n\n`)
  }
}

/** One JSON object a line, notices included. */
export const ndjson: Encoding = {
  contentType: 'application/x-ndjson; charset=utf-8',
  frame: (frame) => frame.line,
  notice: (notice, cursor) => textChunk(`${JSON.stringify(cursor === undefined ? notice : { ...notice, cursor })}\n`)
}

/** For a terminal: `10:02 amber-fox  hi`, times in UTC. */
export const plainText: Encoding = {
  contentType: 'text/plain; charset=utf-8',
  frame: (frame) => {
    const event = JSON.parse(frame.line.toString()) as Entry['event']
    const what = event.deleted !== undefined
      ? '(deleted)'
      : (event.message ?? (event.data === undefined ? '' : JSON.stringify(event.data)))
    const type = event.type === MESSAGE ? '' : `[${event.type}] `
    const indented = printable(what).replaceAll('\n', '\n      ')
    return Buffer.from(`${event.at.slice(11, 16)} ${printable(event.user.name)}  ${type}${indented}\n`)
  },
  notice: (notice) => {
    const words = describe(notice)
    return words === undefined ? undefined : textChunk(`* ${words}\n`)
  }
}

function textChunk (text: string): Chunk {
  return new Chunk(Buffer.from(text))
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
