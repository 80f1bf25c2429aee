import type { OutgoingHttpHeaders } from 'node:http'
import fp from 'fastify-plugin'
import { FastifySSEPlugin } from 'fastify-sse-v2'
import { Chunk } from '../chat/chunk.js'
import { sseName } from '../chat/event.js'
import { eventStream, type Notice } from '../chat/frame.js'
import type { Subscriber } from '../chat/subscriber.js'
import type { ResponseSink } from '../response-sink.js'

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
  fastify.decorateReply('stream', function (subscriber, sink, welcome) {
    const { encoding } = subscriber
    const { log } = this
    fastify.connections.holdOpen(sink.raw.req.socket, subscriber)
    this.hijack()
    sink.open(subscriber, {
      ...this.getHeaders() as OutgoingHttpHeaders,
      'content-type': encoding.contentType,
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no'
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
}, { name: 'sse', dependencies: ['connections'] })
