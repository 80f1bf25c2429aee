import { ratio } from '../figures.js'

export const name = 'flatness'

/** Streams, and posts per second at them that the floor can do too. */
const SIZES = { 100: 10, 1_000: 10, 10_000: 2 }
const REFERENCE = 1_000

const LOADS = { 'k=1': () => ({ publishers: 1 }), 'fixed rate': (rate) => ({ publishers: 4, rate }) }

/** Whether a delivery costs the same however many streams there are; what is against the floor is the change, not the cost. */
export async function run (bench) {
  const { hubbub, floorWrite } = bench.servers
  const rounds = await bench.repeat(async () => {
    const round = {}
    for (const [size, rate] of Object.entries(SIZES)) {
      const loads = Object.values(LOADS).map((load) => ({ streams: Number(size), seconds: bench.seconds / 2, ...load(rate) }))
      round[size] = { hubbub: await bench.measure(hubbub, loads), floor: await bench.measure(floorWrite, loads) }
    }
    return round
  })

  return Object.keys(LOADS).flatMap((load, index) => Object.entries(SIZES).flatMap(([size, rate]) => {
    const result = (round, which, streams) => round[streams][which][index]
    const label = `${Number(size).toLocaleString('en')} streams, ${load === 'k=1' ? load : `${rate}/s`}`
    const cost = (which) => rounds.map((round) => ({
      value: perCpuSecond(result(round, which, size)), count: result(round, which, size).deliveries
    }))
    const rows = [ratio({ what: label, unit: 'deliveries/CPU s', hubbub: cost('hubbub'), against: floorWrite.name, other: cost('floor') })]
    if (Number(size) === REFERENCE) return rows
    const change = (which) => cost(which).map(({ value, count }, i) => ({ value: value / perCpuSecond(result(rounds[i], which, REFERENCE)), count }))
    return [...rows, ratio({
      what: `${label}: deliveries/CPU s`, unit: `of those at ${REFERENCE.toLocaleString('en')}`,
      hubbub: change('hubbub'), against: floorWrite.name, other: change('floor'), within: [0.85, 1.15]
    })]
  }))
}

function perCpuSecond ({ deliveries, serverCpuSeconds }) {
  return deliveries / serverCpuSeconds
}
