import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, openSync, renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'

/** Another live process has the directory. */
export class DirectoryHeld extends Error {
  override readonly name = 'DirectoryHeld'
}

/**
 * Holds a directory for this process by listening on a socket in it. The kernel lets go of it with the process,
 * however that ends; a PID file would not do, since in a container every server has the same PID.
 */
export class DirectoryLock {
  readonly #server: Server
  readonly #directory: number

  private constructor (server: Server, directory: number) {
    this.#server = server
    this.#directory = directory
  }

  /** @throws {DirectoryHeld} where another process answers on the socket */
  static async hold (path: string): Promise<DirectoryLock> {
    const directory = openSync(path, 'r')
    // A socket's address has room for some 100 bytes only; on Linux an open directory gives any path a short name.
    const base = existsSync('/proc/self/fd') ? `/proc/self/fd/${directory}` : path
    const socket = join(base, 'lock')
    try {
      for (let attempt = 0; attempt < 3; attempt++) {
        const server = await listen(socket)
        if (server !== undefined) return new DirectoryLock(server, directory)
        const holder = await askHolder(socket)
        if (holder !== undefined) throw new DirectoryHeld(`process ${holder} has it`)
        await removeStale(socket, base)
      }
      throw new DirectoryHeld('another process is taking it')
    } catch (error) {
      closeSync(directory)
      throw error
    }
  }

  async release (): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    closeSync(this.#directory)
  }
}

/** @returns undefined where the socket's file is there already, of a live process or a dead one */
function listen (socket: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((peer) => peer.on('error', () => {}).end(`${process.pid}\n`))
    server.once('error', (error: NodeJS.ErrnoException) => error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error))
    server.listen(socket, () => {
      server.unref()
      resolve(server)
    })
  })
}

/** @returns the process id that a live holder tells, undefined where nobody listens */
function askHolder (socket: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    let reached = false
    const peer = connect(socket, () => { reached = true })
    peer.setEncoding('utf8').setTimeout(2_000, () => peer.destroy())
    peer.on('data', (text: string) => { answer += text })
    peer.on('error', () => {})
    peer.on('close', () => resolve(reached ? answer.trim() || 'unknown' : undefined))
  })
}

/**
 * Takes a dead process's socket away. Moved aside and asked once more before it is removed: between our look and the
 * move, another starting process may have put a live one there, which then goes back to its place.
 */
async function removeStale (socket: string, base: string): Promise<void> {
  const aside = join(base, `lock.${randomUUID()}`)
  try {
    renameSync(socket, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  const holder = await askHolder(aside)
  if (holder === undefined) return rmSync(aside, { force: true })
  renameSync(aside, socket)
  throw new DirectoryHeld(`process ${holder} has it`)
}
