import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { diskDirectory, removeDirectory } from './disk.js'
import { program } from './start.js'

/** What the figures were measured on, as `lines` for people too. */
export async function machine () {
  const directory = diskDirectory()
  const flush = await program('flush-time', [join(directory, 'file')])
  removeDirectory(directory)
  const about = {
    date: new Date().toISOString().slice(0, 10),
    cpus: cpus().length,
    cpu: cpus()[0].model.trim(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    flushMs: flush
  }
  return {
    ...about,
    lines: [
      `Measured on ${about.date}: ${about.cpus} × ${about.cpu}, ${about.memoryGb} GB, Linux ${about.kernel}, Node ${about.node}.`,
      `The disk's own flush of 4 KB (fdatasync): p50 ${flush.p50} ms, p99 ${flush.p99} ms (n = ${flush.count}).`
    ]
  }
}
