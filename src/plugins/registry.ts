import fp from 'fastify-plugin'
import type { Notice } from '../chat/frame.js'
import { NameRegister } from '../chat/name-register.js'
import { NameRules } from '../chat/name-rules.js'
import { Presence, type Change } from '../chat/presence.js'
import { matchesRoom } from '../chat/rights.js'
import { SpokenNames } from '../chat/spoken-names.js'
import { Typing } from '../chat/typing.js'

declare module 'fastify' {
  interface FastifyInstance {
    registry: Presence
  }
}

/** ms over which joins and leaves are gathered into one notice. */
const GATHER_MS = 250

/** ms for which those whom a node has sent off last may be on their way to another. */
const LATE_MS = 3_000

/** The registry of who is online, and who types, which tells the readers of a room. */
export default fp(async (fastify) => {
  const { PRESENCE_GRACE, CROWD, RESERVED_NAMES } = fastify.config
  const { blockedWords, broadcaster, engine: { documents, nodes }, restrictions } = fastify

  const notice = (room: string, detail: object): Notice => {
    const count = registry.count(room)
    return { type: 'presence', at: new Date().toISOString(), room, count, ...(count <= CROWD && detail) }
  }
  const registry: Presence = new Presence({
    graceMs: PRESENCE_GRACE,
    gatherMs: GATHER_MS,
    names: new NameRegister({
      rules: new NameRules({ reserved: RESERVED_NAMES, blocked: blockedWords }),
      spoken: new SpokenNames(documents),
      claims: nodes?.names
    }),
    typing: new Typing({
      isRead: (room) => broadcaster.reads(room),
      isCrowd: (room, count) => Math.max(count, registry.count(room)) > CROWD,
      tell: (room, user, types) => nodes?.attendance.type(room, user, types),
      onChange: (room, who) => {
        const notice: Notice = { type: 'typing', at: new Date().toISOString(), room, ...who }
        broadcaster.announce(room, 'typing', { change: notice, whole: () => notice, standing: who.count > 0 })
      }
    }),
    nodes,
    onChange: (room: string, change: Change) => {
      const whole = (): Notice => notice(room, { members: registry.members(room) })
      // Who knew the count alone needs them all, once they are few enough again.
      const before = registry.count(room) - change.joined.length + change.left.length
      broadcaster.announce(room, 'presence', { change: before > CROWD ? whole() : notice(room, change), whole })
    }
  })
  fastify.decorate('registry', registry)
  broadcaster.onClose = (room) => registry.unwatch(room)
  broadcaster.onArrive = (room, items) => registry.typing.arrived(room, items)
  restrictions.onChange(({ room, user }, { turn }) => {
    if (user !== undefined && turn !== 'went') registry.typing.endWhere((name) => matchesRoom(room, name), user.id)
  })
  if (nodes !== undefined) {
    broadcaster.onOpen = (room) => registry.watch(room)
    await registry.begin()
    // After the broadcaster's: until the last stream is sent off, who is here is told as ever.
    fastify.addHook('preClose', () => nodes.attendance.leave(PRESENCE_GRACE + LATE_MS))
  }
  fastify.addHook('onClose', async () => registry.close())
}, { name: 'registry', dependencies: ['blocked-words', 'broadcaster', 'config', 'engine', 'restrictions'] })
