/** ms after which what was acknowledged must have arrived at a reader that reads. */
const LATE_MS = 20_000

/** The same rule as the server's, written again: what checks shares no code with what is checked. */
function isLater (id, other) {
  const [ms, seq] = id.split('-')
  const [otherMs, otherSeq] = other.split('-')
  return ms === otherMs ? Number(seq) > Number(otherSeq) : Number(ms) > Number(otherMs)
}

/** What is known of the rooms and of their readers, and the first thing that is wrong. */
export class Checker {
  /** Deliveries checked. */
  deliveries = 0
  /** Ends with the first flaw. */
  flaw = new Promise((resolve) => { this.fail = resolve })
  rooms
  /** Those that must not fall behind. */
  tracks = new Set()

  /** @param {string[]} names of all rooms */
  constructor (names) {
    this.rooms = new Map(names.map((name) => [name, new RoomRecord(name, this)]))
  }

  /** To be called about once a second: finds what should long have arrived. */
  sweep (now = performance.now()) {
    for (const room of this.rooms.values()) room.sweep(now)
    for (const track of this.tracks) {
      if (now - track.readingSince < LATE_MS) continue
      for (const [room, id] of track.positions) {
        const { marks: [{ head }] } = this.rooms.get(room)
        if (head !== undefined && isLater(head, id)) this.fail(`a stuck reader: ${track.reader} is at ${id} of ${room}, where ${head} was ${LATE_MS / 1_000} s ago`)
      }
    }
  }

  /** Whether everything acknowledged has arrived, at everyone. @returns {string | undefined} what has not */
  missing () {
    for (const { name, unseen } of this.rooms.values()) {
      const [id] = unseen.keys()
      if (id !== undefined) return `a lost ack: ${id} of ${name} was acknowledged, and ${unseen.size} never arrived`
    }
    for (const { reader, positions } of this.tracks) {
      for (const [room, id] of positions) {
        const { head } = this.rooms.get(room)
        if (head !== undefined && id !== head) return `a gap at the end: ${reader} is at ${id} of ${room}, which ends with ${head}`
      }
    }
  }
}

/** One room: what was acknowledged, against what its permanent reader gets. It keeps only what one of them has yet to tell. */
class RoomRecord {
  /** The newest id that the permanent reader has had. */
  head
  /** The newest id acknowledged. */
  acknowledged = '0-0'
  /** Acknowledged, not yet seen: by id. */
  unseen = new Map()
  /** Serial numbers of posts that were seen before their answer, by id. */
  early = new Map()
  /** The head, once a second, of the last while. */
  marks = [{ at: -Infinity, head: undefined }]
  #checker

  constructor (name, checker) {
    this.name = name
    this.#checker = checker
  }

  /** @param {string} after the newest id acknowledged when the post left */
  acknowledge (id, serial, after) {
    if (!isLater(id, after)) this.#checker.fail(`another order: ${id} of ${this.name} was posted after ${after} was acknowledged`)
    if (isLater(id, this.acknowledged)) this.acknowledged = id
    const seen = this.early.get(id)
    if (seen === undefined) this.unseen.set(id, { serial, at: performance.now() })
    else this.#compare(id, serial, seen)
    this.early.delete(id)
  }

  /** @param {string | undefined} serial of the post, undefined for what the server has made itself */
  see (id, serial) {
    this.head = id
    if (serial === undefined) return
    const posted = this.unseen.get(id)
    if (posted === undefined) this.early.set(id, serial)
    else this.#compare(id, posted.serial, serial)
    this.unseen.delete(id)
  }

  sweep (now) {
    this.marks.push({ at: now, head: this.head })
    while (this.marks[1].at < now - LATE_MS) this.marks.shift()
    for (const [id, { at }] of this.unseen) {
      if (at < now - LATE_MS) this.#checker.fail(`a lost ack: ${id} of ${this.name} was acknowledged ${LATE_MS / 1_000} s ago and has not arrived`)
      break
    }
  }

  #compare (id, posted, seen) {
    if (posted !== seen) this.#checker.fail(`another event: ${id} of ${this.name} was post ${posted}, and arrived as post ${seen}`)
  }
}

/** One reader's place in each of its rooms, over all of its streams. */
export class Track {
  /** By room, in the order of a cursor. */
  positions = new Map()
  /** `performance.now()` since when it reads without a break. */
  readingSince = Infinity
  #rooms
  #checker
  #onEntry

  /**
   * @param {string} reader what it is called in a flaw
   * @param {(id: string, serial?: string) => void} [onEntry]
   */
  constructor (checker, reader, rooms, onEntry) {
    this.reader = reader
    this.#checker = checker
    this.#rooms = rooms
    this.#onEntry = onEntry
  }

  /** What it comes back with; undefined before its first stream. */
  get cursor () {
    let text
    for (const [room, id] of this.positions) text = `${text === undefined ? '' : `${text},`}${room}:${id}`
    return text
  }

  /** @param {string} cursor as the server gave it */
  begin (cursor) {
    for (const part of cursor.split(',')) this.positions.set(...part.split(':'))
    if (this.cursor !== cursor || this.positions.size !== this.#rooms.length) this.fail(`began with the cursor ${cursor}`)
  }

  /** Compares with the position that the server says the reader is at. */
  confirm (cursor) {
    if (cursor !== this.cursor) this.fail(`is at ${this.cursor}, and was given the cursor ${cursor}`)
  }

  /** @param {string} json an event, which begins with its id, `prev` and room: the rest is not parsed */
  take (json) {
    const [, id, prev, room] = HEAD.exec(json) ?? this.fail(`cannot read ${json.slice(0, 200)}`)
    const last = this.positions.get(room)
    if (last === undefined) return this.fail(`was given an event of ${room}`)
    if (prev !== last) this.fail(isLater(id, last) ? `a gap: ${id} of ${room} comes after ${prev}, and came after ${last}` : `a duplicate: ${id} of ${room} came after ${last}`)
    else if (!isLater(id, last)) this.fail(`a duplicate: ${id} of ${room} came after ${last}`)
    this.positions.set(room, id)
    this.#checker.deliveries++
    this.#onEntry?.(id, /"message":"#(\d+)/.exec(json)?.[1])
  }

  fail (what) {
    this.#checker.fail(`${what} (${this.reader})`)
    return []
  }
}

const HEAD = /^\{"id":"([^"]+)","prev":"([^"]+)","room":"([^"]+)"/
