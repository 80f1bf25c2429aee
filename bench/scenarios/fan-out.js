import { ratio } from '../figures.js'

export const name = 'fan-out'

const STREAMS = 1_000

const FULL_SPEED = {
  'k=1': () => ({ streams: STREAMS, publishers: 1 }),
  'k=64': () => ({ streams: STREAMS, publishers: 64 })
}
/** Four times as long: a p99 is of too few posts else. */
const PACED = { '10/s': ({ seconds }) => ({ streams: STREAMS, publishers: 4, rate: 10, seconds: seconds * 4 }) }
const LOADS = { ...FULL_SPEED, ...PACED }

/** A thousand streams of one room: how much goes through, how soon it arrives, what it costs. */
export async function run (bench) {
  const { hubbub, nchan, talk, floorWrite, floorTick } = bench.servers
  const present = [hubbub, nchan, talk, floorWrite, floorTick].filter((server) => server !== undefined)
  /** What each server did under each load. */
  const did = new Map(present.map((server) => [server, Object.fromEntries(Object.keys(LOADS).map((load) => [load, []]))]))
  await bench.repeat(async (round) => {
    for (const server of present) {
      const perspective = server === talk || server === floorTick
      if (perspective && round > 0) continue
      const loads = Object.entries(perspective ? FULL_SPEED : LOADS)
      const results = await bench.measure(server, loads.map(([, load]) => load(bench)))
      loads.forEach(([load], index) => did.get(server)[load].push(results[index]))
    }
  })

  const samples = (server, load, value) => did.get(server)[load].map((result) => ({ value: value(result), count: result.deliveries }))
  const against = (server, load, value, rest) => server === undefined
    ? []
    : [ratio({ hubbub: samples(hubbub, load, value), against: server.name, other: samples(server, load, value), ...rest(server) })]

  const rate = (load, target) => [nchan, talk, floorWrite, floorTick].flatMap((server) => against(server, load,
    ({ deliveriesPerSecond }) => deliveriesPerSecond,
    () => ({ what: `fan-out to 1,000 streams, ${load}`, unit: 'deliveries/s', ...(server === nchan && target) })))
  const p50 = ({ deliveryMs }) => deliveryMs.p50
  const p99 = ({ deliveryMs }) => deliveryMs.p99
  const slow = slower([nchan, floorWrite].filter((server) => server !== undefined), (server) => samples(server, '10/s', p99))
  return [
    ...rate('k=64', { atLeast: 20, aim: 30 }),
    ...rate('k=1', { atLeast: 3.5, aim: 8 }),
    ...against(floorWrite, '10/s', p50, () => ({ what: 'fan-out to 1,000 streams, 10/s, p50', unit: 'ms', atMost: 1.25, aim: 1 })),
    ...against(nchan, '10/s', p50, () => ({ what: 'fan-out to 1,000 streams, 10/s, p50', unit: 'ms' })),
    ratio({ what: 'fan-out to 1,000 streams, 10/s, p99', unit: 'ms', hubbub: samples(hubbub, '10/s', p99), ...slow, atMost: 1.25, aim: 1 }),
    ...against(floorWrite, '10/s', cpuPerDelivery, () => ({ what: 'fan-out to 1,000 streams, 10/s, CPU of a delivery', unit: 'µs', atMost: 1.15, aim: 0.9 }))
  ]
}

function cpuPerDelivery ({ serverCpuSeconds, deliveries }) {
  return serverCpuSeconds * 1e6 / deliveries
}

/** In each repetition the slower one. */
function slower (servers, samplesOf) {
  const all = servers.map(samplesOf)
  const other = all[0].map((_, index) => all.map((samples) => samples[index]).reduce((a, b) => a.value > b.value ? a : b))
  return { against: `the slower of ${servers.map(({ name }) => name).join(' and ')}`, other }
}
