import fp from 'fastify-plugin'
import { errors } from '../errors.js'
import type { Action } from './moderation-log.js'
import { OPERATOR, type Session } from './sessions.js'

/** Takes back what an action has done. @returns undefined where it has, in words why not otherwise */
export type TakeBack = (undo: Action) => Promise<string | undefined>

/**
 * Looks whether an action can be undone, which is so as long as there is something of it to be taken back.
 * @returns how, or in words why not
 * @throws from the catalogue, by rejection, where this caller may not
 */
export type Undoer = (action: Action, session: Session) => Promise<TakeBack | string>

export interface Undoing {
  /** How actions of a type are undone. */
  on (type: string, undoer: Undoer): void
  /** @throws {errors.NotUndoable} {errors.Forbidden} by rejection @throws {EngineUnavailable} by rejection */
  undo (action: Action, session: Session): Promise<Action>
}

declare module 'fastify' {
  interface FastifyInstance {
    undoing: Undoing
  }
}

/** What is done about actions that are undone otherwise. */
const OTHERWISE: Record<string, string> = {
  token: 'DELETE /tokens/<id> takes an API token back',
  invite: 'DELETE /invites/<id> takes an invitation back',
  settle: 'what is settled can be reported again, by others',
  undo: 'do again what was undone'
}

/** Undoing: who may do an action may undo it, unless whoever has done it moderates further. That is an action, too. */
export default fp(async (fastify) => {
  const { access, moderationLog } = fastify
  const undoers = new Map<string, Undoer>()

  fastify.decorate('undoing', {
    on: (type, undoer) => { undoers.set(type, undoer) },
    undo: async (action, session) => {
      const { id, type, user: by, data: { room = '*' } } = action
      const reach = by.id === OPERATOR.id ? '*' : action.data['reach']
      if (typeof reach === 'string' && by.id !== session.user.id && !access.reaches(session, reach, room as string)) {
        throw new errors.Forbidden('undo what somebody has done who moderates further than you do')
      }
      const why = Object.hasOwn(OTHERWISE, type) ? OTHERWISE[type] : 'what it has done cannot be taken back'
      const takeBack = await (undoers.get(type)?.(action, session) ?? why!)
      if (typeof takeBack === 'string') throw new errors.NotUndoable(id, takeBack)
      const undo = await moderationLog.recordUndo(action, session.user)
      const failed = await takeBack(undo)
      if (failed !== undefined) throw new errors.NotUndoable(id, failed)
      return undo
    }
  })
}, { name: 'undoing', dependencies: ['access', 'moderation-log'] })
