import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type, type Static } from '@sinclair/typebox'
import type { User } from '../chat/event.js'
import { compareIds } from '../chat/id.js'
import { matchesRoom } from '../chat/rights.js'
import { durationWithin } from '../duration.js'
import { errors } from '../errors.js'
import { Reason, lineOf } from '../line.js'
import { ofAddress, type Wish as BanWish } from '../plugins/bans.js'
import type { KnownUser } from '../plugins/known-users.js'
import type { Restriction } from '../plugins/restrictions.js'
import type { Session } from '../plugins/sessions.js'
import { ActionAnswer, DurationText, EventIdText, Key, Named, NoQuery, RoomName, UserView, actionOf, failures } from '../schemas.js'

const LONGEST_MS = 3_650 * 24 * 60 * 60 * 1000
/** ms for which an address is restricted, unless told. */
const ADDRESS_MS = 60 * 60 * 1000

const Body = Type.Object({
  ...Named,
  room: Type.Optional({ ...RoomName, description: 'where; everywhere if not given, which is for whoever moderates every room' } as typeof RoomName),
  for: Type.Optional({ ...DurationText, description: 'for how long; until somebody lifts it if not given' } as typeof DurationText),
  reason: Type.Optional(Reason),
  address: Type.Optional(Type.Union([Type.Boolean(), DurationText], {
    description: 'whether guests who come from now on from where the user is, or was last, are restricted, too, for an hour or a time given here; in a ban of a guest they are unless told'
  })),
  confirm: Type.Optional(Type.Literal(true, { description: 'though others are online behind that address' })),
  key: Type.Optional(Key)
}, { additionalProperties: false })
type Body = Static<typeof Body>

const RestrictionView = Type.Object({
  id: Type.String({ description: 'of the action that made it: undoing that lifts it' }),
  kind: Type.Union([Type.Literal('ban'), Type.Literal('mute')]),
  room: Type.String({ description: 'a room, or `*`' }),
  user: Type.Optional(UserView),
  address: Type.Optional(Type.Object({ until: Type.String() }, { description: 'guests who have come from the user\'s addresses since are restricted, too' })),
  reason: Type.Optional(Type.String()),
  by: UserView,
  at: Type.String(),
  until: Type.Optional(Type.String({ description: 'until somebody lifts it, if not given' }))
})

const route: FastifyPluginAsyncTypebox = async (fastify) => {
  const { access, bans, config: { ADDRESS_AGE }, places, restrictions, sessions, whom } = fastify

  for (const [kind, path, summary] of [
    ['ban', '/moderation/bans', 'Ban somebody: open streams end, and there is no way back in while it lasts'],
    ['mute', '/moderation/mutes', 'Mute somebody: to read is all that is left']
  ] as const) {
    fastify.post(path, {
      schema: {
        tags: ['moderation'],
        summary,
        description: `From a room that you moderate, or from all. Where others are online behind an address that is to be restricted, it is answered with 409, and how many they are, until \`confirm\` is sent.`,
        querystring: NoQuery,
        body: Body,
        response: { 201: ActionAnswer, 200: { ...ActionAnswer, description: 'done before, under the same key' }, ...failures(400, 401, 403, 404, 409, 413, 415, 421, 429, 503) }
      }
    }, async (request, reply) => {
      const session = await sessions.need(request, reply)
      const { body } = request
      const { room = '*', key } = body
      const reason = lineOf('reason', body.reason)
      const ms = body.for === undefined ? undefined : durationWithin(LONGEST_MS, 'for', body.for)
      access.checkModerator(session, room, request)
      const known = await whom(body, session, request)
      checkRank(session, known, room)
      const address = await addressOf(kind, body, known, ms)
      const { confirm: _confirmed, key: _key, ...wish } = body
      const { action, repeated } = await bans.impose(kind, session, {
        room,
        user: known.user,
        ...(reason !== undefined && { reason }),
        ...(ms !== undefined && { ms }),
        ...(address !== undefined && { address }),
        ...(key !== undefined && { once: { key, wish } })
      })
      return reply.code(repeated ? 200 : 201).send({ action: actionOf(action) })
    })
  }

  fastify.get('/moderation/restrictions', {
    schema: {
      tags: ['moderation'],
      summary: 'The bans and mutes that hold, in rooms that you moderate',
      description: 'Oldest first. Those of every room are for whoever moderates every room.',
      querystring: Type.Object({
        room: Type.Optional({ ...RoomName, description: 'only those that hold in this room' } as typeof RoomName),
        after: Type.Optional(EventIdText),
        limit: Type.Integer({ minimum: 1, maximum: 500, default: 100 })
      }, { additionalProperties: false }),
      response: { 200: Type.Object({ restrictions: Type.Array(RestrictionView) }), ...failures(400, 401, 403, 404, 421, 429, 503) }
    }
  }, async (request, reply) => {
    const session = await sessions.need(request, reply)
    const { room, after, limit } = request.query
    if (room !== undefined) access.checkModerator(session, room, request)
    const held = new Map<string, Restriction>()
    for (const [id, restriction] of restrictions.entries()) {
      if ((room === undefined || matchesRoom(restriction.room, room)) && access.moderates(session, { moderate: [restriction.room] })) held.set(id, restriction)
    }
    const ids = [...new Set([...held.keys()].map(actionIdOf))].filter((id) => after === undefined || compareIds(id, after) > 0).sort(compareIds)
    return { restrictions: ids.slice(0, limit).map((id) => viewOf(id, held.get(id), held.get(ofAddress(id)))) }
  })

  /** @throws {errors.Forbidden} */
  function checkRank (session: Session, { user, grants }: KnownUser, room: string): void {
    if (user.id === session.user.id) throw new errors.Forbidden('restrict yourself')
    if (!access.outranks(session, grants, room)) throw new errors.Forbidden('restrict somebody who moderates as much as you do')
  }

  /**
   * Whether guests from the user's addresses are restricted, too.
   * @throws {errors.ConfirmAddress} by rejection
   */
  async function addressOf (kind: Restriction['kind'], { address: wish, confirm }: Body, known: KnownUser, longest = Infinity): Promise<BanWish['address']> {
    if (wish === false || (wish === undefined && (kind === 'mute' || !known.guest))) return undefined
    const hashes = await known.addresses()
    if (hashes.length === 0) {
      if (wish === undefined) return undefined
      throw new errors.InvalidBody('"address" cannot be: from where this user came is not kept (any more). Leave it out')
    }
    const ms = typeof wish === 'string' ? durationWithin(ADDRESS_AGE, 'address', wish) : Math.min(longest, ADDRESS_MS)
    const others = confirm === true ? 0 : await othersBehind(hashes, known.user)
    if (others === 0) return { ms, hashes }
    const until = new Date(Date.now() + ms).toISOString()
    throw new errors.ConfirmAddress(`${others} ${others === 1 ? 'user' : 'users'}, and until ${until} nobody new ${kind === 'ban' ? 'gets in' : 'can speak'} from there`)
  }

  /** How many are online behind some addresses, but for a user. */
  async function othersBehind (hashes: readonly string[], { id }: User): Promise<number> {
    const behind = new Set<string>()
    for (const users of await Promise.all(hashes.map((hash) => places.behind(hash)))) for (const userId of users) behind.add(userId)
    behind.delete(id)
    return behind.size
  }
}

export default route

/** A restriction's id is that of the action that made it, or begins with it. */
function actionIdOf (id: string): string {
  return id.split('.', 1)[0]!
}

function viewOf (id: string, own: Restriction | undefined, ofAddress: Restriction | undefined): Static<typeof RestrictionView> {
  const { kind, room, user, reason, by, at, until } = (own ?? ofAddress)!
  return {
    id,
    kind,
    room,
    ...(user !== undefined && { user }),
    ...(ofAddress?.until !== undefined && { address: { until: ofAddress.until } }),
    ...(reason !== '' && { reason }),
    by,
    at,
    ...(until !== undefined && { until })
  }
}
