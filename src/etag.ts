import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

/** What tells a text from any other, for an ETag. */
export function digestOf (text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22)
}

/** Whether the browser still has what is under this ETag, which is weak (RFC 9110 §13.1.2). */
export function isKept ({ headers: { 'if-none-match': kept } }: FastifyRequest, etag: string): boolean {
  return kept !== undefined && kept.split(',').some((one) => one.trim() === etag)
}
