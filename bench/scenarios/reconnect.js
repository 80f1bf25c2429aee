import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { diskDirectory, removeDirectory } from '../disk.js'
import { Failure } from '../failure.js'
import { absolute } from '../figures.js'
import { fill } from '../fill.js'

export const name = 'reconnect'

const STREAMS = 10_000
const BEHIND = 100
const EVENTS = 1_000
const ANSWER_MS = 10_000
const LOOP_DELAY = fileURLToPath(new URL('../loop-delay.js', import.meta.url))

/** After a restart everybody comes back at once, and the server still answers. */
export async function run (bench) {
  const { hubbub } = bench.servers
  const directory = diskDirectory()
  const [cursor] = await fill(directory, [{ room: 'room-0', events: EVENTS, behind: BEHIND }])
  const rounds = await bench.repeat(async () => {
    const server = await bench.start(hubbub, { directory, preload: [LOOP_DELAY] })
    await loopDelay(server) // What the start took is not of interest.
    const back = await bench.load(server, { streams: STREAMS, atOnce: true, cursor, behind: BEHIND })
    const delay = await loopDelay(server)
    bench.record(hubbub.name, { loopDelay: true }, delay)
    await server.stop()
    return { back, delay }
  })
  removeDirectory(directory)
  const samples = (value) => rounds.map((round) => ({ value: value(round), count: round.back.deliveries }))
  const what = '10,000 streams reconnect at once, each 100 behind'
  return [
    absolute({ what: `${what}: longest stall of the event loop`, unit: 'ms', hubbub: samples(({ delay }) => delay.max), atMost: 250, aim: 100 }),
    absolute({ what: `${what}: all caught up after`, unit: 's', hubbub: samples(({ back }) => back.caughtUpSeconds) })
  ]
}

/** @returns `{ max, p99 }` in ms since it was asked last @throws {Failure} where it does not answer */
async function loopDelay (server) {
  const signal = AbortSignal.timeout(ANSWER_MS)
  server.signal('SIGUSR2')
  try {
    for (;;) {
      const [said] = await once(server.stderr, 'data', { signal })
      const line = said.split('\n').find((each) => each.startsWith('{"loopDelayMs"')) // It may have other things to say.
      if (line !== undefined) return JSON.parse(line).loopDelayMs
    }
  } catch {
    server.assertAlive()
    throw new Failure(`${server.name} did not tell its event loop's delay within ${ANSWER_MS / 1_000} s`)
  }
}
