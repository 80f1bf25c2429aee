import { Cluster, Redis, ReplyError } from 'ioredis'
import { EngineUnavailable, MEANINGS, Unsuitable, type Durability } from '../engine.js'
import { Channels } from './channels.js'
import { StoreClock } from './clock.js'
import { ANSWER_MS, LONGEST_RETRY_MS, connectionTo, isUnsent } from './connection.js'
import { explain, meaningOf } from './refusals.js'
import { withScripts, type Client } from './scripts.js'
import { survey, weakest, type Survey } from './survey.js'
import { nameOf, type StoreAddress } from './url.js'

/** ms for which the store is waited for when it has just gone: who asks later than that is refused at once. */
const PATIENCE_MS = 2_000
/** Commands under way at most: a store that does not keep up must not fill this node's memory. */
const MAX_UNDER_WAY = 20_000
/** ms between two looks at whether the connections live. */
const PULSE_MS = 1_000
/** Every how many of these the settings are read again. */
const SURVEYED_EVERY = 10
/** Beats for which what is published cannot be heard, though the store can be used, until the operator is told. */
const DEAF_BEATS = 3
/** ms for which the operator is not told again of a fault of the same kind. */
const TOLD_MS = 60_000
const UNCONNECTED = 'it is not connected yet'
const CLOSED = 'the connection is closed'
/** How often a server's time is asked for first: the quickest answer tells it best. */
const CLOCK_SAMPLES = 3
/** Commands that share a write: few enough that the store works on some while this node asks for more. */
const WRITE_AT_ONCE = 16

/** What the operator is told. */
export interface Log {
  info (message: string): void
  warn (message: string): void
  error (message: string): void
}

export interface LinkOptions {
  address: StoreAddress
  log: Log
}

/**
 * The connections to the store: one for commands, one to hear what is published. They come back by themselves; what was under way
 * when one broke is not sent again by itself, since it may have been done.
 */
export class RedisLink {
  readonly name: string
  readonly clock = new StoreClock()
  readonly channels: Channels
  /** What an acknowledgement means there, as its settings say. */
  durability: Durability = 'memory'

  readonly #address: StoreAddress
  readonly #log: Log
  readonly #client: Client
  readonly #subscriber: Redis | Cluster
  readonly #returned = new Set<() => void>()
  /** Who waits for the store to be usable. */
  #waiting: Array<() => void> = []
  /** Why it cannot be used, undefined while it can. */
  #trouble: string | undefined = UNCONNECTED
  /** `performance.now()` since when it has been away. */
  #awaySince = performance.now()
  /** Whether an answer is overdue, and none has come since. */
  #stalled = false
  /** By kind of fault: `performance.now()` when the operator was told of it. */
  readonly #toldOf = new Map<string, number>()
  #underWay = 0
  /** Commands that wait for more of this turn of the event loop, and the connections that hold them. */
  #gathered = 0
  #corked: Array<Redis['stream']> = []
  readonly #warned = new Set<string>()
  #closed = false
  readonly #pulse: NodeJS.Timeout
  /** Beats since the subscriber was there. */
  #deafFor = 0
  /** Until it can be used for the first time. */
  #opening: { resolve: () => void, reject: (error: Error) => void } | undefined
  #arrivals = 0
  #beats = 0
  /** Whether the newest connection is being asked what it leads to. */
  #arriving = false

  /**
   * Waits, for ever if it must, until the store can be used.
   * @throws {Unsuitable} by rejection, where waiting cannot help
   */
  static async open (options: LinkOptions): Promise<RedisLink> {
    const link = new RedisLink(options)
    try {
      await link.#connect()
    } catch (error) {
      link.close()
      throw error
    }
    return link
  }

  private constructor ({ address, log }: LinkOptions) {
    this.#address = address
    this.#log = log
    this.name = nameOf(address)
    this.#client = withScripts(connectionTo(address))
    // A cluster's client has a connection of its own for what it hears.
    this.#subscriber = address.kind === 'cluster' ? this.#client : connectionTo(address)
    this.#subscriber.on('error', () => {}) // It has mostly the same cause as the other's, which is told.
    this.channels = new Channels({
      connection: this.#subscriber,
      usable: (until) => this.#usable(until),
      refused: (error) => this.#failure(error)
    })
    this.#pulse = setInterval(() => this.#beat(), PULSE_MS).unref()
  }

  /** Whether it can be used now; why not, where it cannot. */
  get trouble (): string | undefined {
    return this.#stalled ? 'it does not answer' : this.#trouble
  }

  /** The servers that hold the data. */
  get #primaries (): Redis[] {
    return this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client]
  }

  /** Calls back each time when the store was away and can be used again. */
  onReturn (listener: () => void): void {
    this.#returned.add(listener)
  }

  /** A script that can be called from now on, as those of ours. */
  define (name: string, definition: { numberOfKeys: number, lua: string }): void {
    this.#client.defineCommand(name, definition)
  }

  /**
   * Has the store do something.
   * @param until `performance.now()` by which there is an answer or an error
   * @throws {EngineUnavailable} by rejection; `outcomeUnknown` where it was sent
   */
  async call<T> (run: (client: Client) => Promise<T>, until = performance.now() + ANSWER_MS): Promise<T> {
    for (;;) {
      if (this.trouble !== undefined || this.#closed) await this.#usable(until)
      try {
        return await this.#send(run, until)
      } catch (error) {
        if (!isUnsent(error as Error)) throw error
        // The connection is gone, and nobody has told us yet.
        this.#lose(CLOSED)
      }
    }
  }

  /** The same for what changes nothing: it is asked again while there is time, and its outcome is always known. */
  async ask<T> (run: (client: Client) => Promise<T>): Promise<T> {
    const until = performance.now() + ANSWER_MS
    for (;;) {
      try {
        return await this.call(run, until)
      } catch (error) {
        if (!(error instanceof EngineUnavailable) || !error.outcomeUnknown) throw error
        if (performance.now() >= until) throw new EngineUnavailable(error.message, { cause: error })
      }
    }
  }

  #send<T> (run: (client: Client) => Promise<T>, until: number): Promise<T> {
    if (this.#underWay >= MAX_UNDER_WAY) throw new EngineUnavailable('the store does not keep up')
    this.#underWay++
    this.#gather()
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#overdue()
        reject(new EngineUnavailable('the store did not answer in time', { outcomeUnknown: true }))
      }, Math.max(until - performance.now(), 0))
      run(this.#client).then((answer) => {
        this.#answered()
        resolve(answer)
      }, (error: Error) => reject(this.#failure(error))).finally(() => {
        clearTimeout(timer)
        this.#underWay--
      })
      if (this.#gathered === WRITE_AT_ONCE) this.#write()
    })
  }

  close (): void {
    this.#closed = true
    clearInterval(this.#pulse)
    for (const go of this.#waiting.splice(0)) go()
    this.#client.disconnect()
    this.#subscriber.disconnect()
  }

  /** The command that follows shares a write with others of this turn of the event loop. */
  #gather (): void {
    if (this.#gathered++ > 0) return
    this.#corked = this.#primaries.map(({ stream }) => stream)
    for (const stream of this.#corked) stream?.cork()
    setImmediate(() => this.#write())
  }

  #write (): void {
    this.#gathered = 0
    for (const stream of this.#corked.splice(0)) stream?.uncork()
  }

  #connect (): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject }
      this.#client.on('ready', () => void this.#arrive(true))
      this.#client.on('error', (error: Error) => this.#fail(error))
      this.#client.on('close', () => this.#lose(CLOSED))
      for (const connection of new Set([this.#client, this.#subscriber])) {
        // Each tells of its failure by itself and tries again, but where it was cut while it was asking a Sentinel.
        const connect = (): void => { connection.connect().catch(() => {}) }
        connection.on('end', () => { if (!this.#closed) setTimeout(connect, LONGEST_RETRY_MS / 2).unref() })
        connect()
      }
    })
  }

  /** The connection is there. Whether the store can be used, it has to say itself. @param fresh whether it has just been made */
  async #arrive (fresh: boolean): Promise<void> {
    const arrival = ++this.#arrivals
    this.#arriving = true
    try {
      // Otherwise a database that the server does not have would be its first one.
      if (this.#client instanceof Redis && this.#address.db !== 0) await this.#client.select(this.#address.db)
      const surveys = await this.#survey()
      if (surveys.length === 0) throw new Error('no server of the cluster is known')
      const notYet = surveys.find((found) => found.notYet !== undefined)
      // Its address may lead to the primary next time. It is asked once more before: not every turn of an eye.
      if (notYet?.replica === true && !fresh) this.#client.disconnect(true)
      if (notYet !== undefined) throw new Error(notYet.notYet)
      for (let i = 0; i < CLOCK_SAMPLES; i++) await Promise.all(this.#primaries.map((server) => this.#askTime(server)))
      if (arrival === this.#arrivals) this.#return(surveys)
    } catch (error) {
      if (arrival === this.#arrivals) this.#fail(error as Error)
    } finally {
      if (arrival === this.#arrivals) this.#arriving = false
    }
  }

  #fail (error: Error): void {
    const { reason, fatal } = error instanceof Unsuitable ? { reason: error.message, fatal: true } : explain(error)
    if (fatal) this.#opening?.reject(new Unsuitable(`${this.name}: ${reason}`))
    this.#lose(reason)
  }

  #lose (reason: string): void {
    if (this.#closed) return
    if (this.#trouble === undefined) this.#awaySince = performance.now()
    // The close that follows an error says less than the error did.
    else if (reason === CLOSED && this.#trouble !== UNCONNECTED) return
    this.#trouble = this.#trouble === UNCONNECTED && reason === CLOSED ? explain(new Error(CLOSED)).reason : reason
    this.#warnOnce(`cannot be used: ${this.#trouble}`)
  }

  #return (surveys: Survey[]): void {
    this.durability = weakest(surveys.map(({ durability }) => durability))
    const servers = [...new Set(surveys.map(({ server }) => server))].join(', ')
    this.#log.info(`${this.name} is ${servers}; what it acknowledges is ${MEANINGS[this.durability]} (${this.durability})`)
    this.#warned.clear()
    this.#toldOf.clear()
    for (const warning of surveys.flatMap(({ warnings }) => warnings)) this.#warnOnce(warning)
    this.#trouble = undefined
    this.#stalled = false
    this.#opening?.resolve()
    this.#opening = undefined
    for (const go of this.#waiting.splice(0)) go()
    for (const listener of this.#returned) listener()
  }

  /** What has been said since it was last away is not said again. */
  #warnOnce (warning: string): void {
    if (!this.#warned.has(warning)) this.#log.warn(`${this.name} ${warning}`)
    this.#warned.add(warning)
  }

  /** A connection that is dead without a word owes an answer to this, and is given up. */
  #beat (): void {
    // Its answers may take longer than this: whoever asked again would never have them all.
    if (this.#trouble !== undefined && this.#client.status === 'ready' && !this.#arriving) void this.#arrive(false)
    for (const server of this.#primaries) if (server.status === 'ready') this.#askTime(server).then(() => this.#answered(), () => {})
    if (this.#subscriber instanceof Redis && this.#subscriber.status === 'ready') this.#subscriber.ping().catch(() => {})
    this.#deafFor = this.#trouble === undefined && this.#subscriber.status !== 'ready' ? this.#deafFor + 1 : 0
    if (this.#deafFor === DEAF_BEATS) this.#log.warn(`${this.name} can be used, but takes no connection to hear it by: what is stored is read some seconds late, and rooms that nobody reads yet not at all; see its maxclients`)
    if (++this.#beats % SURVEYED_EVERY === 0 && this.trouble === undefined) this.#surveyAgain().catch(() => {})
  }

  /** Its settings may be changed while it runs, and with them what an acknowledgement means. */
  async #surveyAgain (): Promise<void> {
    const surveys = await this.#survey()
    const durability = weakest(surveys.map((found) => found.durability))
    if (durability !== this.durability) this.#log.warn(`${this.name}: what it acknowledges is now ${MEANINGS[durability]} (${durability})`)
    this.durability = durability
    for (const warning of surveys.flatMap(({ warnings }) => warnings)) this.#warnOnce(warning)
  }

  #survey (): Promise<Survey[]> {
    return Promise.all(this.#primaries.map((server) => survey(server, this.#address.kind === 'cluster')))
  }

  async #askTime (server: Redis): Promise<void> {
    const sent = performance.now()
    const [seconds, micros] = await server.time()
    this.clock.hear(Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000), sent, performance.now())
  }

  #overdue (): void {
    // The other servers of a cluster may well answer. Who asks this one waits in vain, and no longer than this.
    if (this.#client instanceof Cluster) return this.#tellOf('overdue', 'does not answer for a part of the rooms')
    if (!this.#stalled) this.#log.warn(`${this.name} does not answer`)
    this.#stalled = true
  }

  #answered (): void {
    if (this.#stalled) this.#log.info(`${this.name} answers again`)
    this.#stalled = false
  }

  /** What a failed command means to whoever asked. */
  #failure (error: Error): Error {
    if (isUnsent(error)) return error
    if (error instanceof ReplyError) {
      const kind = error.message.split(' ', 1)[0]!
      this.#tellOf(kind, `refuses: ${meaningOf(kind) ?? error.message}`)
      return new EngineUnavailable(error.message, { cause: error })
    }
    return new EngineUnavailable('the connection to the store broke', { cause: error, outcomeUnknown: true })
  }

  /** Tells the operator of a fault that may come with every command, once a minute. */
  #tellOf (kind: string, fault: string): void {
    const now = performance.now()
    if (now - (this.#toldOf.get(kind) ?? -Infinity) <= TOLD_MS) return
    this.#toldOf.set(kind, now)
    this.#log.error(`${this.name} ${fault}`)
  }

  async #usable (until: number): Promise<void> {
    while (this.trouble !== undefined || this.#closed) {
      const now = performance.now()
      if (this.#closed) throw new EngineUnavailable('the store is closed')
      if (this.#stalled || now - this.#awaySince > PATIENCE_MS || now >= until) throw new EngineUnavailable(`the store cannot be used: ${this.trouble}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, until - now)
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }
}
