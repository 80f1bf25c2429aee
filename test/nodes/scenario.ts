import type { Test } from 'tap'
import { call, eventually, guest, type Environment } from '../harness.js'
import { balance } from './balancer.js'
import { Client } from './client.js'
import { Node } from './node.js'
import { flawsOf, type Expected, type Logs } from './proof.js'
import { Publisher } from './publisher.js'
import { Recording, type Posted } from './recording.js'

/** ms for everybody to come back, and for what was acknowledged to arrive. */
const SETTLE_MS = 60_000

const CLIENTS = 300

export interface Cast {
  nodes?: number
  clients?: number
  publishers?: number
  rooms?: number
  /** ms from an answer to the publisher's next post, on average. */
  pause?: number
  /** Whether clients are led only to nodes that say that they are ready; to any where not given. */
  balanced?: boolean
  /** Of the nodes, or of each: `REDIS_URL` above all. */
  environment: Environment | ((node: number) => Environment)
}

/** Nodes, those who read and those who post there, and what was seen of it. */
export class Scenario {
  readonly recording = new Recording()
  readonly nodes: Node[]
  readonly clients: Client[]
  readonly publishers: Publisher[]
  readonly rooms: string[]
  readonly #t: Test

  private constructor (t: Test, nodes: Node[], tokens: string[], { clients = CLIENTS, publishers = 50, rooms = 10, pause = 100, balanced = false }: Cast) {
    this.#t = t
    const anyNode = (): string => this.nodes[Math.floor(Math.random() * this.nodes.length)]!.url
    const pick = balanced ? balance(t, nodes) : anyNode
    this.nodes = nodes
    this.rooms = Array.from({ length: rooms }, (_, index) => `room-${index}`)
    // Most read one room, every fifth some more; every third is a user who is online, the others lurk.
    this.clients = Array.from({ length: clients }, (_, index) => new Client(this.recording, `client ${index}`, {
      rooms: this.rooms.filter((_, room) => room === index % rooms || (index % 5 === 0 && (room + index / 5) % 4 === 0)),
      pick,
      ...(index % 3 === 0 && { token: tokens[index / 3]! })
    }))
    this.publishers = Array.from({ length: publishers }, (_, index) => new Publisher(this.recording, `publisher ${index}`, { rooms: this.rooms, pause, pick }))
  }

  static async start (t: Test, cast: Cast): Promise<Scenario> {
    const { nodes: count = 3, environment } = cast
    const nodes = await Promise.all(Array.from({ length: count }, (_, node) => Node.start(t, {
      HEARTBEAT: '1s', ROOM_HISTORY: '1000000', ...(typeof environment === 'function' ? environment(node) : environment)
    })))
    const tokens = []
    for (let index = 0; index < (cast.clients ?? CLIENTS); index += 3) tokens.push((await guest(nodes[index / 3 % count]!.url)).authorization)
    const scenario = new Scenario(t, nodes, tokens, cast)
    t.teardown(() => Promise.all(scenario.clients.map((client) => client.leave())))
    for (const client of scenario.clients) client.come()
    await scenario.everybodyBack()
    await Promise.all(scenario.publishers.map((publisher) => publisher.begin()))
    return scenario
  }

  /** Streams opened so far, each one welcomed. */
  get openings (): number {
    return this.recording.tracks.reduce((sum, track) => sum + track.of('welcome').length, 0)
  }

  get acknowledged (): number {
    return this.recording.acknowledged
  }

  /** ms: how long each post that was refused took to be. */
  get refusals (): number[] {
    return this.publishers.flatMap((publisher) => publisher.refusals)
  }

  /** Acknowledged posts that are in the store no more. */
  lost (logs: Logs): Posted[] {
    return this.recording.posts.filter(({ room, id }) => id !== undefined && !logs.get(room)!.some((entry) => entry.id === id))
  }

  async everybodyBack (): Promise<void> {
    await eventually(() => this.clients.every(({ isOpen, track }) => isOpen || track.left), 'everybody has a stream', SETTLE_MS)
  }

  /** Waits until as many posts more are acknowledged: what happened before has been got over. */
  async progress (posts = 100): Promise<void> {
    const wanted = this.acknowledged + posts
    await eventually(() => this.acknowledged >= wanted, `${posts} posts more`, SETTLE_MS)
  }

  /** Ends the posting, waits until all has come to rest, and proves that everybody saw what they should. */
  async prove (expected: Expected = {}): Promise<void> {
    const { recording } = this
    await Promise.all(this.publishers.map((publisher) => publisher.stop()))
    await this.everybodyBack()
    const logs = await this.logs()
    const heads = new Map([...logs].map(([room, entries]) => [room, entries.at(-1)?.id]))
    await eventually(() => recording.tracks.every(({ left, positions }) => left || [...positions].every(([room, id]) => id === (heads.get(room) ?? id))),
      'everybody is at the end of their rooms', SETTLE_MS).catch(() => {}) // The proof says who is not.
    for (const { url } of this.nodes) this.#t.strictSame(await readHeads(url, this.rooms), heads, 'every node knows the same heads')
    await this.#everybodyOnline()
    const flaws = flawsOf(recording, logs, expected)
    this.#t.strictSame(flaws.slice(0, 10), [], `${flaws.length} flaws in ${recording.deliveries} deliveries of ${this.acknowledged} acknowledged posts`)
    this.#t.ok(this.acknowledged > 0 && recording.deliveries > this.acknowledged, 'something was posted and delivered')
    for (const node of this.nodes) this.#t.ok(node.running, 'no node has ended')
    this.#t.comment(`${this.acknowledged} posts acknowledged, ${recording.deliveries} deliveries to ${this.clients.length} clients over ${this.openings} streams, ${flaws.length} flaws`)
    this.#t.comment(`answers: ${[...this.answers()].map(([code, count]) => `${code} ${count}`).join(', ')}`)
    if (this.refusals.length > 0) this.#t.comment(`the slowest 503 came after ${Math.max(...this.refusals).toFixed(0)} ms`)
    this.#t.comment(`longest silence of a client: ${(Math.max(...this.clients.map(({ longestSilence }) => longestSilence)) / 1_000).toFixed(1)} s`)
  }

  /** Every node says that those are online, in each room, who have a stream there on any of them. */
  async #everybodyOnline (): Promise<void> {
    for (const room of this.rooms) {
      const users = this.clients.filter(({ isUser, track }) => isUser && !track.left && track.positions.has(room)).length
      for (const { url } of this.nodes) {
        let count: unknown
        await eventually(async () => (count = (await call(`${url}/users?room=${room}`)).body.count) === users, 'everybody is online, and nobody else', SETTLE_MS)
          .catch(() => this.#t.equal(count, users, `users online in ${room}, as ${url} says`))
      }
    }
  }

  /** How tries to post were answered. */
  answers (): Map<string, number> {
    const all = new Map<string, number>()
    for (const { answers } of this.publishers) for (const [code, count] of answers) all.set(code, (all.get(code) ?? 0) + count)
    return all
  }

  /** What the store holds, as a node tells it. */
  async logs (): Promise<Logs> {
    return new Map(await Promise.all(this.rooms.map(async (room) => [room, await readLog(this.nodes[0]!.url, room)] as const)))
  }
}

async function readLog (url: string, room: string): Promise<Array<{ id: string, prev: string, message?: string }>> {
  const log = []
  for (let after = '0-0'; ;) {
    const { body } = await call(`${url}/rooms/${room}/events?after=${after}&limit=500`)
    log.push(...body.events)
    if (body.events.length === 0 || log.at(-1).id === body.head) return log
    after = log.at(-1).id
  }
}

async function readHeads (url: string, rooms: string[]): Promise<Map<string, string | undefined>> {
  return new Map(await Promise.all(rooms.map(async (room) => {
    const { body } = await call(`${url}/rooms/${room}/events?limit=1`)
    return [room, body.events.at(-1)?.id] as const
  })))
}
