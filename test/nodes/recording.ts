/** An event as a client got it. */
export interface Seen {
  room: string
  id: string
  prev: string
  /** Undefined for what the server has made itself. */
  message: string | undefined
  json: string
}

/** The beginning of a stream. */
export interface Opening {
  type: 'welcome'
  /** `performance.now()` */
  at: number
  /** Which node. */
  url: string
  /** What the client came with. */
  sent: string | undefined
  cursor: string
  resumed: Record<string, boolean>
}

export interface Reset {
  type: 'reset'
  room: string
  reason: string
  from: string
}

export interface End {
  type: 'bye' | 'cut'
  at: number
  reason?: string
}

export type Item = Opening | Reset | End | { type: 'event', event: Seen }

/** Everything that one client received, in order, over all of its streams. */
export class Track {
  readonly items: Item[] = []
  /** By room: the last event, or the place from which a reset said that it goes on. */
  readonly positions = new Map<string, string>()
  /** Whether it left of its own will: then nothing more is owed to it. */
  left = false
  readonly client: string

  constructor (client: string) {
    this.client = client
  }

  add (item: Item): void {
    this.items.push(item)
    if (item.type === 'event') this.positions.set(item.event.room, item.event.id)
    else if (item.type === 'reset') this.positions.set(item.room, item.from)
    else if (item.type === 'welcome') for (const [room, id] of positionsOf(item.cursor)) this.positions.set(room, id)
  }

  of<T extends Item['type']> (type: T): Array<Extract<Item, { type: T }>> {
    return this.items.filter((item): item is Extract<Item, { type: T }> => item.type === type)
  }
}

/** One post, over all of its tries under one key. */
export interface Posted {
  room: string
  message: string
  /** The id, where it was answered with 201 or 200. */
  id?: string
  /** Whether a try ended with no word of what became of it: the event may be there or not. */
  unknown: boolean
}

/** What was seen from outside: what every client received, and how every post was answered. */
export class Recording {
  readonly tracks: Track[] = []
  readonly posts: Posted[] = []
  /** What was wrong while it was recorded. */
  readonly flaws: string[] = []
  /** By room and id, the same object for all who received it. */
  readonly events = new Map<string, Map<string, Seen>>()
  /** `performance.now()` of each try to open a stream. */
  readonly attempts: number[] = []
  deliveries = 0
  /** Posts that were acknowledged. */
  acknowledged = 0

  track (client: string): Track {
    const track = new Track(client)
    this.tracks.push(track)
    return track
  }

  acknowledge (posted: Posted, id: string): void {
    posted.id = id
    this.acknowledged++
  }

  /** @param json of an event, as a stream carries it */
  receive (track: Track, json: string): void {
    this.deliveries++
    const [, id, prev, room] = HEAD.exec(json) ?? []
    if (id === undefined || prev === undefined || room === undefined) return void this.flaws.push(`${track.client} was given what is no event: ${json.slice(0, 200)}`)
    let events = this.events.get(room)
    if (events === undefined) this.events.set(room, events = new Map())
    let event = events.get(id)
    if (event === undefined) events.set(id, event = { room, id, prev, message: JSON.parse(json).message, json })
    else if (event.json !== json) this.flaws.push(`another content: ${id} of ${room} came to ${track.client} as ${json}, and to others as ${event.json}`)
    track.add({ type: 'event', event })
  }
}

const HEAD = /^\{"id":"([^"]+)","prev":"([^"]+)","room":"([^"]+)"/

export function positionsOf (cursor: string): Map<string, string> {
  return new Map(cursor.split(',').map((part) => part.split(':') as [string, string]))
}
