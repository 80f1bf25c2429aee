import type { FastifyReply } from 'fastify'

/** Says by which header of the request an answer varies, beside those that it varies by already (RFC 9110 §12.5.5). */
export function varyBy (reply: FastifyReply, header: string): void {
  const others = reply.getHeader('vary')
  reply.header('vary', others === undefined ? header : `${others}, ${header}`)
}
