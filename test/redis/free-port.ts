import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A free loopback port that stays free while nobody listens on it: what must come back on its port has one below those that the
 * kernel gives to outgoing connections.
 */
export async function freePort (): Promise<number> {
  for (;;) {
    const server = createServer()
    try {
      const port = 21_000 + Math.floor(Math.random() * 1_000)
      await once(server.listen(port, '127.0.0.1'), 'listening')
      await once(server.close(), 'close')
      return port
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}
