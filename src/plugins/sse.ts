import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { FastifySSEPlugin } from 'fastify-sse-v2'
import { sseName } from '../chat/event.js'
import type { Notice } from '../chat/frame.js'
import type { Sink, Subscriber } from '../chat/subscriber.js'

/** ms that a reader which takes nothing has for its farewell. */
const FAREWELL_MS = 1_000

/** What a stream begins with. */
interface Opening {
  welcome: Notice
  /** ms after which a client whose stream broke comes back. */
  retry: number
}

declare module 'fastify' {
  interface FastifyReply {
    /** Streams server-sent events: the opening, what the subscriber missed, then live. */
    streamEvents (subscriber: Subscriber, sink: ResponseSink, opening: Opening): void
    /** Streams in the subscriber's own encoding. */
    streamLines (subscriber: Subscriber, opening: Opening): void
  }
}

/** A response as a subscriber's sink. */
export class ResponseSink implements Sink {
  readonly raw: ServerResponse
  /** The streams that fastify-sse-v2 pipes into the response during catch-up. */
  readonly #sources: Readable[] = []

  constructor (raw: ServerResponse) {
    this.raw = raw
    raw.on('pipe', (source: Readable) => this.#sources.push(source))
    raw.on('error', () => {}) // 'close' follows, and says all that matters.
  }

  write (bytes: Buffer): boolean {
    return this.raw.write(bytes)
  }

  end (): void {
    this.#unpipe()
    this.raw.end()
  }

  /**
   * Lets fastify-sse-v2's streams go, once all that they were given is in the response. Earlier would lose what they hold.
   */
  async takeOver (reply: FastifyReply): Promise<void> {
    const { raw } = this
    while (!raw.destroyed && this.#sources.some(({ readableLength }) => readableLength > 0)) {
      await new Promise<void>((resolve) => {
        if (!raw.writableNeedDrain) return void setImmediate(resolve)
        const done = (): void => {
          raw.off('drain', done).off('close', done)
          setImmediate(resolve)
        }
        raw.on('drain', done).on('close', done)
      })
    }
    this.#unpipe()
    ;(reply as { sseContext?: { source: { end (): void } } }).sseContext?.source.end()
  }

  #unpipe (): void {
    for (const source of this.#sources.splice(0)) source.unpipe(this.raw)
  }
}

export default fp(async (fastify) => {
  await fastify.register(FastifySSEPlugin, { retryDelay: false })
  const { STALL_TIMEOUT } = fastify.config
  const reading = new WeakSet<object>()

  // A request pipelined behind a stream would wait for ever, and so would whoever sent it.
  fastify.addHook('onRequest', async (request, reply) => {
    const { socket } = request.raw
    // A plain answer that is not taken is no stream to be resumed: it is just cut.
    reply.raw.setTimeout(STALL_TIMEOUT, () => { if (reply.raw.writableLength > 0) reply.raw.destroy() })
    if (reading.has(socket)) {
      reply.hijack()
      socket.destroy()
    } else if (request.method === 'GET' && request.routeOptions.url === '/events') {
      reading.add(socket)
      reply.raw.on('close', () => reading.delete(socket))
    }
  })

  const begin = (reply: FastifyReply, subscriber: Subscriber): void => {
    const { raw } = reply
    raw.on('drain', () => subscriber.drained())
    // Fires when the kernel has taken nothing for so long, whether or not there was anything to take.
    raw.removeAllListeners('timeout').setTimeout(STALL_TIMEOUT, () => {
      if (raw.writableLength === 0) return
      subscriber.bye('stalled', 0)
      setTimeout(() => raw.destroy(), FAREWELL_MS).unref()
    })
    reply.header('x-accel-buffering', 'no')
    reply.header('vary', 'Accept')
  }

  fastify.decorateReply('streamEvents', function (subscriber, sink, { welcome, retry }) {
    begin(this, subscriber)
    const log = this.log
    const reply = this
    async function * catchUp () {
      // An iterable that throws would take the process down.
      try {
        yield { comment: ' hubbub' }
        yield { retry }
        yield { id: subscriber.cursor, event: welcome.type, data: JSON.stringify(welcome) }
        for await (const missed of subscriber.catchUp()) {
          if ('entry' in missed) {
            const event = sseName(missed.entry.event)
            yield { id: missed.cursor, ...(event !== undefined && { event }), data: missed.entry.json }
          } else {
            yield { id: missed.cursor, event: missed.reset.type, data: JSON.stringify(missed.reset) }
          }
        }
        await sink.takeOver(reply)
        subscriber.goLive()
      } catch (error) {
        log.error({ err: error }, 'a stream failed while catching up')
        reply.raw.destroy()
      }
    }
    this.sse(catchUp())
  })

  fastify.decorateReply('streamLines', function (subscriber, { welcome }) {
    begin(this, subscriber)
    const { encoding } = subscriber
    this.hijack()
    this.raw.writeHead(200, {
      ...this.getHeaders() as Record<string, string>,
      'content-type': encoding.contentType,
      'cache-control': 'no-cache, no-transform'
    })
    this.raw.flushHeaders()
    subscriber.notify(encoding.notice(welcome, subscriber.cursor))
    subscriber.goLive()
  })
}, { name: 'sse', dependencies: ['config'] })
