/**
 * Preloaded into the server (`node --expose-gc --import …`), which needs no code of its own for it: on SIGUSR2 it collects
 * all garbage and writes one line of JSON on standard error. The event loop's delay is that since the look before.
 */
import { readFileSync, writeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'

/** How often the loop is looked at; a loop that nothing holds up shows about as much. */
const RESOLUTION_MS = 5

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delays.enable()
process.on('SIGUSR2', async () => {
  const loopDelayMs = { max: delays.max / 1e6, p99: delays.percentile(99) / 1e6 }
  const { user, system } = process.cpuUsage()
  delays.disable() // The collections are not the server's own doing.
  globalThis.gc()
  await turn() // What the first one has finalized is let go, and the second one takes it.
  globalThis.gc()
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  writeSync(2, `${JSON.stringify({ heapUsed, external, arrayBuffers, rss, own: own(), cpuMs: (user + system) / 1_000, loopDelayMs })}\n`)
  delays.reset()
  delays.enable()
})

/** Resident bytes without those of mapped files: LMDB's map is the page cache's. */
function own () {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1_024
}
