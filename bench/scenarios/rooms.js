import { ratio, whole } from '../figures.js'

export const name = 'rooms'

const READERS = 10

/** Many small rooms against one large one: nothing can be shared by many. The floors show what that takes at best. */
export async function run (bench) {
  const { hubbub, floorWrite, floorTick } = bench.servers
  const load = { streams: bench.crowd, publishers: 64 }
  const rooms = bench.crowd / READERS
  const both = async (server) => ({
    name: server.name,
    one: (await bench.measure(server, [load]))[0],
    many: (await bench.measure(server, [{ ...load, rooms }]))[0]
  })
  const rounds = await bench.repeat(() => both(hubbub), { fewer: 2 })
  const floors = [await both(floorWrite), await both(floorTick)]

  const rate = ({ deliveriesPerSecond, deliveries }) => ({ value: deliveriesPerSecond, count: deliveries })
  const share = ({ one, many }) => ({ value: many.deliveriesPerSecond / one.deliveriesPerSecond, count: many.deliveries })
  const one = `one room of ${whole(bench.crowd)} streams`
  const many = `${whole(rooms)} rooms of ${READERS} streams`
  const compare = (what, unit, value, floor) => ratio({
    what, unit, hubbub: rounds.map(value), against: `${floor.name}, the same`, other: [value(floor)]
  })
  return [
    ratio({
      what: `${many}, k=64`, unit: 'deliveries/s', hubbub: rounds.map((round) => rate(round.many)),
      against: one, other: rounds.map((round) => rate(round.one)), atLeast: 0.25
    }),
    ...floors.flatMap((floor) => [
      compare(`${many}, k=64`, 'deliveries/s', (each) => rate(each.many), floor),
      compare(`${one}, k=64`, 'deliveries/s', (each) => rate(each.one), floor),
      compare(`${many}, k=64`, 'share of its own deliveries/s in one room', share, floor)
    ])
  ]
}
