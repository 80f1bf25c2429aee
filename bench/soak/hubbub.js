import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const SERVER = fileURLToPath(new URL('../../dist/server.js', import.meta.url))
const HEAP = new URL('heap.js', import.meta.url).href

/** Whether there is a second core, and a way to keep to one. */
const pinned = spawnSync('taskset', ['-c', '0,1', 'true']).status === 0

/** Keeps this process to core 1, so that it takes nothing from the server. @returns whether it could */
export function stepAside () {
  return pinned && spawnSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)]).status === 0
}

/** The server as shipped, in a process and a data directory of its own, which go with this one, pinned to core 0 where there is a second one. */
export class Hubbub {
  port
  /** How it died, where it did. */
  death
  #process
  #lines
  #stopping = false

  /**
   * @param {Record<string, string>} settings
   * @param {(flaw: string) => void} fail told when it dies, or logs an error
   */
  static async start (settings, fail) {
    const hubbub = new Hubbub()
    const directory = mkdtempSync(join(tmpdir(), 'hubbub-soak-'))
    const node = [process.execPath, '--expose-gc', '--import', HEAP, SERVER]
    const [command, ...args] = pinned ? ['taskset', '-c', '0', ...node] : node
    const { PATH, PORT = '0' } = process.env
    const child = hubbub.#process = spawn(command, args, {
      env: { PATH, PORT, DATA_DIR: directory, LIMITS: 'off', LOG_LEVEL: 'warn', ...settings },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: directory
    })
    process.on('exit', () => {
      child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
    })
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
    hubbub.#lines = createInterface({ input: child.stderr })
    let said = ''
    hubbub.#lines.on('line', (line) => { if (!line.startsWith('{')) said = line })
    child.on('exit', (code, signal) => {
      if (!hubbub.#stopping) fail(hubbub.death = `the server died (${signal ?? `code ${code}`}) ${said}`)
    })
    hubbub.port = await new Promise((resolve) => createInterface({ input: child.stdout }).on('line', (line) => {
      const port = /open at http:\S+:(\d+)/.exec(line)?.[1]
      if (port !== undefined) resolve(Number(port))
      if (line.startsWith('{') && JSON.parse(line).level >= 50) fail(`the server logged an error: ${line}`)
    }))
    return hubbub
  }

  /**
   * Collects all garbage, and looks.
   * @returns {Promise<{ heapUsed: number, external: number, arrayBuffers: number, rss: number, own: number, cpuMs: number }>}
   * bytes, `own` being RSS without mapped files; and the CPU time taken until then
   */
  async look () {
    this.#process.kill('SIGUSR2')
    for (;;) {
      const [line] = await once(this.#lines, 'line')
      if (line.startsWith('{"heapUsed"')) return JSON.parse(line)
    }
  }

  /** Ends it. @returns {Promise<number | NodeJS.Signals>} how: an exit code, or a signal */
  async stop () {
    const child = this.#process
    this.#stopping = true
    if (child.kill('SIGTERM')) await once(child, 'exit')
    return child.exitCode ?? child.signalCode
  }
}
