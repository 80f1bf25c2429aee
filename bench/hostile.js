/**
 * What honest people notice of attacks: `npm run bench:hostile -- [--only posts,guests] [--seconds 5] [--port 4100] [--write]`. Starts the
 * server with its limits as shipped on core 0; from core 1 a hundred people read and talk, from an address of their own, while
 * each attack in turn comes from another. Prints a table; exit code 1, and one line, where somebody honest is refused or cut off.
 */
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { spawnSync } from 'node:child_process'
import { diskDirectory, removeDirectory } from './disk.js'
import { Failure } from './failure.js'
import { short, whole } from './figures.js'
import { fill } from './fill.js'
import { attacks } from './hostile/attacks.js'
import { Honest } from './hostile/honest.js'
import { machine } from './machine.js'
import { openFiles, servers } from './servers.js'
import { requireTwoCores, spawnOn, start } from './start.js'

const README = new URL('README.md', import.meta.url)
const ATTACKER = fileURLToPath(new URL('hostile/attacker.js', import.meta.url))
/** A history that is as long as an answer may be. */
const LONG = { room: 'history', events: 400, behind: 0, more: 3_500 }
const FILES = 15_000
/** ms between two looks at the server's memory and connections. */
const LOOK_MS = 250
/** ms until an attack is under way, and until its connections are gone. */
const BEGIN_MS = 1_000

async function main () {
  const options = readOptions()
  requireTwoCores()
  if (openFiles() < FILES) throw new Failure(`the hard limit on open files (ulimit -Hn) is ${openFiles()}, and ${FILES} are needed`)
  const about = await machine()
  const directory = diskDirectory()
  await fill(directory, [LONG])
  spawnSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)])
  const server = await start(servers.hubbub, { firstPort: options.port, directory, environment: { LIMITS: 'on' } })
  const honest = new Honest(server.port)
  const failure = new Promise((_resolve, reject) => { honest.failed = reject })
  const rows = await Promise.race([failure, measure(server, honest, options)])
  server.assertSound()
  await server.stop('SIGTERM')
  removeDirectory(directory)

  const lines = [...table(rows), '', about.lines[0]].join('\n')
  process.stdout.write(`${lines}\n`)
  if (options.write) writeFileSync(README, readFileSync(README, 'utf8').replace(/(<!-- hostile -->\n)[^]*(<!-- \/hostile -->)/, `$1\n${lines}\n\n$2`))
}

function readOptions () {
  try {
    const { values } = parseArgs({ options: {
      only: { type: 'string', default: Object.keys(attacks).join(',') },
      seconds: { type: 'string', default: '5' },
      port: { type: 'string', default: '4100' },
      write: { type: 'boolean', default: false }
    } })
    const only = values.only.split(',')
    const unknown = only.find((name) => attacks[name] === undefined)
    if (unknown !== undefined) throw new Failure(`there is no attack ${unknown}; there are ${Object.keys(attacks).join(', ')}`)
    const [seconds, port] = [Number(values.seconds), Number(values.port)]
    if (!(seconds > 0) || !(port > 0)) throw new Failure('--seconds and --port want a number above 0')
    return { ...values, only, seconds, port }
  } catch (error) {
    throw new Failure(error.message)
  }
}

async function measure (server, honest, { only, seconds }) {
  await honest.come()
  await delay(2 * BEGIN_MS) // The server's JIT is warmed up.
  const rows = [{ name: 'quiet', what: 'nobody attacks', counts: {}, ...await phase(server, honest, seconds) }]
  for (const [index, name] of only.entries()) {
    process.stderr.write(`${name}\n`)
    // Each from an address of its own: the limits of the one before are not yet over.
    const command = ['nice', '-n', '19', process.execPath, ATTACKER, name, String(server.port), `127.0.0.${index + 2}`]
    const attacker = spawnOn(1, command, { stdio: ['pipe', 'pipe', 'inherit'] })
    await delay(BEGIN_MS)
    const figures = await phase(server, honest, seconds)
    attacker.stdin.end()
    const [told] = await Promise.all([text(attacker.stdout), once(attacker, 'exit')])
    rows.push({ name, what: attacks[name].what, counts: JSON.parse(told), ...figures })
    await delay(BEGIN_MS)
  }
  await honest.leave()
  return rows
}

/** What honest people notice for some seconds, and the most of memory and open connections that the server has meanwhile. */
async function phase (server, honest, seconds) {
  honest.begin()
  const end = performance.now() + seconds * 1_000
  let [memory, connections] = [0, 0]
  while (performance.now() < end) {
    await delay(LOOK_MS)
    memory = Math.max(memory, ownMb(server.pid))
    connections = Math.max(connections, readdirSync(`/proc/${server.pid}/fd`).length)
  }
  const { deliveries, answers } = honest
  return { deliveryMs: percentiles(deliveries), answerMs: percentiles(answers), count: deliveries.length, memory, connections }
}

function percentiles (values) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Infinity
  return { p50: at(0.5), p99: at(0.99) }
}

/** Resident memory without mapped files. */
function ownMb (pid) {
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1_024
}

function table ([quiet, ...rows]) {
  const cells = ({ what, deliveryMs, answerMs, counts, memory, connections }) => [
    what,
    `${short(deliveryMs.p50)} (${short(deliveryMs.p50 / quiet.deliveryMs.p50)} ×)`,
    `${short(deliveryMs.p99)} (${short(deliveryMs.p99 / quiet.deliveryMs.p99)} ×)`,
    short(answerMs.p99),
    Math.round(memory),
    whole(connections),
    Object.entries(counts).filter(([, count]) => count > 0).map(([status, count]) => `${whole(count)} × ${status}`).join(', ')
  ]
  const head = ['attack', 'delivery p50, ms', 'delivery p99, ms', 'answer p99, ms', 'memory, MB', 'open files', 'what came of it']
  return [head, head.map(() => '---'), cells(quiet), ...rows.map(cells)].map((line) => `| ${line.join(' | ')} |`)
}

try {
  await main()
  process.exit(0)
} catch (error) {
  process.stderr.write(`hostile: ${error instanceof Failure ? error.message : error.stack}\n`)
  process.exit(1)
}
