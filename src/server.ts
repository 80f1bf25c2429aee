import { randomUUID } from 'node:crypto'
import { statSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import qrcode from 'qrcode-terminal'
import { build } from './app.js'
import { DirectoryHeld } from './engines/directory-lock.js'
import { EngineUnavailable, MEANINGS, Unsuitable, type Engine } from './engines/engine.js'
import { ForeignStore } from './engines/lmdb-file.js'
import { InvalidConfig, readConfig, type Config } from './plugins/config.js'
import { OPERATOR } from './plugins/sessions.js'
import { addresses, linkBase } from './public-url.js'

/** Connections that may wait to be accepted, where the kernel allows as many: readers come back all at once. */
const BACKLOG = 4_096
/** ms for which the first admin link is good. */
const ADMIN_LINK_MS = 24 * 60 * 60 * 1000

function greet (config: Config, port: number, { description, durability }: Engine): void {
  const [here, ...lan] = addresses(config, port)
  const lines = [
    `Hubbub is open at ${here}`,
    ...lan.map((url) => `  on your network at ${url}`),
    `  its data: ${description}, the newest ${config.ROOM_HISTORY.toLocaleString('en')} events of each room`,
    `  what it acknowledges is ${MEANINGS[durability]} (${durability})`
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  // Whatever is logged, and wherever: nobody opens such a server to strangers without having been told.
  if (config.LIMITS === 'off') process.stderr.write('LIMITS=off: NOTHING IS LIMITED. Anybody can flood it. For benchmarks only.\n')
  if (lan[0] !== undefined && process.stdout.isTTY) qrcode.generate(lan[0], { small: true }, (code) => process.stdout.write(`${code}\n`))
}

/**
 * At the first start on a terminal: a link by which whoever sees it moderates this place. It is in no log, and where nobody sees it,
 * none is made.
 */
async function greetAdmin ({ config, engine: { documents }, members, moderationLog }: FastifyInstance, port: number): Promise<void> {
  const now = randomUUID()
  const first = await documents.put('settings', 'first-admin-link', now, { ifAbsent: true })
  const hint = 'a link for a moderator of everything: npm run admin -- admin link'
  if (first !== now) return void process.stdout.write(`  ${hint}\n`)
  await moderationLog.record('invite', OPERATOR, { room: '*', role: 'moderator', for: '24h', uses: 1 })
  const { code } = await members.invite({ room: '*', role: 'moderator', uses: 1 }, ADMIN_LINK_MS, { user: OPERATOR, kind: 'operator' })
  process.stdout.write(`Open this yourself to moderate it, once and within a day: ${linkBase(config, port)}join/${code}\n  another one, ${hint}\n`)
}

/** One line, and the end. */
function refuse (reason: string): never {
  process.stderr.write(`Hubbub cannot start: ${reason}\n`)
  process.exit(1)
}

async function main (): Promise<void> {
  if (statSync('.env', { throwIfNoEntry: false })?.isFile() === true) process.loadEnvFile('.env')
  const config = readConfig(process.env)
  let server: FastifyInstance | undefined
  let stopping = false
  const stop = async (reason: string, code = 0): Promise<void> => {
    if (server === undefined) process.exit(code) // It has not opened yet.
    if (stopping) return code === 0 ? process.exit(1) : undefined // Asked twice: somebody is waiting.
    stopping = true
    server.log.info(`${reason}: going down`)
    if (process.stdout.isTTY) process.stdout.write('\nGoing down: the open streams are sent off, the posts in flight are answered. Once more to end at once.\n')
    server.draining.since = new Date()
    if (code === 0) await delay(config.DRAIN_DELAY)
    await server.close()
    process.exit(code)
  }
  process.on('SIGTERM', (signal) => stop(signal))
  process.on('SIGINT', (signal) => stop(signal))

  // On a terminal a person reads; the log's JSON is for machines, unless it is asked for.
  const level = config.LOG_LEVEL ?? (process.stdout.isTTY ? 'warn' : 'info')
  const built = await build(config, { level })
  await built.ready()
  server = built
  void server.engine.lost.then((cause) => {
    built.log.fatal({ err: cause }, 'the store can only be opened anew; start the server again')
    return stop('the store is lost', 1)
  })

  await server.listen({ port: config.PORT, host: config.HOST, backlog: BACKLOG, listenTextResolver: (address) => `listening at ${address}` })
  const address = server.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : config.PORT
  greet(config, port, server.engine)
  if (process.stdout.isTTY) await greetAdmin(server, port)
}

main().catch((error: NodeJS.ErrnoException) => {
  if (error instanceof InvalidConfig) refuse(error.message)
  if (error instanceof DirectoryHeld) refuse(`DATA_DIR is in use (${error.message}); stop that server, or choose another directory`)
  if (error.code === 'EADDRINUSE') refuse(`PORT ${process.env['PORT'] ?? 3000} is in use; stop what uses it, or set PORT`)
  if (error.syscall === 'listen' || error.syscall === 'getaddrinfo') refuse(`HOST cannot be listened on (${error.message}); choose another HOST or PORT`)
  if (error.syscall !== undefined) refuse(`DATA_DIR cannot be used (${error.message}); choose another one, or allow this user to write there`)
  if (error instanceof EngineUnavailable) refuse(`the store could not be used while the server started (${error.message}); start it again`)
  if (error instanceof ForeignStore || error instanceof Unsuitable) refuse(error.message)
  refuse(error.stack ?? String(error))
})
