import { ratio } from '../figures.js'

export const name = 'streams'

const LOAD = { streams: 10_000, settleMs: 5_000 }

/** Ten thousand streams, each a new guest's: how long they take to open, what each costs when it idles. */
export async function run (bench) {
  const { hubbub, floorWrite } = bench.servers
  const pairs = await bench.repeat(async () => ({
    hubbub: (await bench.measure(hubbub, [LOAD]))[0],
    floor: (await bench.measure(floorWrite, [LOAD]))[0]
  }))
  const compare = (what, unit, value, bounds) => {
    const samples = (which) => pairs.map((pair) => ({ value: value(pair[which]), count: pair[which].streams }))
    return ratio({ what, unit, hubbub: samples('hubbub'), against: floorWrite.name, other: samples('floor'), ...bounds })
  }
  return [
    compare('memory of an idle stream', 'KB', ({ kbPerStream }) => kbPerStream.rss, { atMost: 1.4, aim: 1.1 }),
    compare('memory of an idle stream, without mapped files', 'KB', ({ kbPerStream }) => kbPerStream.anon),
    compare('opening 10,000 streams', 's', ({ openSeconds }) => openSeconds, { atMost: 3, aim: 1.5 })
  ]
}
