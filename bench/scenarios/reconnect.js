import { diskDirectory, removeDirectory } from '../disk.js'
import { absolute, whole } from '../figures.js'
import { fill } from '../fill.js'

export const name = 'reconnect'

const BEHIND = 100
const EVENTS = 1_000

/** After a restart everybody comes back at once, and the server still answers. */
export async function run (bench) {
  const { hubbub } = bench.servers
  const directory = diskDirectory()
  const [cursor] = await fill(directory, [{ room: 'room-0', events: EVENTS, behind: BEHIND }])
  const rounds = await bench.repeat(async () => {
    const server = await bench.start(hubbub, { directory, watched: true })
    await server.look() // What the start took is not of interest.
    let coming
    const held = async () => { coming = await server.look() }
    const back = await bench.load(server, { streams: bench.crowd, atOnce: true, cursor, behind: BEHIND, held })
    bench.record(hubbub.name, { loopDelay: true }, coming.loopDelayMs)
    await server.stop()
    return { back, loopDelayMs: coming.loopDelayMs }
  }, { fewer: 1 })
  removeDirectory(directory)
  const samples = (value) => rounds.map((round) => ({ value: value(round), count: round.back.deliveries }))
  const what = `${whole(bench.crowd)} streams reconnect at once, each 100 behind`
  return [
    absolute({ what: `${what}: longest stall of the event loop`, unit: 'ms', hubbub: samples(({ loopDelayMs }) => loopDelayMs.max), atMost: 250, aim: 100 }),
    absolute({ what: `${what}: all caught up after`, unit: 's', hubbub: samples(({ back }) => back.caughtUpSeconds) })
  ]
}
