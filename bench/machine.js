import { cpus, release, totalmem } from 'node:os'

/** What the figures were measured on. */
export function machine () {
  return {
    cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    date: new Date().toISOString().slice(0, 10)
  }
}
