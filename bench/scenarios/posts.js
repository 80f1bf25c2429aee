import { diskDirectory, removeDirectory } from '../disk.js'
import { ratio } from '../figures.js'
import { program } from '../start.js'

export const name = 'posts'

const LOAD = { streams: 0, publishers: 512 }

/** How many posts become durable in a second when nobody reads; against LMDB alone, and against Node that stores nothing. */
export async function run (bench) {
  const { hubbub, floorWrite } = bench.servers
  const acknowledged = ({ posts }) => ({ value: posts.perSecond, count: posts.acknowledged })
  const unstored = []
  const all = await bench.repeat(async (round) => {
    const [durable] = await bench.measure(hubbub, [LOAD])
    const directory = diskDirectory()
    const bare = await program('group-commit', [directory, String(bench.seconds), String(bench.warmUp)])
    removeDirectory(directory)
    bench.record('group commit', { inFlight: LOAD.publishers }, bare)
    if (round === 0) unstored.push(...await bench.measure(floorWrite, [LOAD]))
    return { hubbub: acknowledged(durable), bare: { value: bare.perSecond, count: bare.acknowledged } }
  })
  const hubbubs = all.map((each) => each.hubbub)
  const what = { what: 'durable posts, k=512, no streams', unit: 'acknowledged/s', hubbub: hubbubs }
  return [
    ratio({ ...what, against: 'LMDB\'s own group commit', other: all.map(({ bare }) => bare), atLeast: 0.3, aim: 0.6 }),
    ratio({ ...what, against: 'bare node:http that stores nothing', other: unstored.map(acknowledged) })
  ]
}
