import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { diskDirectory, removeDirectory } from './disk.js'
import { Failure } from './failure.js'

const READY_MS = 20_000
/** How long one answer to "are you ready?" is waited for. */
const ASK_MS = 2_000
const LOOK_MS = 10_000
/** The lowest level of the log that is an error. */
const ERROR = 50

const onCore = (core, command) => ['setpriv', '--pdeathsig', 'TERM', 'taskset', '-c', String(core), ...command]

/** Starts a program on one core. It ends with this process, however that ends. */
export function spawnOn (core, command, options) {
  const [first, ...rest] = onCore(core, command)
  return spawn(first, rest, options)
}

/** Servers on core 0, what loads them on core 1: neither takes the other's time. @throws {Failure} */
export function requireTwoCores () {
  const [first, ...rest] = onCore(1, ['true'])
  if (spawnSync(first, rest).status !== 0) throw new Failure('Linux with two cores, taskset and setpriv (util-linux) is needed')
}

/** Runs one of `peers/` that is no server, on core 0. @returns what it prints @throws {Failure} */
export async function program (name, args) {
  const file = fileURLToPath(new URL(`peers/${name}.js`, import.meta.url))
  const child = spawnOn(0, [process.execPath, file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, complaint, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  if (code !== 0) throw new Failure(`${name} ended with ${code}: ${reason(complaint)}`)
  return JSON.parse(output)
}

const running = new Set()
process.prependListener('exit', () => { for (const server of running) server.kill() }) // Before their directories go.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

let lastPort = 0

/**
 * Starts a server, and waits until it answers.
 * @param definition one of `servers`
 * @param options.core where it runs, 0 where none is given
 * @param options.firstPort each start takes another of the hundred ports from here on
 * @param options.directory for its data, from an earlier fill; else a fresh one, removed in the end
 * @param options.environment further variables
 * @param options.watched whether it can be looked into; Hubbub only
 * @param options.persistence `fsync`, `everysec` or `memory`; Redis only
 * @throws {Failure} where it does not start
 */
export async function start (definition, { firstPort, environment, core = 0, ...options }) {
  const port = firstPort + lastPort++ % 100
  await requireFree(port)
  const directory = options.directory ?? diskDirectory()
  const { command, environment: own } = definition.command({ ...options, port, directory })
  const child = spawnOn(core, command, {
    cwd: directory, // Where no .env lies.
    env: { PATH: `${process.env.PATH}:/usr/sbin`, HOME: process.env.HOME, PORT: String(port), ...own, ...environment },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const lines = createInterface({ input: child.stderr })
  let said = ''
  lines.on('line', (line) => { if (!line.startsWith('{')) said = `${said}\n${line}`.slice(-4_000) })
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{') && JSON.parse(line).level >= ERROR) server.flawed(`${definition.name} logged an error: ${line}`)
  })
  const ended = once(child, 'close')

  const server = {
    ...definition,
    port,
    pid: child.pid,
    /** How it died, or what error it logged, in one line. */
    flaw: undefined,
    /** Called with that, as soon as it is known. */
    flawed (flaw) {
      server.flaw ??= flaw
      options.onFlaw?.(server.flaw)
    },
    assertSound () {
      if (server.flaw !== undefined) throw new Failure(server.flaw)
    },
    /**
     * Collects all garbage of a watched server, and looks into it.
     * @returns `{ heapUsed, external, arrayBuffers, rss, own, cpuMs, loopDelayMs: { max, p99 } }`: bytes, `own` being RSS
     * without mapped files; the CPU time until now; the longest time between two turns of the event loop since the look before
     * @throws {Failure} where it does not answer
     */
    async look () {
      const signal = AbortSignal.timeout(LOOK_MS)
      child.kill('SIGUSR2')
      try {
        for (;;) {
          const [line] = await once(lines, 'line', { signal })
          if (line.startsWith('{"heapUsed"')) return JSON.parse(line) // It may have other things to say.
        }
      } catch {
        server.assertSound()
        throw new Failure(`${server.name} could not be looked into within ${LOOK_MS / 1_000} s`)
      }
    },
    kill (signal = 'SIGKILL') {
      running.delete(server)
      for (const pid of new Set([child.pid, server.pid])) {
        try {
          process.kill(pid, signal)
        } catch {} // It is gone already.
      }
    },
    /** @returns how it ended: an exit code, or a signal */
    async stop (signal) {
      server.kill(signal)
      const [code, by] = await ended
      if (options.directory === undefined) removeDirectory(directory)
      return code ?? by
    }
  }
  running.add(server)
  ended.then(([code, signal]) => { if (running.delete(server)) server.flawed(`${definition.name} died (${signal ?? code}): ${reason(said)}`) })
  try {
    await untilReady(server, definition.ready ?? (() => streams(`http://127.0.0.1:${port}${definition.readyPath ?? '/events?room=ready'}`)))
    if (definition.worker !== undefined) server.pid = definition.worker(child.pid)
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** Else another's server would be taken for ready, and measured. @throws {Failure} */
async function requireFree (port) {
  const socket = connect(port, '127.0.0.1')
  const taken = await once(socket, 'connect').then(() => true, () => false)
  socket.destroy()
  if (taken) throw new Failure(`port ${port} is in use; --port is the first of a hundred others`)
}

/** The line that says why. */
function reason (said) {
  const lines = said.trim().split('\n')
  return lines.find((line) => /error|emerg|cannot/i.test(line)) ?? (lines.at(-1) || 'it said nothing')
}

/** @param ready whether the server on a port answers; rejects where it does not listen yet */
async function untilReady (server, ready) {
  for (let end = Date.now() + READY_MS; Date.now() < end; await delay(20)) {
    if (await ready(server.port).catch(() => false)) return
    server.assertSound()
  }
  throw new Failure(`${server.name} did not start within ${READY_MS / 1000} s`)
}

async function streams (url) {
  const request = new AbortController()
  try {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(ASK_MS)])
    const { status } = await fetch(url, { headers: { accept: 'text/event-stream' }, signal })
    return status === 200
  } finally {
    request.abort()
  }
}
