import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * The sockets of open streams, so that a test can cut them as a bad network would. Other connections, the test's own among
 * them, are left alone.
 */
export function streamSockets (app: FastifyInstance): { cut (): void } {
  const sockets = new Set<Socket>()
  app.server.on('request', ({ method, url, socket }: IncomingMessage) => {
    if (method !== 'GET' || !url!.startsWith('/events')) return
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return { cut: () => { for (const socket of sockets) socket.destroy() } }
}
