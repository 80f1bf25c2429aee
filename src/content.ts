import { MESSAGE, RESERVED_TYPES, type ChatEvent } from './chat/event.js'
import { flawOf, isBlank } from './chat/text.js'
import { errors } from './errors.js'

/** Characters of a message at most. */
export const MAX_MESSAGE = 4_000

type Said = { [Name in 'message' | 'data']?: ChatEvent[Name] | undefined }

/** What a schema cannot say of a new event. @throws from the catalogue */
export function checkContent ({ type, message, data }: Said & { type?: string | undefined }): void {
  if (type !== undefined && RESERVED_TYPES.has(type)) throw new errors.TypeReserved(type, `my.${type}`)
  if (message === undefined && (data === undefined || (type ?? MESSAGE) === MESSAGE)) throw new errors.MessageBlank()
  checkSaid({ message, data })
}

/** The same of what an event is to say from now on. */
export function checkSaid ({ message, data }: Said): void {
  if (message !== undefined && isBlank(message)) throw new errors.MessageBlank()
  const flaw = flawOf(message) ?? flawOf(data)
  if (flaw === 'lone-surrogate') throw new errors.TextMalformed()
  if (flaw === 'no-number') throw new errors.DataNumber()
  if (flaw === 'too-deep') throw new errors.DataTooDeep()
}
