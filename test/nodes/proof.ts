import { positionsOf, type Recording, type Seen, type Track } from './recording.js'

/** What is in the store at last, by room, oldest first, as `GET /rooms/:room/events` tells it. */
export type Logs = Map<string, Array<{ id: string, prev: string, message?: string }>>

export interface Expected {
  /** Whether the store lost events that it had acknowledged: then there are events that are not in it any more. */
  lossy?: boolean
  /** Resets that may have been told, by reason; none where not given. */
  resets?: string[]
}

/**
 * Proves from a record that all clients saw one order in each room, with no gap and no duplicate, and that what was acknowledged
 * reached everyone who should have it, or that they were told. It shares no code with what it checks.
 * @param logs what the store holds when all has come to rest
 * @returns every flaw found, in words
 */
export function flawsOf (record: Recording, logs: Logs, { lossy = false, resets = [] }: Expected = {}): string[] {
  const flaws = [...record.flaws]
  const kept = new Map([...logs].map(([room, entries]) => [room, new Map(entries.map((entry) => [entry.id, entry]))]))

  for (const [room, entries] of logs) {
    let last: string | undefined
    for (const { id, prev } of entries) {
      if (last !== undefined && prev !== last) flaws.push(`a broken log: ${id} of ${room} says that it comes after ${prev}, and comes after ${last}`)
      if (!isLater(id, prev)) flaws.push(`another order: ${id} of ${room} comes after ${prev}`)
      last = id
    }
    const messages = entries.map(({ message }) => message).filter((message) => message !== undefined)
    if (new Set(messages).size < messages.length) {
      flaws.push(`stored twice in ${room}: ${messages.find((message, index) => messages.indexOf(message) < index)}`)
    }
  }

  for (const [room, events] of record.events) {
    const after = new Map<string, string>()
    for (const { id, prev } of events.values()) {
      const other = after.get(prev)
      if (other !== undefined && !lossy) flaws.push(`two orders: ${other} and ${id} of ${room} both come after ${prev}`)
      after.set(prev, id)
      if (!lossy && !kept.get(room)?.has(id)) flaws.push(`not kept: ${id} of ${room} was delivered, and is not in the log`)
    }
  }

  const acknowledged = new Map([...logs.keys()].map((room) => [room, [] as string[]]))
  for (const { room, message, id, unknown } of record.posts) {
    const log = kept.get(room)
    if (id === undefined) {
      const entry = unknown ? undefined : logs.get(room)?.find((each) => each.message === message)
      if (entry !== undefined) flaws.push(`stored all the same: ${message} was refused in ${room}, and is there as ${entry.id}`)
      continue
    }
    const entry = log?.get(id)
    if (entry !== undefined && entry.message !== message) flaws.push(`another event: ${id} of ${room} was acknowledged for ${message}, and is ${entry.message}`)
    if (entry === undefined && !lossy) flaws.push(`a lost acknowledgement: ${id} of ${room} is not in the log`)
    if (entry !== undefined) acknowledged.get(room)!.push(id)
  }

  for (const track of record.tracks) flaws.push(...flawsOfTrack(track, logs, acknowledged, resets))
  return flaws
}

function flawsOfTrack (track: Track, logs: Logs, acknowledged: Map<string, string[]>, resets: string[]): string[] {
  const flaws: string[] = []
  const fail = (what: string): void => { flaws.push(`${what} (${track.client})`) }
  const at = new Map<string, string>()
  /** Up to where nothing is owed: where it began, or a reset led it. */
  const since = new Map<string, string>()
  /** Rooms of which it was told that its cursor was not honoured, and not yet why. */
  const owed = new Set<string>()
  const received = new Map<string, Set<string>>()

  for (const item of track.items) {
    if (item.type === 'welcome') {
      for (const [room, id] of positionsOf(item.cursor)) {
        const last = at.get(room)
        if (last === undefined) {
          at.set(room, id)
          since.set(room, id)
          received.set(room, new Set())
        } else if (item.resumed[room] !== true) owed.add(room)
        else if (id !== last) fail(`a gap: was at ${last} of ${room}, came back with ${item.sent}, and was welcomed at ${id}`)
      }
    } else if (item.type === 'reset') {
      const { room, reason, from } = item
      if (!resets.includes(reason)) fail(`a reset: ${reason} in ${room}, from ${at.get(room)} to ${from}`)
      owed.delete(room)
      at.set(room, from)
      // What is lost lies before what it has had: all that is kept is still owed.
      if (reason !== 'lost' && isLater(from, since.get(room) ?? from)) since.set(room, from)
    } else if (item.type === 'event') {
      const { room, id } = item.event
      const flaw = flawOfStep(item.event, at.get(room), owed.has(room))
      if (flaw !== undefined) fail(flaw)
      at.set(room, id)
      received.get(room)?.add(id)
    }
  }
  for (const room of owed) fail(`not told: its cursor of ${room} was not honoured, and no reset came`)
  if (track.left) return flaws

  for (const [room, last] of at) {
    const head = logs.get(room)?.at(-1)?.id
    if (head !== undefined && last !== head) fail(`a stuck reader: is at ${last} of ${room}, which ends with ${head}`)
    const missing = (acknowledged.get(room) ?? []).filter((id) => isLater(id, since.get(room)!) && !received.get(room)!.has(id))
    if (missing[0] !== undefined) fail(`an acknowledged event was not delivered: ${missing[0]} of ${room}, and ${missing.length - 1} more`)
  }
  return flaws
}

function flawOfStep ({ room, id, prev }: Seen, last: string | undefined, untold: boolean): string | undefined {
  if (last === undefined) return `was given ${id} of ${room}, which it does not read`
  if (untold) return `not told: its cursor of ${room} was not honoured, and ${id} came without a reset`
  if (!isLater(id, last)) return `a duplicate, or another order: ${id} of ${room} came after ${last}`
  if (prev !== last) return `a gap: ${id} of ${room} comes after ${prev}, and came after ${last}`
  return undefined
}

function isLater (id: string, other: string): boolean {
  const [[ms, seq], [otherMs, otherSeq]] = [id, other].map((text) => text.split('-').map(Number)) as [[number, number], [number, number]]
  return ms === otherMs ? seq > otherSeq : ms > otherMs
}
