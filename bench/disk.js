import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const DATA = fileURLToPath(new URL('../data/', import.meta.url))

const directories = new Set()
process.on('exit', () => { for (const directory of directories) removeDirectory(directory) })

/** A directory on the disk that ./data is on: what is measured is a disk, and the system's temporary files may be in memory. */
export function diskDirectory () {
  mkdirSync(DATA, { recursive: true })
  const directory = mkdtempSync(`${DATA}bench-`)
  directories.add(directory)
  return directory
}

export function removeDirectory (directory) {
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
  directories.delete(directory)
}
