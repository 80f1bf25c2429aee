import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { EngineUnavailable } from '../engines/engine.js'
import { errors, type Limited } from '../errors.js'

/** s after which a caller may try again where we cannot know better. */
const RETRY_AFTER = 2
/** ms for which the log is not told again that the store is away: all who ask meanwhile are refused. */
const TOLD_MS = 60_000

/** ms that a client has to take the answer to what was no request: it may never close its side. */
const LINGER_MS = 1_000

/** What Node's parser refuses before there is a request: answered on the bare connection. */
export function answerClientError (error: NodeJS.ErrnoException, socket: Socket): void {
  // What is written behind a response that has begun would land in it.
  const begun = (socket as { _httpMessage?: { headersSent: boolean } })._httpMessage?.headersSent ?? false
  if (error.code === 'ECONNRESET' || !socket.writable || begun) return void socket.destroy()
  const { statusCode = 400, code, message } = error.code === 'HPE_HEADER_OVERFLOW'
    ? new errors.HeadersTooLarge()
    : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? new errors.RequestTimeout() : new errors.MalformedRequest(error.code ?? error.message)
  const status = STATUS_CODES[statusCode]
  const body = JSON.stringify({ statusCode, code, error: status, message })
  socket.end([
    `HTTP/1.1 ${statusCode} ${status}`, 'content-type: application/json; charset=utf-8', `content-length: ${Buffer.byteLength(body)}`, 'connection: close', '', body
  ].join('\r\n'))
  setTimeout(() => socket.destroy(), LINGER_MS).unref()
}

/** What the router refuses before there is a route. */
export function answerFrameworkError (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void answer(new errors.MalformedRequest(error.message), error, request, reply)
}

/** Answers every failure in Fastify's own shape, with a code of the catalogue. */
export default fp(async (fastify) => {
  let toldUntil = -Infinity
  fastify.setErrorHandler((error: FastifyError, request, reply) => {
    const away = error instanceof EngineUnavailable
    const told = away && performance.now() < toldUntil
    if (away && !told) toldUntil = performance.now() + TOLD_MS
    return answer(fromCatalogue(error, request), error, request, reply, told ? 'debug' : 'error')
  })
  fastify.setNotFoundHandler((request, reply) => {
    const error = new errors.NotFound(`${request.method} ${request.originalUrl.slice(0, 200)}`)
    return answer(error, error, request, reply)
  })
}, { name: 'error-handler' })

function answer (error: FastifyError & Limited, cause: Error, request: FastifyRequest, reply: FastifyReply, fault: 'error' | 'debug' = 'error'): FastifyReply {
  const { statusCode = 500, code, message, limit, retryAfter } = error
  // What we cannot answer for is worth a trace; a full or draining server says the same many times.
  if (cause !== error) request.log[statusCode >= 500 ? fault : 'debug']({ err: cause }, message)
  else if (statusCode >= 500) request.log.warn(message)
  if (statusCode === 401) reply.header('www-authenticate', 'Bearer')
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  else if (statusCode === 503 && !reply.hasHeader('retry-after')) reply.header('retry-after', RETRY_AFTER)
  return reply.code(statusCode).send({ statusCode, code, error: STATUS_CODES[statusCode], message, ...(limit !== undefined && { limit }) })
}

function fromCatalogue (error: FastifyError, request: FastifyRequest): FastifyError {
  if (error instanceof EngineUnavailable) return error.outcomeUnknown ? new errors.OutcomeUnknown() : new errors.StoreUnavailable()
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return new errors.BodyTooLarge()
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return new errors.UnsupportedMediaType()
    case 'FST_ERR_CTP_EMPTY_JSON_BODY': return new errors.InvalidJson('it is empty')
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH': return new errors.InvalidJson(error.message)
  }
  if (error.code?.startsWith('HUB_')) return error
  if (error instanceof SyntaxError) return new errors.InvalidJson(error.message)
  if (error.statusCode === 403 || error.statusCode === 404) return new errors.NotFound(`${request.method} ${request.originalUrl.slice(0, 200)}`)
  return error.statusCode !== undefined && error.statusCode < 500 ? new errors.MalformedRequest(error.message) : new errors.Internal()
}
