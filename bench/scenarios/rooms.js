import { ratio } from '../figures.js'

export const name = 'rooms'

const LOAD = { streams: 10_000, publishers: 64 }
const ROOMS = 1_000

/** Many small rooms against one large one: nothing can be shared by many. */
export async function run (bench) {
  const { hubbub, floorWrite } = bench.servers
  const rounds = await bench.repeat(async () => ({
    one: (await bench.measure(hubbub, [LOAD]))[0],
    many: (await bench.measure(hubbub, [{ ...LOAD, rooms: ROOMS }]))[0]
  }))
  const [floor] = await bench.measure(floorWrite, [{ ...LOAD, rooms: ROOMS }])
  const sample = ({ deliveriesPerSecond, deliveries }) => ({ value: deliveriesPerSecond, count: deliveries })
  const samples = (which) => rounds.map((round) => sample(round[which]))
  const what = { what: '1,000 rooms of 10 streams, k=64', unit: 'deliveries/s', hubbub: samples('many') }
  return [
    ratio({ ...what, against: 'one room of 10,000', other: samples('one'), atLeast: 0.25 }),
    ratio({ ...what, against: floorWrite.name, other: [sample(floor)] })
  ]
}
