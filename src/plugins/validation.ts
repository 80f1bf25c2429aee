import { Ajv, type ErrorObject } from 'ajv'
import fp from 'fastify-plugin'
import { errors } from '../errors.js'

/**
 * Bodies are taken as they are: nothing is coerced, and an unknown field is refused by name, since a typo must not post
 * elsewhere. A query is text, so its numbers and lists are read from it.
 */
export default fp(async (fastify) => {
  const options = { removeAdditional: false, useDefaults: true, verbose: true, strict: false } as const
  const body = new Ajv({ ...options, coerceTypes: false })
  const query = new Ajv({ ...options, coerceTypes: 'array' })
  fastify.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? body : query).compile(schema as object))
  // Only JSON posts, in well-formed UTF-8: a decoder that is not told would put U+FFFD where it is not.
  fastify.removeAllContentTypeParsers()
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  const parse = fastify.getDefaultJsonParser('error', 'error')
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, payload, done) => {
    // A body is of no use there, and many clients send the header with every request.
    if (request.method === 'DELETE' && payload.length === 0) return done(null, undefined)
    let text
    try {
      text = utf8.decode(payload as Buffer)
    } catch {
      return done(new errors.TextMalformed())
    }
    return parse(request, text, done)
  })
  fastify.setSchemaErrorFormatter(([error], part) => toCatalogue(error as ErrorObject, part))
}, { name: 'validation' })

function toCatalogue (error: ErrorObject, part: string): Error {
  const { keyword, instancePath, params, parentSchema, message } = error
  const field = instancePath.slice(1)
  if (keyword === 'additionalProperties') {
    return new errors.UnknownField(quotable(params['additionalProperty']), Object.keys(parentSchema?.['properties'] ?? {}).join(', '))
  }
  if (field === 'message' && keyword === 'maxLength') return new errors.MessageTooLong()
  if (/^room\b/.test(field)) return keyword === 'maxItems' ? new errors.TooManyRooms() : new errors.RoomInvalid()
  const what = field === '' ? `it ${message}` : `"${field}" ${message}`
  return part === 'body' ? new errors.InvalidBody(what) : new errors.InvalidQuery(what)
}

/** A name that a caller chose, in the words of an answer. */
function quotable (name: string): string {
  return name.length > 40 ? `${name.slice(0, 40)}…` : name
}
