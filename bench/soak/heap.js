// Loaded into the server before itself (`node --expose-gc --import …`): on SIGUSR2 it collects all garbage and writes one
// JSON line on standard error. So the server under test needs no code for it.
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'

process.on('SIGUSR2', async () => {
  const { user, system } = process.cpuUsage()
  globalThis.gc()
  await turn() // What the first one has finalized is let go, and the second one takes it.
  globalThis.gc()
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  process.stderr.write(`${JSON.stringify({ heapUsed, external, arrayBuffers, rss, own: own() ?? rss, cpuMs: (user + system) / 1_000 })}\n`)
})

/** Resident bytes without those of mapped files: LMDB's map is the page cache's. Undefined where there is no Linux to ask. */
function own () {
  try {
    return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1_024
  } catch {}
}
