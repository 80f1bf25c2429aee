import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

declare module 'fastify' {
  interface FastifyInstance {
    /** What this application tells Prometheus. */
    metrics: Registry
  }
}

/** s: from a fast disk's flush to one that is in trouble. */
const APPEND_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]
/** s: a flush to a few readers takes less than the first, one to tens of thousands more than 25 ms, the longest wait. */
const FLUSH_SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
/** 0: only presence was told. */
const FLUSH_EVENTS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]

/** What the node does, in Prometheus's terms. Nothing is labelled by room or user: their number has no bound. */
export default fp(async (fastify) => {
  const { activity, broadcaster, registry } = fastify
  const metrics = new Registry()
  const registers = [metrics]
  fastify.decorate('metrics', metrics)
  // The process's own. A scrape counts open files and sockets one by one: with 8,000 streams it holds the event loop some 10 ms.
  // Their observers stay until the process ends, which they do not keep from ending.
  collectDefaultMetrics({ register: metrics })

  // Gauges and counters are read when they are scraped, so that nobody pays for them meanwhile.
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({ name, help, registers, collect () { this.set(read()) } })
  }
  const counter = (name: string, help: string, read: () => number): void => {
    new Counter({ name, help, registers, collect () { this.reset(); this.inc(read()) } })
  }
  const counters = (name: string, help: string, label: string, counts: Record<string, number>): void => {
    new Counter({
      name,
      help,
      registers,
      labelNames: [label],
      collect () {
        this.reset()
        for (const [value, count] of Object.entries(counts)) this.inc({ [label]: value }, count)
      }
    })
  }

  gauge('hubbub_open_streams', 'Streams open now.', () => broadcaster.streams)
  gauge('hubbub_users_online', 'Users online now through this node, in whatever room.', () => registry.users)
  gauge('hubbub_live_rooms', 'Rooms in memory: those that somebody here reads.', () => broadcaster.memory.rooms)
  gauge('hubbub_ring_bytes', 'Bytes of events that the live rooms hold in memory.', () => broadcaster.memory.ringBytes)
  gauge('hubbub_readers_catching_up', 'Streams that read the log, to catch up.', () => broadcaster.catchingUp)
  gauge('hubbub_slowest_reader_lag_events', 'Events that the slowest live stream has not been given yet.', () => broadcaster.slowestLag)

  counters('hubbub_posts_total', 'Posts answered, by result.', 'result', activity.posts)
  counter('hubbub_deliveries_total', 'Events given to streams: one event to ten readers is ten.', () => activity.deliveries)
  counter('hubbub_sent_bytes_total', 'Bytes of events and notices given to streams.', () => activity.bytes)
  counters('hubbub_resets_total', 'Readers told that some events are missing, by reason.', 'reason', activity.resets)
  counters('hubbub_limited_total', 'Requests refused, and connections closed, by which limit.', 'limit', activity.limited)
  counters('hubbub_streams_sent_off_total', 'Streams that the server ended, by reason.', 'reason', activity.farewells)

  const append = new Histogram({
    name: 'hubbub_append_duration_seconds', help: 'From asking the engine to store a post until it is durable.', registers, buckets: APPEND_SECONDS
  })
  const flush = new Histogram({
    name: 'hubbub_flush_duration_seconds', help: 'From the first to the last reader of a room that is given what is new.', registers, buckets: FLUSH_SECONDS
  })
  const flushed = new Histogram({ name: 'hubbub_flush_events', help: 'Events that a flush gives to each reader of a room.', registers, buckets: FLUSH_EVENTS })
  activity.onAppend = (ms) => append.observe(ms / 1_000)
  activity.onFlush = (events, ms) => {
    flushed.observe(events)
    flush.observe(ms / 1_000)
  }
}, { name: 'metrics', dependencies: ['activity', 'broadcaster', 'registry'] })
