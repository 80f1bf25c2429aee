import { Chance } from './chance.js'
import { Connection } from './connection.js'

const TEXT = 'the quick brown fox jumps over the lazy dog '.repeat(100)

/** Those who post: each on a connection of its own, again as soon as it is answered and it is its turn. */
export class Publishers {
  /** Posts acknowledged, those under a key that was used before not counted. */
  acknowledged = 0
  retries = 0
  renames = 0
  #world
  #rate = 0
  #owed = 0
  #waiting = []
  #done = false
  #serial = 0
  #running

  /** @param {import('../soak.js').World} world */
  constructor (world, connections) {
    this.#world = world
    let last = performance.now()
    const pacer = setInterval(() => {
      const now = performance.now()
      // What could not be posted in time is not made good by a burst.
      this.#owed = Math.min(this.#owed + this.#rate * (now - last) / 1_000, this.#waiting.length, 1_000)
      last = now
      while (this.#owed >= 1 && this.#waiting.length > 0) {
        this.#owed--
        this.#waiting.shift()()
      }
    }, 4)
    this.#running = Promise.all(connections.map((connection, index) => this.#publish(connection, index)))
      .catch((error) => world.checker.fail(`a post that was not answered: ${error.message}`))
      .finally(() => clearInterval(pacer))
  }

  /** @param {number} rate posts a second; Infinity for as many as are answered */
  pace (rate) {
    this.#rate = rate
    if (rate === Infinity) for (const go of this.#waiting.splice(0)) go()
  }

  /** @returns when the last post is answered */
  async stop () {
    this.#done = true
    this.pace(Infinity)
    await this.#running
  }

  async #publish (connection, index) {
    const chance = new Chance(this.#world.seed, 1_000_000 + index)
    while (!this.#done) {
      if (this.#rate !== Infinity) await new Promise((resolve) => this.#waiting.push(resolve))
      if (this.#done) break
      if (chance.hits(0.002)) await this.#rename(connection, chance)
      else await this.#post(connection, chance)
    }
    connection.close()
  }

  async #post (connection, chance) {
    const { checker, names, busy, crowd } = this.#world
    const room = checker.rooms.get(chance.of(chance.hits(0.5) ? busy : names))
    const { token } = chance.of(crowd)
    const serial = String(++this.#serial)
    const length = chance.hits(0.05) ? chance.between(1_000, 3_500) : chance.between(10, 250)
    const body = {
      room: room.name,
      message: `#${serial} ${TEXT.slice(0, length)}`,
      ...(chance.hits(0.1) && { key: `key-${serial}` }),
      ...(chance.hits(0.05) && { type: 'soak.beat', data: { serial } })
    }
    const after = room.acknowledged
    const id = await this.#expect(201, connection, token, body)
    if (id === undefined) return
    this.acknowledged++
    room.acknowledge(id, serial, after)
    if (body.key === undefined || !chance.hits(0.2)) return
    this.retries++
    const again = await this.#expect(200, connection, token, body)
    if (again !== id) checker.fail(`a retry under one key is ${again}, and was ${id} in ${room.name}`)
  }

  async #expect (wanted, connection, token, body) {
    const answer = await connection.request('POST', '/events', { token, body })
    const id = /^\{"success":true,"event":\{"id":"([^"]+)"/.exec(answer.body)?.[1]
    if (answer.status === wanted && id !== undefined) return id
    this.#world.checker.fail(`a post that wanted ${wanted} was answered ${answer.status}: ${answer.body.slice(0, 200)}`)
  }

  async #rename (connection, chance) {
    const { token } = chance.of(this.#world.crowd)
    const { status, body } = await connection.request('PATCH', '/users/me', { token, body: { name: `soaked ${++this.renames} ${this.#world.seed}` } })
    if (status !== 200) this.#world.checker.fail(`a rename was answered ${status}: ${body.slice(0, 200)}`)
  }
}
