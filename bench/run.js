/**
 * Runs the scenarios, one after the other: each starts its servers in turn on core 0 and drives them from core 1. Prints a
 * table of ratios, and the same as JSON in one line. Exit code 1, and one line, where something was lost, died or did not start.
 */
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Bench } from './bench.js'
import { Failure } from './failure.js'
import { table } from './figures.js'
import { compile } from './load.js'
import { machine } from './machine.js'
import * as acknowledgement from './scenarios/acknowledgement.js'
import * as fanOut from './scenarios/fan-out.js'
import * as flatness from './scenarios/flatness.js'
import * as oneRedis from './scenarios/one-redis.js'
import * as posts from './scenarios/posts.js'
import * as reconnect from './scenarios/reconnect.js'
import * as redisFanOut from './scenarios/redis-fan-out.js'
import * as redisPosts from './scenarios/redis-posts.js'
import * as resume from './scenarios/resume.js'
import * as rooms from './scenarios/rooms.js'
import * as slowReaders from './scenarios/slow-readers.js'
import * as streams from './scenarios/streams.js'
import * as twoNodes from './scenarios/two-nodes.js'
import { requireTwoCores } from './start.js'

const SCENARIOS = [fanOut, posts, acknowledgement, streams, flatness, rooms, resume, reconnect, slowReaders, redisPosts, redisFanOut, twoNodes, oneRedis]
const README = new URL('README.md', import.meta.url)

const OPTIONS = {
  only: { type: 'string' }, // scenarios, by name
  seconds: { type: 'string', default: '2' }, // of a measurement at full speed
  repeat: { type: 'string', default: '3' }, // of each measured pair of fan-out; where it matters less, fewer
  port: { type: 'string', default: '4100' }, // the first of a hundred
  json: { type: 'string' }, // a file for everything that was measured
  write: { type: 'boolean', default: false } // the tables into README.md, of the sections that anything was measured of
}

function readOptions () {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    throw new Failure(error.message)
  }
}

function positive (options, name) {
  const value = Number(options[name])
  if (!(value > 0)) throw new Failure(`--${name} wants a number above 0, got ${options[name]}`)
  return value
}

/** Found out before everything is measured, not after. */
function openForWriting (file) {
  try {
    return openSync(file, 'w')
  } catch (error) {
    throw new Failure(`--json: ${error.message}`)
  }
}

function chosen (only) {
  if (only === undefined) return SCENARIOS
  return only.split(',').map((name) => {
    const scenario = SCENARIOS.find((each) => each.name === name)
    if (scenario === undefined) throw new Failure(`there is no scenario ${name}; there are ${SCENARIOS.map((each) => each.name).join(', ')}`)
    return scenario
  })
}

/** Each section of the README is of one run. */
function write (section, text) {
  const place = new RegExp(`(<!-- ${section} -->\n)[^]*(<!-- /${section} -->)`)
  writeFileSync(README, readFileSync(README, 'utf8').replace(place, `$1\n${text}\n\n$2`))
}

async function main () {
  const options = readOptions()
  requireTwoCores()
  const scenarios = chosen(options.only)
  const record = options.json === undefined ? undefined : openForWriting(options.json)
  const temporary = mkdtempSync(join(tmpdir(), 'hubbub-bench-'))
  process.on('exit', () => rmSync(temporary, { recursive: true, force: true }))
  const bench = new Bench({
    binary: compile(temporary), seconds: positive(options, 'seconds'), times: positive(options, 'repeat'), firstPort: positive(options, 'port')
  })
  const rows = []
  for (const scenario of scenarios) {
    for (const row of await bench.run(scenario)) rows.push({ section: scenario.section ?? 'results', ...row })
  }

  const about = await machine()
  const text = (rows) => [table(rows), '', ...about.lines, ...bench.notes].join('\n')
  process.stdout.write(`${text(rows)}\n\n${JSON.stringify({ machine: about, rows })}\n`)
  if (record !== undefined) writeFileSync(record, JSON.stringify({ machine: about, rows, runs: bench.runs }, null, 2))
  if (!options.write) return
  for (const section of new Set(rows.map((row) => row.section))) write(section, text(rows.filter((row) => row.section === section)))
}

try {
  await main()
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Failure ? error.message : error.stack}\n`)
  process.exit(1)
}
