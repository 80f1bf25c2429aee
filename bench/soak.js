// Ten minutes of churn at half of what the server can do, checked event by event: `npm run bench:soak -- [--minutes 10]
// [--seed N] [--port 4100] [--json FILE]`. Ends with 1 and one line where anything is lost, doubled, out of order, or where memory grows.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Failure } from './failure.js'
import { servers } from './servers.js'
import { Checker, Track } from './soak/checker.js'
import { Connection } from './soak/connection.js'
import { Publishers } from './soak/publishers.js'
import { Reader } from './soak/reader.js'
import { Visitor } from './soak/visitor.js'
import { requireTwoCores, start } from './start.js'

const ROOMS = 50
/** Rooms that get half of the posts, beside their part of the others. */
const BUSY = 10
/** Some of them are away; with the permanent reader of each room it makes 300 open streams. */
const SEATS = 290
const PUBLISHERS = 64
/** Users who come again and again. */
const CROWD = 500
const SETTINGS = {
  STALL_TIMEOUT: '5s',
  // More than is posted in a room while its readers are away: nobody is overtaken by trimming, which goes on all the same.
  ROOM_HISTORY: '20000',
  // So small that whoever comes back reads the log, and that rings are full, and as large as they get, from the first minute on.
  ROOM_RING_BYTES: '65536'
}
const WARM_UP_S = 5
const SATURATED_S = 5
const GROWTH = 0.05
/** How often memory is looked at for one figure of it. */
const LOOKS = 7
/** ms for what is under way to arrive, and for those who left to be forgotten. */
const SETTLE_MS = 60_000

const options = readOptions()
const { minutes, seed } = options

/**
 * What all who take part know.
 * @typedef {object} World
 * @property {number} port
 * @property {number} seed
 * @property {Checker} checker
 * @property {string[]} names of the rooms
 * @property {string[]} busy those with most of the posts
 * @property {{ token: string }[]} crowd
 * @property {{ opened: number, resumes: number, sentOff: number }} counts
 * @property {Promise<void>} churning from when on they come and go
 * @property {boolean} over until when
 */

const names = Array.from({ length: ROOMS }, (_, index) => `room-${String(index).padStart(2, '0')}`)
const checker = new Checker(names)
const result = { seed, minutes, settings: SETTINGS }
const say = (line) => process.stdout.write(`${line}\n`)
const mb = (bytes) => `${(bytes / 1024 ** 2).toFixed(1)} MB`
const whole = (count) => Math.round(count).toLocaleString('en')
const minute = (part) => String(Number((minutes * part).toFixed(2)))
const told = ({ heapUsed, external, rss, own }) => `heap ${mb(heapUsed)} and external ${mb(external)}, RSS ${mb(rss)} (${mb(own)} without mapped files)`
const percent = (part) => `${(part * 100).toFixed(1)} %`

const hubbub = await startPinned()
const flaw = result.flaw = await Promise.race([checker.flaw, soak()]).catch(({ message }) => message).then(end)
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`)
say(flaw === undefined ? 'no gap, no duplicate, nothing lost' : `FAILED: ${flaw}`)
process.exit(flaw === undefined ? 0 : 1)

function readOptions () {
  try {
    const { values } = parseArgs({ options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      port: { type: 'string', default: '4100' },
      json: { type: 'string' }
    } })
    const [minutes, seed, port] = [values.minutes, values.seed, values.port].map(Number)
    if (!(minutes > 0) || !Number.isSafeInteger(seed) || !(port > 0)) throw new Failure('--minutes and --port want a number above 0, --seed a whole one')
    return { ...values, minutes, seed, port }
  } catch (error) {
    refuse(error)
  }
}

function refuse (error) {
  process.stderr.write(`soak: ${error.message}\n`)
  process.exit(1)
}

/** Starts the server on core 0, and keeps this process to core 1, so that it takes nothing from the server. */
async function startPinned () {
  try {
    requireTwoCores()
    spawnSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)])
    return await start(servers.hubbub, { firstPort: options.port, environment: SETTINGS, watched: true, onFlaw: checker.fail })
  } catch (error) {
    refuse(error)
  }
}

/** Ends the server, where all was well until now. @returns {Promise<string | undefined>} the flaw to be named */
async function end (found) {
  if (found !== undefined) {
    // The connections of a server that dies tell of it before the process does.
    await delay(1_000)
    return hubbub.flaw ?? found
  }
  const ended = await hubbub.stop('SIGTERM')
  if (ended !== 0) return `the server ended with ${ended} after SIGTERM`
}

/** @returns {Promise<string | undefined>} the flaw that shows only at the end */
async function soak () {
  const { port } = hubbub
  // On a connection of its own each time: one that is idle for minutes is closed by the server.
  const ask = async (path) => {
    const connection = await Connection.open(port)
    const { body } = await connection.request('GET', path)
    connection.close()
    return JSON.parse(body)
  }
  const crowd = []
  while (crowd.length < CROWD) crowd.push(await ask('/users/me'))
  say(`at the start: ${told(await hubbub.look())}`)
  const connections = await Promise.all(Array.from({ length: PUBLISHERS }, () => Connection.open(port)))

  let begin
  const counts = { opened: 0, resumes: 0, sentOff: 0 }
  const world = { port, seed, checker, names, busy: names.slice(0, BUSY), crowd, counts, churning: new Promise((resolve) => { begin = resolve }), over: false }
  const permanent = names.map((room) => {
    const record = checker.rooms.get(room)
    const track = new Track(checker, `the permanent reader of ${room}`, [room], (id, serial) => record.see(id, serial))
    checker.tracks.add(track)
    return new Reader(port, { rooms: [room], accept: 'text/event-stream', lurk: true }, track)
  })
  for (const reader of permanent) await reader.open()
  const visitors = Array.from({ length: SEATS }, (_, index) => new Visitor(world, index))
  const lives = visitors.map((visitor) => visitor.live())
  const open = () => permanent.length + visitors.filter(({ reader }) => reader.isOpen).length
  setInterval(() => checker.sweep(), 1_000)

  say(`Hubbub, ${ROOMS} rooms, ${PUBLISHERS} publishers, seed ${seed}; the server on core 0, this on core 1`)
  const publishers = new Publishers(world, connections)
  const measure = async (seconds) => {
    const [before, posts, deliveries, cpu, began] = [await hubbub.look(), publishers.acknowledged, checker.deliveries, process.cpuUsage(), performance.now()]
    await seconds()
    const took = performance.now() - began
    const own = process.cpuUsage(cpu)
    return {
      posts: (publishers.acknowledged - posts) / took * 1_000,
      deliveries: (checker.deliveries - deliveries) / took * 1_000,
      cpu: ((await hubbub.look()).cpuMs - before.cpuMs) / took,
      driverCpu: (own.user + own.system) / 1_000 / took
    }
  }
  const tell = (what, { posts, deliveries, cpu, driverCpu }) =>
    say(`${what}: ${whole(posts)} posts/s, ${whole(deliveries)} deliveries/s; the server at ${percent(cpu)} of a core, this at ${percent(driverCpu)}`)

  publishers.pace(Infinity)
  await delay(WARM_UP_S * 1_000)
  const saturated = result.saturated = await measure(() => delay(SATURATED_S * 1_000))
  tell('saturated', saturated)

  publishers.pace(saturated.posts / 2)
  begin()
  const heaps = []
  const readers = []
  const counting = setInterval(() => readers.push(open()), 1_000)
  const lasts = minutes * 60_000
  const spread = Math.min(30_000, lasts / 10)
  result.churn = await measure(async () => {
    const end = performance.now() + lasts
    for (const at of [0.2, 1]) {
      await delay(end - lasts * (1 - at) - performance.now() - spread)
      heaps.push(await memory(spread))
      say(`minute ${minute(at)}: ${told(heaps.at(-1))}`)
    }
  })
  clearInterval(counting)
  tell('churn', result.churn)

  world.over = true
  for (const visitor of visitors) visitor.wake()
  await publishers.stop()
  await Promise.all(lives)
  const missing = await settled(() => checker.missing())
  if (missing !== undefined) return missing
  const present = { ...await ask('/healthz'), ...await online(ask), open: open(), ...await memory(2_000) }
  for (const reader of [...permanent, ...visitors.map(({ reader }) => reader)]) reader.leave(true)
  const left = await settled(async () => {
    const { streams } = await ask('/healthz')
    const { users } = await online(ask)
    return streams + users > 0 ? `left behind: ${streams} streams and ${users} users, when everybody had gone` : undefined
  })
  if (left !== undefined) return left
  const gone = { ...await ask('/healthz'), ...await online(ask), ...await memory(2_000) }
  const growth = heaps[1].bytes / heaps[0].bytes - 1
  const { acknowledged, retries, renames } = publishers
  Object.assign(result, {
    readers: readers.reduce((sum, count) => sum + count, 0) / readers.length,
    counts: { ...counts, acknowledged, retries, renames, deliveries: checker.deliveries }, heaps, growth, present, gone
  })
  say(`readers: ${whole(result.readers)} on average; ${whole(counts.opened)} streams and polls begun, ${whole(counts.resumes)} of them resumed, ${whole(counts.sentOff)} slow readers sent off`)
  say(`posts: ${whole(acknowledged)} acknowledged, ${whole(retries)} retries under their key, ${whole(renames)} renames; ${whole(checker.deliveries)} deliveries checked`)
  say(`with everybody: ${present.streams} streams, ${present.users} users in ${present.rooms} rooms, ${told(present)}`)
  say(`with nobody: ${gone.streams} streams, ${gone.users} users in ${gone.rooms} rooms, ${told(gone)}`)
  say(`heap growth from minute ${minute(0.2)} to minute ${minute(1)}: ${percent(growth)}`)
  if (growth > GROWTH) return `heap growth of ${percent(growth)}, more than ${percent(GROWTH)}`
}

/** Who is present, as the rooms tell it: a user counts in each room. */
async function online (ask) {
  const { rooms } = await ask('/rooms?limit=500')
  const counts = rooms.map((room) => room.online).filter((count) => count > 0)
  return { users: counts.reduce((sum, count) => sum + count, 0), rooms: counts.length }
}

/**
 * The middle one of some looks: how much is just under way, above all to slow readers, differs by some MB from one moment to
 * the next.
 * @param {number} ms over which they are spread
 */
async function memory (ms) {
  const looks = []
  while (looks.length < LOOKS) {
    await delay(ms / LOOKS)
    const look = await hubbub.look()
    looks.push({ ...look, bytes: look.heapUsed + look.external })
  }
  return looks.sort((a, b) => a.bytes - b.bytes)[(LOOKS - 1) / 2]
}

/** @param {() => Promise<string | undefined> | string | undefined} look tells what is not as it should be @returns what it still tells at last */
async function settled (look) {
  const end = performance.now() + SETTLE_MS
  for (;;) {
    const lacks = await look()
    if (lacks === undefined || performance.now() > end) return lacks
    await delay(100)
  }
}
