import { Failure } from './failure.js'
import { whole } from './figures.js'
import { load } from './load.js'
import { openFiles, servers } from './servers.js'
import { start } from './start.js'

const CROWD = 10_000
/** Open files that a server, or the load generator, needs beside those of its streams. */
const OTHER_FILES = 600

/**
 * What a scenario works with. Everything that the load generator printed is kept in `runs`.
 * @param options.binary the load generator
 * @param options.seconds of a measurement at full speed; longer where it is posted at a rate
 * @param options.times that each pair of fan-out is repeated
 * @param options.firstPort of the hundred that servers listen on
 */
export class Bench {
  runs = []
  /** The servers that are there, by their names in `servers`. */
  servers = {}
  /** One line for each thing that is not measured as it should be, and why. */
  notes = []
  /** Seconds of the same load before each measurement: the JIT of Node's servers needs it, and every server gets it. */
  warmUp = 1
  /** Streams, where there are many: ten thousand, or as many thousands as there may be open files for. */
  crowd = CROWD
  #options
  #scenario = ''

  constructor (options) {
    this.#options = options
    for (const [key, server] of Object.entries(servers)) {
      const missing = server.missing?.()
      if (missing === undefined) this.servers[key] = server
      else this.notes.push(`${server.name} is left out: it needs ${missing}`)
    }
    const most = Math.floor((openFiles() - OTHER_FILES) / 1_000) * 1_000
    if (most < 2_000) throw new Failure(`the hard limit on open files (ulimit -Hn) is ${openFiles()}, and 10,600 are needed, 2,600 at least`)
    if (most < CROWD) {
      this.crowd = most
      this.notes.push(`${whole(most)} streams stand for 10,000: the hard limit on open files (ulimit -Hn) is ${openFiles()}, and 10,600 are needed`)
    }
    for (const line of this.notes) this.say(line)
  }

  get seconds () {
    return this.#options.seconds
  }

  say (line) {
    process.stderr.write(`${line}\n`)
  }

  async run (scenario) {
    this.#scenario = scenario.name
    const began = Date.now()
    const rows = await scenario.run(this)
    this.say(`${scenario.name}: ${Math.round((Date.now() - began) / 1000)} s`)
    return rows
  }

  /**
   * Does something as often as a pair is repeated.
   * @param options.fewer times less, where it takes long, and noise cannot change what comes out
   * @returns the results, in order
   */
  async repeat (action, { fewer = 0 } = {}) {
    const results = []
    do results.push(await action(results.length)); while (results.length < this.#options.times - fewer)
    return results
  }

  start (server, options) {
    return start(server, { firstPort: this.#options.firstPort, ...options })
  }

  async load (server, options) {
    const result = await load(this.#options.binary, server, { warmUp: this.warmUp, seconds: this.seconds, ...options })
    this.record(server.name, options, result)
    return result
  }

  /** Keeps what was measured, and says it. */
  record (what, options, result) {
    this.runs.push({ scenario: this.#scenario, what, options, result })
    const busy = result.generatorCpuSeconds / result.seconds
    this.say(`  ${what} ${describe(options)}: ${summary(result)}${busy > 0.9 ? ' (the load generator was the limit)' : ''}`)
  }

  /** Starts a server, drives it with each of the loads, and ends it. */
  async measure (server, loads, options) {
    const running = await this.start(server, options)
    try {
      const results = []
      for (const each of loads) results.push(await this.load(running, each))
      return results
    } finally {
      await running.stop()
    }
  }
}

const describe = (options) => Object.entries(options)
  .filter(([name]) => !['body', 'cursor', 'held'].includes(name))
  .map(([name, value]) => `${name} ${value}`).join(', ')

function summary (result) {
  const { openSeconds, deliveries, deliveriesPerSecond, deliveryMs, ackMs, posts, caughtUpSeconds, caughtUpMs, kbPerStream } = result
  const parts = [
    openSeconds > 0 && `opened in ${openSeconds} s`,
    kbPerStream && `${kbPerStream.rss} KB each`,
    posts && `${posts.perSecond} posts/s, acknowledged p99 ${ackMs.p99} ms`,
    deliveries > 0 && deliveryMs && `${deliveriesPerSecond} deliveries/s, p50 ${deliveryMs.p50}, p99 ${deliveryMs.p99} ms`,
    caughtUpSeconds && `caught up in ${caughtUpSeconds} s`,
    caughtUpMs && `caught up p50 ${caughtUpMs.p50}, p99 ${caughtUpMs.p99} ms`
  ].filter(Boolean)
  return parts.length > 0 ? parts.join('; ') : JSON.stringify(result)
}
