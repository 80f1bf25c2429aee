import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { diskDirectory, removeDirectory } from './disk.js'
import { Failure } from './failure.js'
import { nchanConfig } from './peers/nchan.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NCHAN_MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so'
const READY_MS = 20_000
/** How long one answer to "are you ready?" is waited for. */
const ASK_MS = 2_000

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const python = process.env.PYTHON ?? 'python3'

/** A peer takes a room in the path, and gets as many bytes to an event as Hubbub's has. */
const peer = (padding) => ({
  path: '/events?room=room-{ROOM}',
  postPath: '/events?room=room-{ROOM}',
  body: (more = 0) => JSON.stringify({ message: `@@{T}@@ ${'x'.repeat(padding + more)}` })
})

/**
 * How each server is started and driven. `missing`: what has to be installed first. `readyPath`: answers 200 when it is
 * ready. `body`: a post, with so many bytes more in its message.
 */
export const servers = {
  hubbub: {
    name: 'Hubbub',
    path: '/events?room=room-{ROOM}',
    postPath: '/events',
    body: (more = 0) => JSON.stringify({ room: 'room-{ROOM}', message: `@@{T}@@${'x'.repeat(more)}` }),
    readyPath: '/readyz',
    command: ({ directory, preload = [] }) => ({
      command: [process.execPath, ...preload.flatMap((file) => ['--import', file]), join(ROOT, 'dist/server.js')],
      environment: { DATA_DIR: join(directory, 'data'), LIMITS: 'off', LOG_LEVEL: 'warn' }
    })
  },
  nchan: {
    name: 'nchan',
    ...peer(190),
    missing: () => existsSync(NCHAN_MODULE) ? undefined : 'the Debian package libnginx-mod-nchan',
    command: ({ port, directory }) => {
      const config = join(directory, 'nginx.conf')
      writeFileSync(config, nchanConfig({ port, module: NCHAN_MODULE, files: openFiles() }))
      return { command: ['nginx', '-p', directory, '-e', join(directory, 'error.log'), '-c', config] }
    },
    worker: (pid) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0])
  },
  talk: {
    name: 'talk',
    ...peer(170),
    missing: () => pythonHas('aiohttp', 'aiohttp_sse') ? undefined : 'the Python packages aiohttp and aiohttp_sse (pip install aiohttp aiohttp_sse)',
    command: () => ({ command: [python, here('peers/talk.py')] })
  },
  floorWrite: { name: 'res.write floor', ...peer(140), command: () => ({ command: [process.execPath, here('peers/floor-write.js')] }) },
  floorTick: { name: 'tick floor', ...peer(140), command: () => ({ command: [process.execPath, here('peers/floor-tick.js')] }) }
}

/** The hard limit: Node raises its own to it, and what it starts inherits that. */
function openFiles () {
  return Number(/^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024)
}

function pythonHas (...modules) {
  try {
    execFileSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Runs one of `peers/` that is no server, on core 0. @returns what it prints @throws {Failure} */
export async function program (name, args) {
  const child = spawn('taskset', ['-c', '0', process.execPath, here(`peers/${name}.js`), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  if (code !== 0) throw new Failure(`${name} ended with ${code}: ${reason(complaint)}`)
  return JSON.parse(output)
}

const running = new Set()
process.prependListener('exit', () => { for (const server of running) server.kill() }) // Before their directories go.

let lastPort = 0

/**
 * Starts a server on core 0, and waits until it answers.
 * @param definition one of `servers`
 * @param options.firstPort each start takes another of the hundred ports from here on
 * @param options.directory for its data, from an earlier fill; else a fresh one, removed in the end
 * @param options.environment further variables
 * @throws {Failure} where it does not start
 */
export async function start (definition, { firstPort, environment, preload, ...options }) {
  const port = firstPort + lastPort++ % 100
  const directory = options.directory ?? diskDirectory()
  const { command, environment: own } = definition.command({ port, directory, preload })
  const child = spawn('taskset', ['-c', '0', ...command], {
    cwd: directory, // Where no .env lies.
    env: { PATH: `${process.env.PATH}:/usr/sbin`, HOME: process.env.HOME, PORT: String(port), ...own, ...environment },
    stdio: ['ignore', 'ignore', 'pipe']
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (words) => { said = (said + words).slice(-4_000) })
  const exited = new Promise((resolve) => child.on('close', resolve))

  const server = {
    ...definition,
    port,
    directory,
    pid: child.pid,
    /** What it writes on standard error, as text. */
    stderr: child.stderr,
    signal: (signal) => child.kill(signal),
    assertAlive () {
      if (child.exitCode === null && child.signalCode === null) return
      throw new Failure(`${definition.name} died (${child.exitCode ?? child.signalCode}): ${reason(said)}`)
    },
    kill () {
      for (const pid of new Set([child.pid, server.pid])) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {} // It is gone already.
      }
      running.delete(server)
      if (options.directory === undefined) removeDirectory(directory)
    },
    async stop () {
      server.kill()
      await exited
    }
  }
  running.add(server)
  try {
    await untilReady(server, `http://127.0.0.1:${port}${definition.readyPath ?? '/events?room=ready'}`)
    if (definition.worker !== undefined) server.pid = definition.worker(child.pid)
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** The line that says why. */
function reason (said) {
  const lines = said.trim().split('\n')
  return lines.find((line) => /error|emerg/i.test(line)) ?? (lines.at(-1) || 'it said nothing')
}

async function untilReady (server, url) {
  for (let end = Date.now() + READY_MS; Date.now() < end; await delay(20)) {
    const request = new AbortController()
    try {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(ASK_MS)])
      const { status } = await fetch(url, { headers: { accept: 'text/event-stream' }, signal })
      if (status === 200) return
    } catch {
      server.assertAlive() // It does not listen yet.
    } finally {
      request.abort()
    }
  }
  throw new Failure(`${server.name} did not start within ${READY_MS / 1000} s`)
}
