import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DirectoryHeld } from './engines/directory-lock.js'
import { STORE_FILE } from './engines/lmdb-file.js'
import { NoServer, askServer, type OperatorAnswer } from './operator-socket.js'
import type { Config } from './plugins/config.js'
import { linkBase } from './public-url.js'

/** ms for which is waited for whoever has the data and does not listen: a server that starts, or another command. */
const PATIENCE_MS = 15_000
const PAUSE_MS = 100
/** ms that a store has to be there. */
const STORE_MS = 15_000
/** More events than a room ever has: how many are kept is for the servers to say, whose variables a command may not have. */
const UNTRIMMED = 100_000_000

/** Asks the application as whoever runs it. */
export interface Operator {
  /** The address that links begin with, a slash at its end. */
  readonly base: string
  ask (method: string, path: string, body?: unknown): Promise<OperatorAnswer>
  close (): Promise<void>
}

/** It was not done. The message says to a person why, and the way out. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/**
 * The way to the application: by the server that has the data directory, or, where nobody has it, in this process. Where many nodes
 * share a store, this process is one of them for a moment.
 * @throws {Refused} by rejection
 */
export async function reachOperator (config: Config): Promise<Operator> {
  if (config.REDIS_URL !== undefined) return inProcess(config)
  const place = resolve(config.DATA_DIR)
  for (const until = performance.now() + PATIENCE_MS; ;) {
    try {
      return await byServer(place, config)
    } catch (error) {
      if (isForbidden(error)) throw onlyOwner(place, error)
      if (!(error instanceof NoServer)) throw error
    }
    checkOwner(place)
    try {
      return await inProcess(config)
    } catch (error) {
      if (!(error instanceof DirectoryHeld)) throw error
      if (performance.now() > until) throw new Refused(`${place} is in use (${error.message}), by a server that cannot be reached from here: run this in its container, or stop it`)
    }
    await delay(PAUSE_MS)
  }
}

async function byServer (place: string, config: Config): Promise<Operator> {
  const { base, body } = await askServer(place, 'GET', '/healthz')
  body.resume()
  return {
    // The server knows best where it is, unless this command was told.
    base: config.PUBLIC_URL === undefined ? base : linkBase(config, config.PORT),
    ask: (...asked) => askServer(place, ...asked),
    close: async () => {}
  }
}

async function inProcess ({ ROOM_HISTORY_AGE: _, ...config }: Config): Promise<Operator> {
  // Not before it is needed: a server that runs is asked without all of this.
  const { build } = await import('./app.js')
  // Worth telling only if nothing comes of it.
  let fault = ''
  const stream = config.LOG_LEVEL === undefined ? { write: (line: string) => { fault = (JSON.parse(line) as { msg: string }).msg } } : process.stderr
  const opening = build({ ...config, ROOM_HISTORY: UNTRIMMED, LIMITS: 'off', DRAIN_DELAY: 0, DRAIN_TIME: 0 }, { level: config.LOG_LEVEL ?? 'warn', stream })
    .then(async (app) => app.ready().then(() => app))
  const patience = new AbortController()
  const late = delay(STORE_MS, undefined, { signal: patience.signal }).then(() => { throw new Refused(`the store cannot be used now: ${fault}`) })
  const app = await Promise.race([opening, late]).finally(() => patience.abort())
  const base = linkBase(config, config.PORT)
  return {
    base,
    ask: async (method, url, body) => {
      const response = await app.inject({
        method: method as 'GET',
        url,
        headers: { host: 'localhost', authorization: `Bearer ${app.sessions.operatorToken}` },
        payloadAsStream: true,
        ...(body !== undefined && { payload: body as object })
      })
      return { status: response.statusCode, body: response.stream(), base }
    },
    close: () => app.close()
  }
}

/** What this process wrote as another user, the server could not write to any more. */
function checkOwner (place: string): void {
  let uid: number
  try {
    uid = (statSync(join(place, STORE_FILE), { throwIfNoEntry: false }) ?? statSync(place)).uid
  } catch (error) {
    if (isForbidden(error)) throw onlyOwner(place, error)
    throw new Refused(`there is no ${place}: set DATA_DIR as the server has it, or run this where the server is started; if it is new, start it once`)
  }
  const self = process.geteuid?.() ?? uid
  if (uid !== self) throw new Refused(`the data in ${place} belongs to user ${uid}: run this as that user, with "sudo -u '#${uid}'" for instance`)
}

function isForbidden (error: unknown): boolean {
  return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')
}

function onlyOwner (place: string, error: unknown): Refused {
  return new Refused(`${place} can only be used by the server's own user (${(error as Error).message})`)
}
