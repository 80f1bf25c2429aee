import createError from '@fastify/error'
import type { LimitName } from './chat/activity.js'

/** What an error of a limit says beside its message. */
export interface Limited {
  /** Which limit it was. */
  limit?: LimitName
  /** s after which to try again. */
  retryAfter?: number
}

/**
 * Every error that a caller can meet, with its way out. `%s` is filled in where it is thrown.
 * The README's table lists exactly these (a test checks it).
 */
export const errors = {
  InvalidBody: createError('HUB_INVALID_BODY', 'The body is not as documented: %s. See /docs.', 400),
  InvalidJson: createError('HUB_INVALID_JSON', 'The body is not JSON that can be taken: %s. Send one JSON object.', 400),
  InvalidQuery: createError('HUB_INVALID_QUERY', 'The query is not as documented: %s. See /docs.', 400),
  UnknownField: createError('HUB_UNKNOWN_FIELD', 'There is no field "%s" here. Known: %s. Nothing was stored.', 400),
  MessageBlank: createError('HUB_MESSAGE_BLANK', 'The message has nothing to see. Send some text in "message", or "data" with a "type" of your own.', 400),
  MessageTooLong: createError('HUB_MESSAGE_TOO_LONG', 'A message has 4,000 characters at most. Shorten it, or send it in parts.', 400),
  TextMalformed: createError('HUB_TEXT_MALFORMED', 'The text is not well-formed: it holds half of a surrogate pair, or bytes that are not UTF-8. Send well-formed Unicode.', 400),
  DataNumber: createError('HUB_DATA_NUMBER', 'The data holds a number that is too large to be kept. Send it as text.', 400),
  DataTooDeep: createError('HUB_DATA_TOO_DEEP', 'The data is nested more than 16 levels deep. Flatten it.', 400),
  RoomInvalid: createError('HUB_ROOM_INVALID', 'A room is named by 1 to 64 of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit.', 400),
  TooManyRooms: createError('HUB_TOO_MANY_ROOMS', 'A stream reads 16 rooms at most. Open another one for the others.', 400),
  TypeReserved: createError('HUB_TYPE_RESERVED', 'The type "%s" is the server\'s own. Choose another one, such as "%s".', 400),
  ReplyUnknown: createError('HUB_REPLY_UNKNOWN', 'The event "%s" that this replies to is not in the room "%s" (any more). Reply to one that is, or leave "replyTo" out.', 400),
  NameInvalid: createError('HUB_NAME_INVALID', 'A name has 1 to 32 characters that can be seen, and none that changes how others are read. Choose another one.', 400),
  NameMixed: createError('HUB_NAME_MIXED', 'A name does not mix the letters of several scripts in one word, since some look alike. Choose another one.', 400),
  WordBlocked: createError('HUB_WORD_BLOCKED', 'The host of this place does not want "%s" here. Say it in other words. Nothing was stored.', 400),
  MalformedRequest: createError('HUB_MALFORMED_REQUEST', 'The request is not HTTP as it should be: %s.', 400),
  TokenInvalid: createError('HUB_TOKEN_INVALID', 'The token is not one of ours, or was changed. Get a new one from GET /users/me without a token.', 401),
  TokenExpired: createError('HUB_TOKEN_EXPIRED', 'The token has expired. Get a new one from GET /users/me without a token.', 401),
  TokenRevoked: createError('HUB_TOKEN_REVOKED', 'The token has been revoked. Ask whoever gave it to you for another one.', 401),
  TokenUnfit: createError('HUB_TOKEN_UNFIT', 'The token is signed as it should be, but %s. Whoever signs it must mend that.', 401),
  TokenRequired: createError('HUB_TOKEN_REQUIRED', 'This is for who has a token. Send yours as "authorization: Bearer <token>"; without one, whoever runs this place gives them out, or invites you.', 401),
  CrossSite: createError('HUB_CROSS_SITE', 'This comes from a page of another site (%s). Only that of PUBLIC_URL and those in CORS_ORIGINS may do that.', 403),
  Forbidden: createError('HUB_FORBIDDEN', 'You may not %s. Ask a moderator, or send a token that may.', 403),
  Banned: createError('HUB_BANNED', 'You are banned %s until %s: %s.', 403),
  Muted: createError('HUB_MUTED', 'You are muted %s until %s: %s. Until then you can read.', 403),
  ReadOnly: createError('HUB_READ_ONLY', 'In the room "%s" only %s write now. You can read.', 403),
  LinkTooEarly: createError('HUB_LINK_TOO_EARLY', 'Links can be posted, and be part of a name, by guests who have been here for %s. Leave the link out, come back with the same session in %s s, or use an API token.', 403),
  NotYours: createError('HUB_NOT_YOURS', 'That was said by somebody else. Only its author can edit it; a moderator can delete it.', 403),
  EditTooLate: createError('HUB_EDIT_TOO_LATE', 'What was said can be edited and deleted by its author for %s. Say something new, or ask a moderator.', 403),
  NotFound: createError('HUB_NOT_FOUND', 'There is nothing at %s. GET /docs lists what there is.', 404),
  RoomUnknown: createError('HUB_ROOM_UNKNOWN', 'There is no room "%s" here, or none that you may know of. GET /rooms lists those that you can read.', 404),
  EventUnknown: createError('HUB_EVENT_UNKNOWN', 'The event "%s" is not in the room "%s" (any more), or is one of the server\'s own.', 404),
  UserUnknown: createError('HUB_USER_UNKNOWN', 'No user "%s" is known here (any more). GET /users and every event have the ids of users.', 404),
  InviteUnknown: createError('HUB_INVITE_UNKNOWN', 'This invitation is not, or no longer, good: it may have run out, been used up or been taken back. Ask for a new one.', 404),
  TokenUnknown: createError('HUB_TOKEN_UNKNOWN', 'There is no API token "%s". GET /tokens lists them.', 404),
  ActionUnknown: createError('HUB_ACTION_UNKNOWN', 'There is no action "%s" in the moderation log. GET /moderation/log lists them.', 404),
  ReportUnknown: createError('HUB_REPORT_UNKNOWN', 'No report of the event "%s" in the room "%s" is open (any more). GET /rooms/:room/reports lists those that are.', 404),
  NotAcceptable: createError('HUB_NOT_ACCEPTABLE', 'None of what you accept is made here. Accept one of: %s.', 406),
  RequestTimeout: createError('HUB_REQUEST_TIMEOUT', 'The request took too long to arrive. Send it again.', 408),
  NameTaken: createError('HUB_NAME_TAKEN', 'Somebody who is online, or has spoken in the last day, is called that, or so that it looks alike. Choose another name.', 409),
  KeyReused: createError('HUB_KEY_REUSED', 'You have used this key in this room for another event. Use a new key for a new event.', 409),
  NameReserved: createError('HUB_NAME_RESERVED', 'The name "%s" is kept for the host of this place, or looks like one that is. Choose another one.', 409),
  EventDeleted: createError('HUB_EVENT_DELETED', 'The event "%s" is deleted: there is nothing in it to change.', 409),
  NotUndoable: createError('HUB_NOT_UNDOABLE', 'The action "%s" cannot be undone: %s.', 409),
  ConfirmAddress: createError('HUB_CONFIRM_ADDRESS', 'Others are online behind the same address: %s. Send "confirm": true to go on, or "address": false to leave it out.', 409),
  BodyTooLarge: createError('HUB_BODY_TOO_LARGE', 'A body has 16 KiB at most. Send less.', 413),
  UnsupportedMediaType: createError('HUB_UNSUPPORTED_MEDIA_TYPE', 'Only JSON is taken. Send the header "content-type: application/json".', 415),
  HostUnknown: createError('HUB_HOST_UNKNOWN', 'This server does not answer for the host "%s". Whoever runs it sets PUBLIC_URL to the address that people open, and lets a proxy in front pass the header Host on.', 421),
  TooManyRequests: createError('HUB_TOO_MANY_REQUESTS', 'Too many %s. Try again in %s s.', 429),
  SlowMode: createError('HUB_SLOW_MODE', 'In the room "%s" everybody waits %s s after each message. You can go on in %s s.', 429),
  Repeated: createError('HUB_REPEATED', 'You have said just this %s times within a minute. Say something else, or wait %s s.', 429),
  TooManyStreams: createError('HUB_TOO_MANY_STREAMS', 'Too many open streams %s. Close one, or try again in %s s.', 429),
  HeadersTooLarge: createError('HUB_HEADERS_TOO_LARGE', 'The headers have more than 16 KiB. Send fewer cookies, or a shorter cursor.', 431),
  Internal: createError('HUB_INTERNAL', 'Something went wrong here; it is in the server\'s log. Try again.', 500),
  StoreUnavailable: createError('HUB_STORE_UNAVAILABLE', 'The store cannot do this now: nothing was stored. Try again in some seconds.', 503),
  OutcomeUnknown: createError('HUB_OUTCOME_UNKNOWN', 'The store did not answer: it is unknown whether this was stored. Retry with the same "key".', 503),
  KeysUnavailable: createError('HUB_KEYS_UNAVAILABLE', 'The keys by which tokens are checked cannot be had now. Try again in some seconds.', 503),
  NodeFull: createError('HUB_NODE_FULL', 'This server has as many open streams as it takes. Try again in %s s.', 503),
  NotReady: createError('HUB_NOT_READY', 'Not ready: %s.', 503)
}
