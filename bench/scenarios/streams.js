import { setTimeout as delay } from 'node:timers/promises'
import { ratio, whole } from '../figures.js'

export const name = 'streams'

const SETTLE_MS = 2_000
/** For the server to close the streams of one opening, before the next. */
const PAUSE_MS = 1_000

/**
 * Many streams, each a new guest's: what each costs when it idles, how long they take to open. They are opened twice: the
 * memory is of a server that had none before. The time that counts is the first too: so many come at once when a server has just
 * started; that of the second, when it is warm, is for perspective.
 */
export async function run (bench) {
  const { hubbub, floorWrite } = bench.servers
  const open = async (server) => {
    const running = await bench.start(server)
    const idle = await bench.load(running, { streams: bench.crowd, settleMs: SETTLE_MS })
    await delay(PAUSE_MS)
    const { openSeconds } = await bench.load(running, { streams: bench.crowd })
    await running.stop()
    return { ...idle, againSeconds: openSeconds }
  }
  const pairs = await bench.repeat(async () => ({ hubbub: await open(hubbub), floor: await open(floorWrite) }), { fewer: 1 })
  const compare = (what, unit, value, bounds) => {
    const samples = (which) => pairs.map((pair) => ({ value: value(pair[which]), count: pair[which].streams }))
    return ratio({ what, unit, hubbub: samples('hubbub'), against: floorWrite.name, other: samples('floor'), ...bounds })
  }
  return [
    compare(`memory of each of ${whole(bench.crowd)} idle streams`, 'KB', ({ kbPerStream }) => kbPerStream.rss, { atMost: 1.4, aim: 1.1 }),
    compare(`memory of each of ${whole(bench.crowd)} idle streams, without mapped files`, 'KB', ({ kbPerStream }) => kbPerStream.anon),
    compare(`opening ${whole(bench.crowd)} streams`, 's', ({ openSeconds }) => openSeconds, { atMost: 3, aim: 1.5 }),
    compare(`opening ${whole(bench.crowd)} streams again, warm`, 's', ({ againSeconds }) => againSeconds)
  ]
}
