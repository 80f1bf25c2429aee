import { closeSync, existsSync, lstatSync, openSync, rmSync, statSync } from 'node:fs'
import { createServer, request, type RequestListener, type Server } from 'node:http'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { inWords } from './duration.js'

const NAME = 'operator.sock'
/** ms that a server has for an answer: erasing somebody goes through all rooms. */
const PATIENCE_MS = 600_000
/** ms that requests in flight have when the server goes down. */
const LAST_MS = 2_000
/** In each answer: the address that links begin with, as the server knows it. */
const BASE = 'hubbub-base'

/** Where the server does not listen for its operator. */
export class NoServer extends Error {
  override readonly name = 'NoServer'
}

/**
 * Listens in a directory for whoever may use this process's files, and for nobody else: a socket that only its user can open.
 * @param base gives the address that links begin with
 * @throws {Error} by rejection, where it cannot
 */
export async function listenForOperator (directory: string, base: () => string, handle: RequestListener): Promise<{ close (): Promise<void> }> {
  const { path, done } = shortPath(directory)
  const server = createServer((request, response) => {
    response.setHeader(BASE, base())
    handle(request, response)
  })
  // Its address is what a limit, a log or a ban would ask for: one that nobody else comes from.
  server.on('connection', (socket) => Object.defineProperty(socket, 'remoteAddress', { value: '0.0.0.0' }))
  server.unref()
  try {
    // The directory is held by this process: what is there is a dead one's.
    rmSync(path, { force: true })
    await listen(server, path)
  } catch (error) {
    done()
    throw error
  }
  return {
    close: async () => {
      const last = setTimeout(() => server.closeAllConnections(), LAST_MS)
      await new Promise((resolve) => server.close(resolve))
      clearTimeout(last)
      done()
    }
  }
}

/** Made for its user alone from the first moment on. */
async function listen (server: Server, path: string): Promise<void> {
  const before = process.umask(0o177)
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  } finally {
    process.umask(before)
  }
}

export interface OperatorAnswer {
  status: number
  body: Readable
  /** The address that links begin with. */
  base: string
}

/**
 * Asks the server that holds a directory.
 * @param patience ms in which nothing may come, after which it is given up
 * @throws {NoServer} by rejection, where none does
 * @throws the system's errors by rejection, such as EACCES where it is another user's
 */
export async function askServer (directory: string, method: string, path: string, body?: unknown, patience = PATIENCE_MS): Promise<OperatorAnswer> {
  // Not existsSync: of a directory that may not be looked into, it says that it is not there.
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) throw new NoServer()
  const { path: socketPath, done } = shortPath(directory)
  if (isForeign(socketPath)) {
    done()
    throw Object.assign(new Error(`${join(directory, NAME)} is another user's`), { code: 'EACCES' })
  }
  return await new Promise((resolve, reject) => {
    const asking = request({ socketPath, method, path, timeout: patience, headers: { host: 'localhost', ...(body !== undefined && { 'content-type': 'application/json' }) } })
    asking.on('response', (response) => {
      response.on('close', done)
      resolve({ status: response.statusCode!, body: response, base: String(response.headers[BASE]) })
    })
    asking.on('timeout', () => asking.destroy(new Error(`the server that holds ${directory} has not answered for ${inWords(patience)}; look at its log, or stop it`)))
    asking.on('error', (error: NodeJS.ErrnoException) => {
      done()
      reject(error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? new NoServer() : error)
    })
    asking.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Whether another user has put a socket there, where others may write in the directory. Root asks for whoever has the directory, too. */
function isForeign (socket: string): boolean {
  const uid = lstatSync(socket, { throwIfNoEntry: false })?.uid
  const self = process.geteuid?.()
  return uid !== undefined && self !== undefined && uid !== self && !(self === 0 && uid === statSync(dirname(socket)).uid)
}

/** A socket's address has room for some 100 bytes only; on Linux an open directory gives any path a short name. */
function shortPath (directory: string): { path: string, done: () => void } {
  if (!existsSync('/proc/self/fd')) return { path: join(directory, NAME), done: () => {} }
  const open = openSync(directory, 'r')
  let closed = false
  return {
    path: `/proc/self/fd/${open}/${NAME}`,
    done: () => {
      if (!closed) closeSync(open)
      closed = true
    }
  }
}
