import { Type, type Static } from '@sinclair/typebox'
import { ROOM_PATTERN } from './chat/event.js'
import { EVENT_ID_PATTERN } from './chat/id.js'
import { ROOM_GLOB_PATTERN } from './chat/rights.js'
import { MEANINGS } from './engines/engine.js'
import type { Action } from './plugins/moderation-log.js'

export const RoomName = Type.String({ pattern: ROOM_PATTERN, description: 'a room', examples: ['lobby'] })
export const EventIdText = Type.String({ pattern: EVENT_ID_PATTERN, description: 'an event id, `<ms>-<sequence>`', examples: ['1760000000000-0'] })

/** Rooms by right: names, or beginnings such as `team-*`. */
const Globs = Type.Optional(Type.Array(Type.String({ pattern: ROOM_GLOB_PATTERN }), { maxItems: 100 }))
export const GrantsView = Type.Object({ read: Globs, write: Globs, moderate: Globs }, {
  additionalProperties: false,
  description: 'rooms by right, each a name or a beginning such as `team-*`; to moderate is to read and write, too'
})
export const RoomGlob = Type.String({ pattern: ROOM_GLOB_PATTERN, description: 'a room, or a beginning such as `team-*`', examples: ['team-*'] })
export const DurationText = Type.String({ pattern: '^[0-9]{1,6}(ms|s|m|h|d)$', description: 'a number with `ms`, `s`, `m`, `h` or `d`', examples: ['1h'] })

export const UserView = Type.Object({
  id: Type.String(),
  name: Type.String(),
  tag: Type.String({ description: 'six characters from the id: they stay when the name changes' }),
  bot: Type.Optional(Type.Literal(true, { description: 'a program, by an API token' }))
})

export const UserIdText = Type.String({ pattern: '^\\S{1,128}$', description: 'a user\'s id' })

/** Whom an action is about. */
export const Named = {
  user: Type.Optional(UserIdText),
  event: Type.Optional(Type.Object({ room: RoomName, id: EventIdText }, { additionalProperties: false, description: 'instead of `user`: something that the user has said' }))
}

/** Of a caller's own, so that a retry does nothing twice. */
export const Key = Type.String({
  minLength: 1,
  maxLength: 128,
  description: 'makes a retry safe for 24 h: the same key from the same user is one and the same'
})

export const ActionView = Type.Object({
  id: EventIdText,
  type: Type.String({ description: '`ban`, `mute`, `delete`, `hide`, `clear`, `room`, `settle`, `undo`, and what admins do' }),
  at: Type.String({ description: 'RFC 3339, UTC' }),
  by: UserView,
  data: Type.Object({}, { additionalProperties: true, description: 'to whom, where, why' })
})
export const ActionAnswer = Type.Object({ action: ActionView })

export function actionOf ({ id, type, at, user: by, data }: Action): Static<typeof ActionView> {
  return { id, type, at, by, data }
}

export const EventView = Type.Object({
  id: EventIdText,
  prev: Type.String({ pattern: EVENT_ID_PATTERN, description: 'the id before it in its room' }),
  room: RoomName,
  type: Type.String({ description: '`message`, or the SSE event name' }),
  user: UserView,
  at: Type.String({ description: 'RFC 3339, UTC' }),
  message: Type.Optional(Type.String()),
  replyTo: Type.Optional(EventIdText),
  data: Type.Optional(Type.Object({}, { additionalProperties: true })),
  edited: Type.Optional(Type.String({ description: 'when its content was last changed' })),
  deleted: Type.Optional(Type.String({ description: 'when its content was removed' }))
})

export const Durability = Type.String({
  description: `what an acknowledgement means: ${Object.entries(MEANINGS).map(([durability, meaning]) => `\`${durability}\`, ${meaning}`).join('; ')}`
})

export const Failure = Type.Object({
  statusCode: Type.Integer(),
  code: Type.String({ description: 'from the catalogue in the README' }),
  error: Type.String(),
  message: Type.String({ description: 'says how to fix it' }),
  limit: Type.Optional(Type.String({ description: 'which limit is reached, such as `posts-per-user`' }))
})

/** Bytes of events in one answer, about: a short answer is no end, its cursor or the room's head tells. */
export const ANSWER_BYTES = 1_000_000

/** A query parameter that nobody reads is a typo. */
export const NoQuery = Type.Object({}, { additionalProperties: false })

/** The failures a route can answer with, for its documentation. */
export function failures (...statuses: number[]): Record<number, typeof Failure> {
  return Object.fromEntries(statuses.map((status) => [status, Failure]))
}
