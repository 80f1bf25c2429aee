import type { Socket } from 'node:net'

/** Looks within the time that is given to a reader: it is cut off that part of it late at most. */
const LOOKS = 4

/**
 * Watches whether a reader takes what it is given. A socket's own timeout would not tell: whatever its reader sends puts that off,
 * an empty line now and then.
 * @param ms for which it may take nothing while there is something to take
 * @param stalled called once, when it has taken nothing for that long
 * @returns ends the watch
 */
export function watchStall (socket: Socket, ms: number, stalled: () => void): () => void {
  let taken = takenBy(socket)
  let still = 0
  const timer = setInterval(() => {
    const before = taken
    taken = takenBy(socket)
    still = socket.writableLength === 0 || taken > before ? 0 : still + 1
    if (still < LOOKS && !socket.destroyed) return
    clearInterval(timer)
    if (!socket.destroyed) stalled()
  }, ms / LOOKS).unref()
  return () => clearInterval(timer)
}

/** Bytes that the system has taken for a reader: it takes more as the reader makes room. Node tells of a write only when all of it is taken. */
function takenBy (socket: Socket): number {
  const handle = (socket as { _handle?: { bytesWritten?: number, writeQueueSize?: number } | null })._handle
  return handle?.bytesWritten !== undefined && handle.writeQueueSize !== undefined
    ? handle.bytesWritten - handle.writeQueueSize
    : socket.bytesWritten - socket.writableLength
}
