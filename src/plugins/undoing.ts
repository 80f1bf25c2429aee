import fp from 'fastify-plugin'
import { errors } from '../errors.js'
import type { Action } from './moderation-log.js'
import type { Session } from './sessions.js'

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
  /** @throws {errors.NotUndoable} by rejection @throws {EngineUnavailable} by rejection */
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
  undo: 'do again what was undone'
}

/** Undoing: what may do an action may undo it, and that is an action, too. */
export default fp(async (fastify) => {
  const { moderationLog } = fastify
  const undoers = new Map<string, Undoer>()

  fastify.decorate('undoing', {
    on: (type, undoer) => { undoers.set(type, undoer) },
    undo: async (action, session) => {
      const { id, type } = action
      const why = Object.hasOwn(OTHERWISE, type) ? OTHERWISE[type] : 'what it has done cannot be taken back'
      const takeBack = await (undoers.get(type)?.(action, session) ?? why!)
      if (typeof takeBack === 'string') throw new errors.NotUndoable(id, takeBack)
      const undo = await moderationLog.recordUndo(action, session.user)
      const failed = await takeBack(undo)
      if (failed !== undefined) throw new errors.NotUndoable(id, failed)
      return undo
    }
  })
}, { name: 'undoing', dependencies: ['moderation-log'] })
