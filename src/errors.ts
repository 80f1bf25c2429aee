import createError from '@fastify/error'

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
  MalformedRequest: createError('HUB_MALFORMED_REQUEST', 'The request is not HTTP as it should be: %s.', 400),
  TokenInvalid: createError('HUB_TOKEN_INVALID', 'The token is not one of ours, or was changed. Get a new one from GET /users/me without a token.', 401),
  TokenExpired: createError('HUB_TOKEN_EXPIRED', 'The token has expired. Get a new one from GET /users/me without a token.', 401),
  NotFound: createError('HUB_NOT_FOUND', 'There is nothing at %s. GET /docs lists what there is.', 404),
  NotAcceptable: createError('HUB_NOT_ACCEPTABLE', 'None of what you accept is made here. Accept one of: %s.', 406),
  RequestTimeout: createError('HUB_REQUEST_TIMEOUT', 'The request took too long to arrive. Send it again.', 408),
  NameTaken: createError('HUB_NAME_TAKEN', 'Somebody online is called that, or so that it looks alike. Choose another name.', 409),
  KeyReused: createError('HUB_KEY_REUSED', 'You have used this key in this room for another event. Use a new key for a new event.', 409),
  BodyTooLarge: createError('HUB_BODY_TOO_LARGE', 'A body has 16 KiB at most. Send less.', 413),
  UnsupportedMediaType: createError('HUB_UNSUPPORTED_MEDIA_TYPE', 'Only JSON is taken. Send the header "content-type: application/json".', 415),
  TooManyRequests: createError('HUB_TOO_MANY_REQUESTS', 'Too many %s. Try again in %s s.', 429),
  HeadersTooLarge: createError('HUB_HEADERS_TOO_LARGE', 'The headers have more than 16 KiB. Send fewer cookies, or a shorter cursor.', 431),
  Internal: createError('HUB_INTERNAL', 'Something went wrong here; it is in the server\'s log. Try again.', 500),
  StoreUnavailable: createError('HUB_STORE_UNAVAILABLE', 'The store cannot do this now: nothing was stored. Try again in some seconds.', 503),
  OutcomeUnknown: createError('HUB_OUTCOME_UNKNOWN', 'The store did not answer: it is unknown whether this was stored. Retry with the same "key".', 503),
  NodeFull: createError('HUB_NODE_FULL', 'This server has as many open streams as it takes. Try again in %s s.', 503),
  NotReady: createError('HUB_NOT_READY', 'Not ready: %s.', 503)
}
