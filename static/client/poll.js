import { failure } from './failure.js'
import { placesOf } from './ids.js'
import { RequestFailed } from './requests.js'

/** s for which a poll waits for an event. */
const WAIT_S = 25
/** ms beyond that until it is given up. */
const GRACE_MS = 10_000
/** ms between two looks at who is there, which polls do not tell. */
const LOOK_AROUND_MS = 30_000
/** ms until a stream is tried again, the first time; and at most. */
const STREAM_AGAIN_MS = 60_000
const STREAM_AGAIN_MOST_MS = 600_000

/**
 * Reads by long polls, where something on the way holds streams back; until a stream comes through after all, or nothing does.
 * @param {object} link the connection that it is a part of
 * @returns {Promise<object>} as an attempt to stream ends
 */
export async function poll ({ requests, credentials, lurk, where, begin, opened, heard, give, goesOn, stream }) {
  let streamAgainMs = STREAM_AGAIN_MS
  let streamAt = Date.now() + streamAgainMs
  let lookAt = 0
  let cursor
  let welcomed = false
  while (goesOn()) {
    try {
      if (welcomed && Date.now() >= streamAt) {
        const outcome = await stream()
        if (!outcome.heldBack && (outcome.welcomed || outcome.final)) return outcome
        streamAgainMs = Math.min(2 * streamAgainMs, STREAM_AGAIN_MOST_MS)
        streamAt = Date.now() + streamAgainMs
        continue
      }
      const signal = begin((welcomed ? WAIT_S * 1_000 : 0) + GRACE_MS)
      const ask = (path, query) => requests.json('GET', path, { query, signal })
      const me = welcomed || lurk ? {} : await ask('users/me')
      credentials.take(me.token)
      const { rooms, cursor: own } = where()
      const query = new URLSearchParams(rooms.map((room) => ['room', room]))
      query.set('wait', welcomed ? WAIT_S : 0)
      if (lurk) query.set('lurk', '1')
      if ((cursor ?? own) !== undefined) query.set('last_event_id', cursor ?? own)
      const answer = await ask('events', query)
      heard()
      ;({ cursor } = answer)
      if (!welcomed) {
        welcomed = true
        const heads = placesOf(cursor)
        opened()
        give({ type: 'welcome', data: { ...(me.user !== undefined && { user: me.user }), rooms: rooms.map((room) => ({ room, head: heads.get(room) })) } })
      }
      for (const reset of answer.reset ?? []) give({ type: 'reset', data: reset })
      for (const event of answer.events) give({ type: event.type, data: event })
      if (Date.now() >= lookAt) {
        lookAt = Date.now() + LOOK_AROUND_MS
        for (const room of rooms) {
          const { users, count } = await ask('users', new URLSearchParams({ room }))
          give({ type: 'presence', data: { room, count, members: users } })
        }
      }
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error
      return { welcomed, ...failure(error) }
    }
  }
  return { welcomed, reason: 'lost' }
}
