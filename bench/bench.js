import { load } from './load.js'
import { servers, start } from './servers.js'

/**
 * What a scenario works with. Everything that the load generator printed is kept in `runs`.
 * @param options.binary the load generator
 * @param options.seconds of a measurement
 * @param options.times that each measured pair is repeated
 * @param options.firstPort of the hundred that servers listen on
 */
export class Bench {
  runs = []
  /** The servers that are there, by their names in `servers`. */
  servers = {}
  /** One line for each that is not, with what to install. */
  missing = []
  #options
  #scenario = ''

  constructor (options) {
    this.#options = options
    for (const [key, server] of Object.entries(servers)) {
      const missing = server.missing?.()
      if (missing === undefined) this.servers[key] = server
      else this.missing.push(`${server.name} is left out: it needs ${missing}`)
    }
    for (const line of this.missing) this.say(line)
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

  /** Does something as often as each pair is repeated. @returns the results, in order */
  async repeat (action, times = this.#options.times) {
    const results = []
    for (let i = 0; i < times; i++) results.push(await action(i))
    return results
  }

  start (server, options) {
    return start(server, { firstPort: this.#options.firstPort, ...options })
  }

  async load (server, options) {
    const result = await load(this.#options.binary, server, { seconds: this.seconds, ...options })
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
  .filter(([name]) => name !== 'body' && name !== 'cursor')
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
