import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, lstatSync, openSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const PREFIX = 'lock.'
/** Times that it is tried while others are trying too. */
const ATTEMPTS = 20
/** ms at most between two of them. */
const PAUSE_MS = 250
/** ms that another one has for its answer. */
const ANSWER_MS = 2_000

/** Another live process has the directory. */
export class DirectoryHeld extends Error {
  override readonly name = 'DirectoryHeld'
}

/**
 * Holds a directory for this process by listening on a socket in it. The kernel lets go of it with the process,
 * however that ends; a PID file would not do, since in a container every server has the same PID.
 *
 * Each process listens on a socket of its own name first and asks all the others then, so that of two that start at once
 * one at least sees the other, and goes back. A socket on which nobody answers is a dead process's, and is removed; its name
 * never comes again.
 */
export class DirectoryLock {
  readonly #server: Server
  readonly #directory: number

  private constructor (server: Server, directory: number) {
    this.#server = server
    this.#directory = directory
  }

  /** @throws {DirectoryHeld} where another process has it */
  static async hold (path: string): Promise<DirectoryLock> {
    const directory = openSync(path, 'r')
    // A socket's address has room for some 100 bytes only; on Linux an open directory gives any path a short name.
    const base = existsSync('/proc/self/fd') ? `/proc/self/fd/${directory}` : path
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const server = await take(base)
        if (server !== undefined) return new DirectoryLock(server, directory)
        await delay(Math.random() * PAUSE_MS)
      }
      throw new DirectoryHeld('others are trying to have it')
    } catch (error) {
      closeSync(directory)
      if (error instanceof Error) error.message = error.message.replaceAll(base, path)
      throw error
    }
  }

  async release (): Promise<void> {
    await close(this.#server)
    closeSync(this.#directory)
  }
}

/** @returns the server that now holds the directory; undefined where another process is trying, too */
async function take (base: string): Promise<Server | undefined> {
  const own = `${PREFIX}${randomBytes(6).toString('hex')}`
  let state: 'trying' | 'holding' = 'trying'
  const server = createServer((peer) => peer.on('error', () => {}).end(`${state} ${process.pid}`))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(join(base, own), resolve))
  server.unref()
  try {
    const others = await Promise.all(sockets(base).filter((name) => name !== own).map((name) => ask(join(base, name))))
    const holder = others.find((answer) => answer?.startsWith('holding'))
    if (holder !== undefined) throw new DirectoryHeld(`process ${holder.split(' ')[1]} has it`)
    // Ours may have been taken for a dead one's in the moment before it listened.
    if (others.every((answer) => answer === undefined) && sockets(base).includes(own)) {
      state = 'holding'
      return server
    }
  } catch (error) {
    await close(server)
    throw error
  }
  await close(server)
  return undefined
}

function sockets (base: string): string[] {
  return readdirSync(base).filter((name) => name.startsWith(PREFIX) && (lstatSync(join(base, name), { throwIfNoEntry: false })?.isSocket() ?? false))
}

/** @returns what the process behind a socket says; undefined where it is dead, and then its socket is gone */
function ask (socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    let reached = false
    const peer = connect(socket, () => { reached = true })
    peer.setEncoding('utf8').setTimeout(ANSWER_MS, () => peer.destroy())
    peer.on('data', (text: string) => { answer += text })
    peer.on('error', () => {})
    peer.on('close', () => {
      if (!reached) rmSync(socket, { force: true })
      // One that is there and says nothing, frozen perhaps, has it for all we know.
      resolve(reached ? answer || 'holding (unknown)' : undefined)
    })
  })
}

function close (server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
