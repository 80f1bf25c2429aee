import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import fp from 'fastify-plugin'
import { FastifySSEPlugin } from 'fastify-sse-v2'
import { Chunk } from '../chat/chunk.js'
import { sseName } from '../chat/event.js'
import { eventStream, type Notice } from '../chat/frame.js'
import type { Subscriber } from '../chat/subscriber.js'
import type { ResponseSink } from '../response-sink.js'

/** ms that a reader which takes nothing has for its farewell. */
const FAREWELL_MS = 1_000

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Streams in the subscriber's encoding: the welcome, what it missed, then live. Server-sent events that must be fetched from
     * the log are pulled by fastify-sse-v2; whoever has missed nothing costs no such machinery.
     */
    stream (subscriber: Subscriber, sink: ResponseSink, welcome: Notice): void
  }
}

export default fp(async (fastify) => {
  await fastify.register(FastifySSEPlugin)
  const { server, config: { STALL_TIMEOUT } } = fastify
  /** Connections on which a stream is open, or about to be, and its subscriber. */
  const reading = new WeakMap<Socket, Subscriber | undefined>()
  function end (socket: Socket): void {
    reading.get(socket)?.close()
    reading.delete(socket)
  }
  function endOfResponse (this: ServerResponse): void {
    end(this.req.socket)
  }
  function endOfConnection (this: Socket): void {
    end(this)
  }
  // A response that is still waiting behind another one does not tell of its connection's end.
  server.on('connection', (socket: Socket) => socket.on('close', endOfConnection))

  // On the response: a listener on the server would keep idle connections from being closed.
  function stalled (this: ServerResponse): void {
    const { socket } = this.req
    if (socket.writableLength === 0) return // It has moved nothing, and there was nothing to move.
    const subscriber = reading.get(socket)
    // A plain answer that is not taken is no stream to be resumed: it is just cut.
    if (subscriber === undefined) return void socket.destroy()
    subscriber.bye('stalled', 0)
    setTimeout(() => { if (!this.writableFinished) socket.destroy() }, FAREWELL_MS).unref()
  }

  fastify.addHook('onRequest', (request, reply, done) => {
    const { socket } = request.raw
    if (reading.has(socket)) {
      // A request pipelined behind a stream would wait for ever, and so would whoever sent it.
      reply.hijack()
      return void socket.destroy()
    }
    reply.raw.on('timeout', stalled)
    if (request.method === 'GET' && request.routeOptions.url === '/events') {
      reading.set(socket, undefined)
      reply.raw.on('close', endOfResponse)
    } else if (!(socket.timeout! > 0)) {
      socket.setTimeout?.(STALL_TIMEOUT) // An injected request's has none.
    }
    done()
  })

  fastify.decorateReply('stream', function (subscriber, sink, welcome) {
    const { encoding } = subscriber
    const { log } = this
    reading.set(sink.raw.req.socket, subscriber)
    this.hijack()
    sink.open(subscriber, {
      ...this.getHeaders() as OutgoingHttpHeaders,
      'content-type': encoding.contentType,
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      vary: 'Accept'
    })
    subscriber.notify(Chunk.of(encoding.notice(welcome, subscriber.cursor)))

    async function * catchUp () {
      // An iterable that throws would take the process down.
      try {
        for await (const missed of subscriber.catchUp()) {
          if ('entry' in missed) {
            const event = sseName(missed.entry.event)
            yield { id: missed.cursor, ...(event !== undefined && { event }), data: missed.entry.json }
          } else {
            yield { id: missed.cursor, event: missed.reset.type, data: JSON.stringify(missed.reset) }
          }
        }
        await sink.emptied()
        sink.takeOver()
        subscriber.goLive()
      } catch (error) {
        log.error({ err: error }, 'a stream failed while catching up')
        sink.raw.destroy()
      }
    }
    if (encoding === eventStream && subscriber.behind) {
      sink.watch()
      this.sse(catchUp())
    } else {
      sink.takeOver()
      subscriber.goLive()
    }
  })
}, { name: 'sse', dependencies: ['config'] })
