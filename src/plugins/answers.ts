import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import fp from 'fastify-plugin'
import { watchStall } from '../stall-watch.js'

/** Bytes of an answer that the system's own buffers take, mostly: nobody watches over it. */
const SMALL = 16 * 1024
/** Bytes of answers that wait to be taken, at most, and ms after which those that wait for longest are cut then. */
const WAITING_BYTES = 128 * 1024 * 1024
const SLOW_MS = 1_000

/** Answers that are not taken are in memory: each for as long as a reader may stand still, and all together only so much. */
export default fp(async (fastify) => {
  const { STALL_TIMEOUT } = fastify.config
  /** The oldest first. */
  const waiting = new Map<ServerResponse, { bytes: number, since: number }>()
  let bytes = 0
  let sweeping: NodeJS.Timeout | undefined

  function sweep (): void {
    sweeping = undefined
    for (const [response, answer] of waiting) {
      if (bytes <= WAITING_BYTES) return
      if (performance.now() - answer.since < SLOW_MS) break
      forget(response)
      response.req.socket.destroy()
    }
    if (bytes > WAITING_BYTES) sweeping = setTimeout(sweep, SLOW_MS).unref()
  }

  function forget (response: ServerResponse): void {
    bytes -= waiting.get(response)?.bytes ?? 0
    waiting.delete(response)
  }

  fastify.addHook('onSend', (_request, { raw }, payload, done) => {
    const { socket } = raw.req
    const length = payload == null ? 0 : typeof payload === 'string' || payload instanceof Uint8Array ? payload.length : undefined
    // An injected request has no socket.
    if (socket instanceof Socket && (length === undefined || length > SMALL || socket.writableLength > 0)) {
      const end = watchStall(socket, STALL_TIMEOUT, () => socket.destroy())
      waiting.set(raw, { bytes: length ?? 0, since: performance.now() })
      bytes += length ?? 0
      raw.on('close', () => {
        end()
        forget(raw)
      })
      if (bytes > WAITING_BYTES) sweeping ??= setTimeout(sweep, SLOW_MS).unref()
    }
    done(null, payload)
  })
}, { name: 'answers', dependencies: ['config'] })
