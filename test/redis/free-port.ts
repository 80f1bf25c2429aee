import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that the kernel gives to outgoing connections, which begin at 32,768. */
const FIRST = 11_000
const EACH = 100
const FILES = 200

/** Each test file has ports of its own: one that a killed server comes back to must not be another file's meanwhile. */
const ours = FIRST + (Number(process.env['TAP_CHILD_ID'] ?? process.pid) % FILES) * EACH
let given = 0

/** A free loopback port that stays free while nobody listens on it. None is given twice, until all have been. */
export async function freePort (): Promise<number> {
  for (;;) {
    const port = ours + given++ % EACH
    const server = createServer()
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
      await once(server.close(), 'close')
      return port
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}
