import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Failure } from './failure.js'
import { spawnOn } from './start.js'

const SOURCE = fileURLToPath(new URL('load.c', import.meta.url))

/** Compiles the load generator. @returns its path */
export function compile (directory) {
  const compiler = process.env.CC ?? 'cc'
  const binary = join(directory, 'load')
  try {
    execFileSync(compiler, ['-O2', '-o', binary, SOURCE], { stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    if (error.code === 'ENOENT') throw new Failure(`a C compiler is needed and ${compiler} is not there: install gcc, or set CC`)
    throw new Failure(`${compiler} cannot compile bench/load.c: ${String(error.stderr).split('\n')[0]}`)
  }
  return binary
}

/**
 * Drives a server from core 1.
 * @param options the generator's own, in camel case: `{ streams: 1000, atOnce: true }`; and `held`, what to do while the streams
 * are still open, where `behind` is given
 * @returns what it prints
 * @throws {Failure} where something was lost, or the server died
 */
export async function load (binary, server, { held, ...options }) {
  const { path, postPath } = server
  const given = { port: server.port, pid: server.pid, path, postPath, body: server.body(), ...options, ...(held && { hold: true }) }
  const flags = Object.entries(given)
    .flatMap(([name, value]) => [`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, ...(value === true ? [] : [String(value)])])
  const generator = spawnOn(1, [binary, ...flags], { stdio: ['pipe', 'pipe', 'pipe'] })
  if (held) generator.stdout.once('data', () => void held().finally(() => generator.stdin.end()))
  const [output, complaint, [code]] = await Promise.all([text(generator.stdout), text(generator.stderr), once(generator, 'exit')])
  if (code !== 0) await delay(200) // Where its server has just died, that is the reason.
  server.assertSound()
  if (code !== 0) throw new Failure(`${server.name}: ${complaint.trim().replace(/^load: /, '') || `the load generator ended with ${code}`}`)
  return JSON.parse(output)
}
