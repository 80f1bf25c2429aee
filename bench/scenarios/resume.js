import { diskDirectory, removeDirectory } from '../disk.js'
import { ratio } from '../figures.js'
import { fill } from '../fill.js'

export const name = 'resume'

const BEHIND = 500
const LONG = 1_000_000
const SHORT = 1_000
const TIMES = 200

/** A reader that comes back pays for what it missed, not for the room's length. */
export async function run (bench) {
  const { hubbub } = bench.servers
  const directory = diskDirectory()
  bench.say(`  filling a room with ${LONG.toLocaleString('en')} events`)
  const [long, short] = await fill(directory, [
    { room: 'long', events: LONG, behind: BEHIND },
    { room: 'short', events: SHORT, behind: BEHIND }
  ])
  const server = await bench.start(hubbub, { directory, environment: { ROOM_HISTORY: String(2 * LONG) } })
  const resume = (room, cursor) => bench.load(server, { path: `/events?room=${room}`, cursor, behind: BEHIND, oneByOne: TIMES })
  await resume('short', short) // The first ones warm the server up, for both.
  const pairs = await bench.repeat(async () => ({ long: await resume('long', long), short: await resume('short', short) }))
  await server.stop()
  removeDirectory(directory)
  const p50 = (which) => pairs.map((pair) => ({ value: pair[which].caughtUpMs.p50, count: pair[which].deliveries }))
  return [ratio({
    what: 'resume, 500 behind in a room of 1,000,000, p50', unit: 'ms', hubbub: p50('long'),
    against: 'a room of 1,000', other: p50('short'), atMost: 1.2, aim: 1
  })]
}
