import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { PerformanceObserver, constants, monitorEventLoopDelay, type PerformanceEntry } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram } from 'prom-client'

const GC_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]
const GC_KINDS = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weakcb'
}

/**
 * The process's own metrics, under the names that prom-client's `collectDefaultMetrics` and most dashboards use. That one
 * counts the open files and the sockets one by one while everything waits, and its observers outlive the application.
 */
export default fp(async (fastify) => {
  const registers = [fastify.metrics]
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    new Gauge({ name, help, registers, async collect () { this.set(await read()) } })
  }

  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time spent.',
    registers,
    collect () {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    }
  })
  gauge('process_start_time_seconds', 'Unix time when the process began.', () => performance.timeOrigin / 1_000)
  gauge('process_resident_memory_bytes', 'Resident memory, with the pages of the data file that are mapped.', () => process.memoryUsage.rss())
  gauge('nodejs_heap_size_total_bytes', 'The size of V8\'s heap.', () => process.memoryUsage().heapTotal)
  gauge('nodejs_heap_size_used_bytes', 'What of V8\'s heap is used.', () => process.memoryUsage().heapUsed)
  gauge('nodejs_external_memory_bytes', 'Memory outside of V8\'s heap that belongs to its objects, such as buffers.', () => process.memoryUsage().external)

  const limit = maxOpenFiles()
  if (limit !== undefined) {
    gauge('process_open_fds', 'Open files; each stream is one.', async () => (await readdir('/proc/self/fd')).length)
    gauge('process_max_fds', 'Files that the process may have open.', () => limit)
  }

  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  const lag = (statistic: string, read: () => number): void => {
    // No turn of the event loop has been seen yet where it is no number.
    gauge(`nodejs_eventloop_lag_${statistic}_seconds`, `Between two turns of the event loop since the last scrape, of which 10 ms are the measure itself: ${statistic}.`, () => (read() || 0) / 1e9)
  }
  lag('mean', () => delay.mean)
  lag('p50', () => delay.percentile(50))
  lag('p99', () => delay.percentile(99))
  lag('max', () => {
    const { max } = delay
    delay.reset() // The last of them to be asked.
    return max
  })

  const gc = new Histogram({ name: 'nodejs_gc_duration_seconds', help: 'Garbage collections, by kind.', registers, labelNames: ['kind'], buckets: GC_SECONDS })
  const observer = new PerformanceObserver((list) => {
    for (const { detail, duration } of list.getEntries() as Array<PerformanceEntry & { detail: { kind: keyof typeof GC_KINDS } }>) {
      gc.observe({ kind: GC_KINDS[detail.kind]! }, duration / 1_000)
    }
  })
  observer.observe({ entryTypes: ['gc'] })

  fastify.addHook('onClose', async () => {
    delay.disable()
    observer.disconnect()
  })
}, { name: 'process-metrics', dependencies: ['metrics'] })

/** @returns undefined where the system does not say, as anywhere but on Linux, or where there is no limit */
function maxOpenFiles (): number | undefined {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}
