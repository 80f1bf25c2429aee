import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { compile } from '../bench/load.js'
import { Checker, Track } from '../bench/soak/checker.js'
import { requireTwoCores } from '../bench/start.js'
import { eventually, missing, temporaryDirectory } from './harness.js'

// A benchmark is worth what it would notice. Here what it measures is made to lose, double, refuse and die.

const { PATH, HOME, CC } = process.env

function worked (action: () => void): string | undefined {
  try {
    action()
    return 'it did'
  } catch {
    return undefined
  }
}

/** For Linux, and with the C library's headers. */
const compiler = worked(() => execFileSync(CC ?? 'cc', ['-fsyntax-only', '-include', 'sys/epoll.h', '-x', 'c', '/dev/null'], { stdio: 'ignore' }))
const COMPILER_REMEDY = 'install a C compiler on Linux (apt-get install gcc libc6-dev) to try the benchmark'
const twoCores = worked(requireTwoCores)
const CORES_REMEDY = 'give Linux two cores, taskset and setpriv (apt-get install util-linux) to try the benchmark'

type Running = ChildProcessByStdio<null, Readable, Readable>

function run (t: Test, command: string[], environment: Record<string, string> = {}): Running {
  const [program, ...args] = command
  const running = spawn(program!, args, { env: { PATH, HOME, CC, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => running.kill())
  return running
}

interface Outcome {
  code: number | null
  output: string
  /** Standard error, in lines. */
  said: string[]
}

async function outcome (running: Running): Promise<Outcome> {
  const [output, said, [code]] = await Promise.all([text(running.stdout), text(running.stderr), once(running, 'exit')])
  return { code, output, said: said.split('\n').slice(0, -1) }
}

const STREAMS = 8
const PUBLISHERS = 2
/** The second that is measured: each publisher's first one is warming up. There are as many, however slow the machine is. */
const FAULTY_POST = PUBLISHERS + 2

/** Gives an event to the streams. @returns the status that the post is answered with; undefined: it never is */
type Broadcast = (streams: ServerResponse[], event: string, before: string) => number | undefined

const soundly: Broadcast = (streams, event) => {
  for (const stream of streams) stream.write(event)
  return 201
}

/** A server of events that is sound, but for one post. */
async function serve (t: Test, faulty: Broadcast): Promise<{ port: number, posts (): number }> {
  const streams: ServerResponse[] = []
  let posts = 0
  let before = ''
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      streams.push(response)
      return
    }
    const event = `data: ${await text(request)}\n\n`
    const status = (++posts === FAULTY_POST ? faulty : soundly)(streams, event, before)
    before = event
    if (status !== undefined) response.writeHead(status, { 'content-length': 0 }).end()
  })
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as AddressInfo).port, posts: () => posts }
}

interface Fault {
  what: string
  broadcast: Broadcast
  /** The line on standard error. */
  says: string
  counts: Partial<Record<'lost' | 'doubled' | 'bad' | 'dead', number>>
}

const FAULTS: Fault[] = [
  {
    what: 'one stream misses an event',
    broadcast: ([, ...others], event, before) => soundly(others, event, before),
    says: 'load: 1 deliveries lost, 0 doubled',
    counts: { lost: 1, doubled: 0, bad: 0, dead: 0 }
  },
  {
    what: 'one stream gets an event twice',
    broadcast: (streams, event, before) => {
      streams[0]!.write(event)
      return soundly(streams, event, before)
    },
    says: 'load: 0 deliveries lost, 1 doubled',
    counts: { lost: 0, doubled: 1, bad: 0, dead: 0 }
  },
  {
    what: 'one stream gets the event before again, instead of an event',
    broadcast: ([first, ...others], event, before) => {
      first!.write(before)
      return soundly(others, event, before)
    },
    says: 'load: 1 deliveries lost, 1 doubled',
    counts: { lost: 1, doubled: 1, bad: 0, dead: 0 }
  },
  {
    what: 'a stream is ended',
    broadcast: (streams, event, before) => {
      streams.shift()!.end()
      return soundly(streams, event, before)
    },
    says: `load: 1 of ${STREAMS} streams were closed by the server`,
    counts: { bad: 0, dead: 1 }
  },
  {
    what: 'a stream is cut',
    broadcast: (streams, event, before) => {
      streams.shift()!.destroy()
      return soundly(streams, event, before)
    },
    says: `load: 1 of ${STREAMS} streams were closed by the server`,
    counts: { bad: 0, dead: 1 }
  },
  {
    what: 'a post is refused',
    broadcast: () => 500,
    says: 'load: 1 posts were not acknowledged, the first: HTTP/1.1 500 Internal Server Error',
    counts: { bad: 1, dead: 0 }
  },
  {
    what: 'a post is never answered',
    broadcast: () => undefined,
    says: 'load: 1 posts were not acknowledged, the first: no answer',
    counts: { bad: 1, dead: 0 }
  }
]

t.test('the load generator', { jobs: FAULTS.length + 1 }, async (t) => {
  if (missing(t, compiler, COMPILER_REMEDY)) return
  const binary: string = compile(temporaryDirectory(t))
  const load = (t: Test, port: number): Promise<Outcome> =>
    outcome(run(t, [binary, ...`--port ${port} --streams ${STREAMS} --publishers ${PUBLISHERS} --seconds 0.1 --patience 2`.split(' ')]))

  void t.test('counts what a sound server delivers', async (t) => {
    const { port, posts } = await serve(t, soundly)
    const { code, output, said } = await load(t, port)
    t.strictSame({ code, said }, { code: 0, said: [] })
    const acknowledged = posts() - PUBLISHERS
    const deliveries = acknowledged * STREAMS
    t.ok(acknowledged > 0)
    t.match(JSON.parse(output), {
      streams: STREAMS, posts: { sent: acknowledged, acknowledged }, deliveries, expected: deliveries, deliveryMs: { count: deliveries }, ackMs: { count: acknowledged },
      lost: 0, doubled: 0, bad: 0, dead: 0
    })
  })

  for (const { what, broadcast, says, counts } of FAULTS) {
    void t.test(`says that ${what}`, async (t) => {
      const { port } = await serve(t, broadcast)
      const { code, output, said } = await load(t, port)
      t.strictSame({ code, said }, { code: 1, said: [says] })
      t.match(JSON.parse(output), counts)
    })
  }
})

t.test('the benchmark', async (t) => {
  const bench = (t: Test, options: string[], environment?: Record<string, string>): Running =>
    run(t, [process.execPath, fileURLToPath(new URL('../bench/run.js', import.meta.url)), ...options], environment)

  await t.test('says in one line what it cannot do', async (t) => {
    if (missing(t, twoCores, CORES_REMEDY)) return
    for (const [options, environment, says] of [
      [['--fast'], {}, /^bench: Unknown option '--fast'/],
      [['--only', 'fan-out,fan-in'], {}, /^bench: there is no scenario fan-in; there are fan-out, /],
      [[], { CC: 'no-such-compiler' }, /^bench: a C compiler is needed and no-such-compiler is not there: install gcc/]
    ] as const) {
      const { code, output, said } = await outcome(bench(t, [...options], environment))
      t.strictSame({ code, output, lines: said.length }, { code: 1, output: '', lines: 1 })
      t.match(said[0], says)
    }
  })

  await t.test('names the server that dies while it is measured, and prints no table', async (t) => {
    if (missing(t, compiler, COMPILER_REMEDY) || missing(t, twoCores, CORES_REMEDY)) return
    const port = await freePort()
    const running = bench(t, ['--only', 'fan-out', '--seconds', '0.3', '--repeat', '1', '--port', String(port)])
    const ended = outcome(running)
    await eventually(async () => {
      if (running.exitCode !== null) throw new Error(`it ended before: ${JSON.stringify(await ended)}`)
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text(), () => '')
      return /^hubbub_deliveries_total [1-9]/m.test(answer)
    }, 'Hubbub delivers')
    process.kill(serverOf(running.pid!), 'SIGKILL')
    const { code, output, said } = await ended
    t.strictSame({ code, output }, { code: 1, output: '' })
    const complaints = said.filter((line) => line.startsWith('bench: '))
    t.equal(complaints.length, 1, 'one line')
    t.match(complaints[0], /^bench: Hubbub died \(SIGKILL\)/)
    t.equal(said.at(-1), complaints[0], 'it is the last')
  })
})

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** The process of the Hubbub that the benchmark has started. */
function serverOf (pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  return Number(children.find((child) => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('dist/server.js')))
}

t.test('the soak\'s checker', async (t) => {
  /** What it says first of what was done to one room and one of its readers, which is at 1-0. */
  async function flaw (action: (checker: Checker, track: Track) => void): Promise<string | undefined> {
    const checker = new Checker(['lobby'])
    const track = new Track(checker, 'reader 7', ['lobby'])
    track.begin('lobby:1-0')
    action(checker, track)
    return Promise.race([checker.flaw as Promise<string>, undefined])
  }
  const event = (id: string, prev: string): string => JSON.stringify({ id, prev, room: 'lobby', message: '#1' })
  /** The time so many ms from now: what is late is told by the clock that it is given. */
  const later = (ms: number): number => performance.now() + ms

  t.test('finds nothing wrong with what is sound', async (t) => {
    t.equal(await flaw((checker, track) => {
      const room = checker.rooms.get('lobby')!
      checker.tracks.add(track)
      room.acknowledge('2-0', '1', '1-0')
      room.see('2-0', '1')
      room.see('2-1', '2') // It arrives before its answer does.
      room.acknowledge('2-1', '2', '2-0')
      room.see('10-0', undefined) // The server's own.
      for (const [id, prev] of [['2-0', '1-0'], ['2-1', '2-0'], ['10-0', '2-1']] as const) track.take(event(id, prev))
      track.confirm('lobby:10-0')
      for (const ms of [0, 30_000, 60_000]) checker.sweep(later(ms))
      t.equal(checker.missing(), undefined)
      t.equal(checker.deliveries, 3)
    }), undefined)
  })

  const FLAWS: Array<[what: string, action: Parameters<typeof flaw>[0], says: string]> = [
    ['a gap', (_, track) => track.take(event('3-0', '2-0')), 'a gap: 3-0 of lobby comes after 2-0, and came after 1-0 (reader 7)'],
    ['a duplicate', (_, track) => {
      track.take(event('2-0', '1-0'))
      track.take(event('2-0', '1-0'))
    }, 'a duplicate: 2-0 of lobby came after 2-0 (reader 7)'],
    ['two events the wrong way round', (_, track) => {
      track.take(event('3-0', '2-0'))
      track.take(event('2-0', '1-0'))
    }, 'a gap: 3-0 of lobby comes after 2-0, and came after 1-0 (reader 7)'],
    ['an event that is older than the one before it', (_, track) => {
      track.take(event('10-0', '1-0'))
      track.take(event('9-5', '10-0'))
    }, 'a duplicate: 9-5 of lobby came after 10-0 (reader 7)'],
    ['another room\'s event', (_, track) => track.take(event('2-0', '1-0').replace('lobby', 'other')), 'was given an event of other (reader 7)'],
    ['a cursor that is elsewhere', (_, track) => track.confirm('lobby:2-0'), 'is at lobby:1-0, and was given the cursor lobby:2-0 (reader 7)'],
    ['an answer that is older than what was posted upon', (checker) => checker.rooms.get('lobby')!.acknowledge('9-0', '1', '10-0'),
      'another order: 9-0 of lobby was posted after 10-0 was acknowledged'],
    ['another event under a post\'s id', (checker) => {
      checker.rooms.get('lobby')!.acknowledge('2-0', '1', '1-0')
      checker.rooms.get('lobby')!.see('2-0', '2')
    }, 'another event: 2-0 of lobby was post 1, and arrived as post 2'],
    ['a lost ack', (checker) => {
      checker.rooms.get('lobby')!.acknowledge('2-0', '1', '1-0')
      checker.sweep(later(30_000))
    }, 'a lost ack: 2-0 of lobby was acknowledged 20 s ago and has not arrived'],
    ['a reader that is stuck', (checker, track) => {
      checker.tracks.add(track)
      track.readingSince = 0
      checker.rooms.get('lobby')!.see('2-0', '1')
      for (const ms of [0, 30_000]) checker.sweep(later(ms))
    }, 'a stuck reader: reader 7 is at 1-0 of lobby, where 2-0 was 20 s ago']
  ]
  for (const [what, action, says] of FLAWS) t.test(`names ${what}`, async (t) => t.equal(await flaw(action), says))

  t.test('names at the end what has not arrived', async (t) => {
    await flaw((checker, track) => {
      const room = checker.rooms.get('lobby')!
      room.acknowledge('2-0', '1', '1-0')
      t.equal(checker.missing(), 'a lost ack: 2-0 of lobby was acknowledged, and 1 never arrived')
      checker.tracks.add(track)
      room.see('2-0', '1')
      t.equal(checker.missing(), 'a gap at the end: reader 7 is at 1-0 of lobby, which ends with 2-0')
      track.take(event('2-0', '1-0'))
      t.equal(checker.missing(), undefined)
    })
  })
})
