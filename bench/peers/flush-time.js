/** The disk's own: how long an append of 4 KB takes to be on it. Takes a file; prints one JSON object, in ms. */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'

const APPENDS = 500

const file = openSync(process.argv[2], 'w')
const page = Buffer.alloc(4096, 'x')
const times = []
for (let i = 0; i < APPENDS; i++) {
  const began = performance.now()
  writeSync(file, page)
  fdatasyncSync(file)
  times.push(performance.now() - began)
}
closeSync(file)
times.sort((a, b) => a - b)
const at = (share) => Number(times[Math.floor(APPENDS * share)].toFixed(3))
process.stdout.write(JSON.stringify({ count: APPENDS, p50: at(0.5), p99: at(0.99) }))
