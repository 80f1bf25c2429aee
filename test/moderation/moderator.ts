import { call, type Answer } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'

/** What moderators do, by requests. */

export const MODERATED = { JWT_SECRET: SECRET }

type Headers = Record<string, string>

/** A moderator of rooms, whose token another application has signed. */
export function moderator (rooms: string | string[] = '*', sub = 'm'): Promise<Headers> {
  return bearer({ sub, name: `Moderator ${sub}`, rooms: { moderate: [rooms].flat() } })
}

export interface Moderation {
  ban (body: object): Promise<Answer>
  mute (body: object): Promise<Answer>
  clear (body: object): Promise<Answer>
  undo (id: string): Promise<Answer>
  log (query?: string): Promise<any[]>
  restrictions (query?: string): Promise<any[]>
  set (room: string, body: object): Promise<Answer>
  remove (event: { room: string, id: string }, query?: string): Promise<Answer>
}

/** A moderator at work. */
export function moderation (url: string, headers: Headers): Moderation {
  const post = (path: string, body?: object): Promise<Answer> => call(`${url}/moderation/${path}`, { method: 'POST', headers, ...(body !== undefined && { body }) })
  return {
    ban: (body) => post('bans', body),
    mute: (body) => post('mutes', body),
    clear: (body) => post('clears', body),
    undo: (id) => post(`log/${id}/undo`),
    log: async (query = '') => (await call(`${url}/moderation/log${query}`, { headers })).body.actions,
    restrictions: async (query = '') => (await call(`${url}/moderation/restrictions${query}`, { headers })).body.restrictions,
    set: (room, body) => call(`${url}/rooms/${room}`, { method: 'PATCH', headers, body }),
    remove: ({ room, id }, query = '') => call(`${url}/rooms/${room}/events/${id}${query}`, { method: 'DELETE', headers })
  }
}
