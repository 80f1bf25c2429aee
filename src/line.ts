import { Type, type TString } from '@sinclair/typebox'
import { errors } from './errors.js'
import { flawOf, isBlank } from './chat/text.js'

/** Code points of a reason at most. */
const MAX_REASON = 500

/** Controls, line and paragraph separators, and what turns the order round in which others are read. */
const NOT_IN_A_LINE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

export const Reason: TString = Type.String({ maxLength: MAX_REASON, description: 'why: whoever it concerns is told, and the moderation log keeps it' })

/**
 * A line of text as it is kept, without space at its ends.
 * @param field for the words of a refusal
 * @returns undefined where there is nothing to see in it
 * @param Flaw what is thrown where it is none
 * @throws {errors.TextMalformed} {errors.InvalidBody}
 */
export function lineOf (field: string, text: string | undefined, Flaw: typeof errors.InvalidBody | typeof errors.InvalidQuery = errors.InvalidBody): string | undefined {
  if (text === undefined || isBlank(text)) return undefined
  if (flawOf(text) !== undefined) throw new errors.TextMalformed()
  const line = text.trim()
  if (NOT_IN_A_LINE.test(line)) throw new Flaw(`"${field}" is one line, without controls`)
  return line
}
