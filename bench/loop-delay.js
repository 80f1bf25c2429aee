/**
 * Preloaded into the server by `--import`: on SIGUSR2 it writes one line of JSON on standard error, the longest time between
 * two turns of the event loop since the last signal, in ms, and starts anew.
 */
import { writeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How often the loop is looked at; a loop that nothing holds up shows about as much. */
const RESOLUTION_MS = 5

const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
delays.enable()
process.on('SIGUSR2', () => {
  writeSync(2, `${JSON.stringify({ loopDelayMs: { max: delays.max / 1e6, p99: delays.percentile(99) / 1e6 } })}\n`)
  delays.reset()
})
