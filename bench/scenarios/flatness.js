import { ratio, whole } from '../figures.js'

export const name = 'flatness'

const REFERENCE = 1_000

const LOADS = {
  'k=1': () => ({ publishers: 1 }),
  'fixed rate': (rate, { seconds }) => ({ publishers: 4, rate, seconds: seconds * 2 })
}

/** Whether a delivery costs the same however many streams there are; what is against the floor is the change, not the cost. */
export async function run (bench) {
  const { hubbub, floorWrite } = bench.servers
  /** Streams, and posts per second at them that the floor can do too. */
  const sizes = { 100: 10, [REFERENCE]: 10, [bench.crowd]: 2 }
  const rounds = await bench.repeat(async () => {
    const round = {}
    for (const [size, rate] of Object.entries(sizes)) {
      const loads = Object.values(LOADS).map((load) => ({ streams: Number(size), ...load(rate, bench) }))
      round[size] = { hubbub: await bench.measure(hubbub, loads), floor: await bench.measure(floorWrite, loads) }
    }
    return round
  }, { fewer: 2 })

  return Object.keys(LOADS).flatMap((load, index) => Object.entries(sizes).flatMap(([size, rate]) => {
    const result = (round, which, streams) => round[streams][which][index]
    const label = `a delivery's CPU at ${whole(Number(size))} streams, ${load === 'k=1' ? load : `${rate}/s`}`
    const cost = (which) => rounds.map((round) => ({
      value: perCpuSecond(result(round, which, size)), count: result(round, which, size).deliveries
    }))
    const rows = [ratio({ what: label, unit: 'deliveries/CPU s', hubbub: cost('hubbub'), against: floorWrite.name, other: cost('floor') })]
    if (Number(size) === REFERENCE) return rows
    const change = (which) => cost(which).map(({ value, count }, i) => ({ value: value / perCpuSecond(result(rounds[i], which, REFERENCE)), count }))
    return [...rows, ratio({
      what: `flatness: ${label}`, unit: `share of its own deliveries/CPU s at ${whole(REFERENCE)}`,
      hubbub: change('hubbub'), against: floorWrite.name, other: change('floor'), within: [0.85, 1.15]
    })]
  }))
}

function perCpuSecond ({ deliveries, serverCpuSeconds }) {
  return deliveries / serverCpuSeconds
}
