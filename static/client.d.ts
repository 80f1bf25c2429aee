/**
 * Opens a connection to a Hubbub server, and keeps it open: it comes back by itself, with no event missing and none twice.
 *
 *     const chat = connect({ url: 'https://chat.example.org', rooms: ['lobby'], history: 50 })
 *     chat.addEventListener('message', ({ detail }) => console.log(detail.user.name, detail.message))
 *     await chat.post('hi')
 *
 * Listeners that are added in the same turn miss nothing.
 * @throws {TypeError} where `url` is missing, and this module was not loaded from a server
 * @throws {RangeError} for more rooms than a stream can have, or more history than the server gives at once
 */
export function connect (options?: ConnectOptions): Client

export interface ConnectOptions {
  /** Where the server is, a path included; where this module was loaded from, if it is not said. A program must say it. */
  url?: string | URL
  /** What is read, 16 at most; the lobby alone, if it is not said. */
  rooms?: ReadonlyArray<string | ({ room: string } & ReadOptions)>
  /**
   * A token, or a function that gives one: asked when one is needed, and again before its `exp`. A function that rejects is asked again, as
   * a server that cannot be reached is; until it has given one, it is not known whose posts these are, and they are kept in memory only.
   * Without one we are a guest: by the cookie in a page of the server's own, by a token that is kept in `storage` elsewhere.
   */
  token?: string | (() => string | Promise<string>)
  /** Past events of each room that come first, 0 to 500; none, if it is not said. */
  history?: number
  /** Only reads: nobody sees us, and we are no guest. */
  lurk?: boolean
  /** Whether the tabs of a browser that are the same user share one stream; true, if it is not said. */
  share?: boolean
  /** Whether a cookie says who we are, where there is no token; in a page of the server's own, if it is not said. */
  cookies?: boolean
  /** Where what is not sent yet and a guest's token are kept: the browser's `localStorage`, and in a program only in memory, if it is not said. */
  storage?: ClientStorage
}

/** From where a room is read. */
export interface ReadOptions {
  /** Past events that come first, 0 to 500; as many as the client's `history` says, if it is not said. */
  history?: number
  /** Begins after this event instead. */
  after?: string
}

/** Each may throw, where nothing can be kept. */
export interface ClientStorage {
  getItem (key: string): string | null
  setItem (key: string, value: string): void
  removeItem (key: string): void
  keys (): string[]
}

/** How things are; `state` events bring the same. Times are Unix times in ms, by this machine's clock. */
export type ClientState =
  /** Nothing has answered yet, or it is tried again now. */
  | { state: 'connecting' }
  /** It is connected, and reads what it has missed. */
  | { state: 'catching-up', via: Via }
  /** It has everything there is, and what happens comes at once. */
  | { state: 'live', via: Via }
  | {
    state: 'offline'
    /**
     * - `offline`: the browser says so
     * - `unreachable`: nothing answers, or a proxy in the server's place
     * - `lost`: the connection has ended, or was silent for too long
     * - `restarting`: the server has said so
     * - `busy`: the server, or a proxy, asks to come back later
     * - `portal`: a page answers instead, as in a network that wants a login first
     */
    reason: 'offline' | 'unreachable' | 'lost' | 'restarting' | 'busy' | 'portal'
    /** When it is tried again; `reconnect()` tries at once. */
    retryAt: number
    /** For people, in English, where the server says more. */
    message?: string
  }
  /** Trying again is of no use: only `reconnect()` does. */
  | {
    state: 'refused'
    /** For people, in English. */
    message: string
    /** From the server's catalogue, such as `HUB_BANNED`; `bye-…` and the reason, where it has ended a stream for good. */
    code?: string
  }

/** By a stream; or by long polls, where something on the way holds a stream back. */
export type Via = 'stream' | 'poll'

export interface User {
  id: string
  name: string
  /** Six characters that stay when the name changes. */
  tag: string
  /** A program, by an API token. */
  bot?: true
}

/** One entry of a room's log. */
export interface ChatEvent {
  id: string
  /** The id before it in its room. */
  prev: string
  room: string
  /** `message`, one of the server's own such as `edit`, `delete` and `name`, or a program's own. */
  type: string
  user: User
  /** RFC 3339, in UTC; as are `edited` and `deleted`. */
  at: string
  message?: string
  replyTo?: string
  data?: Record<string, any>
  /** When its content was last changed. */
  edited?: string
  /** When its content was removed. */
  deleted?: string
}

/** Why an event comes: it was there before we came, it was missed meanwhile, or it happens now. */
export type Why = 'history' | 'missed' | 'live'

/** What is to be posted. */
export interface Draft {
  message?: string
  /** The first one that is read, if it is not said. */
  room?: string
  type?: string
  replyTo?: string
  data?: Record<string, unknown>
  /** By which the server stores it once, however often it is sent; a new one, if it is not said. */
  key?: string
}

/** A post that the log does not show yet. */
export interface Pending {
  key: string
  room: string
  draft: Omit<Draft, 'room' | 'key'>
  /** When it was written: Unix time in ms. */
  at: number
  /**
   * - `waiting`: for its turn, for the connection, or until `retryAt`
   * - `sending`: until the server has answered
   * - `sent`: stored, as the event `id`, which the stream is about to bring
   * - `failed`: for good. Those behind it in its room wait until it is sent by `retry()`, or taken away by `discard()`
   */
  state: 'waiting' | 'sending' | 'sent' | 'failed'
  /** When it was sent first, since when it may be stored: Unix time in ms. After 23 h it is `failed` (`may-have-arrived`), as the server knows its key for 24 h only. */
  tried?: number
  /** Of the event that it has become. */
  id?: string
  /** The stream has brought an event that it must be, though it was not answered: need not be shown any more. */
  told?: boolean
  /** Why the last attempt did not succeed. */
  failure?: { message: string, code?: string, status?: number }
  /** When it is sent again by itself: Unix time in ms. */
  retryAt?: number
}

/** What the server no longer has, or never had for us: between these times (Unix, in ms, by the server's clock) events may be missing. */
export interface Gap {
  from: number
  to: number
  reason: ResetReason
}

/** What has come of the time in which nothing was heard. It is told for each room, once, when everything is there. */
export interface Continuity {
  room: string
  /** When the server was heard last, and when everything was there: Unix times in ms, by this machine's clock. */
  since: number
  until: number
  /** Chat messages that were missed and have been told since. */
  messages: number
  /** Where something is missing for good; empty where nothing is. */
  gaps: Gap[]
}

export type ResetReason = 'trimmed' | 'lost' | 'unknown' | 'future' | 'malformed' | 'other-room'

/**
 * What comes next in the room does not follow what came before. After `future`, `malformed` and `other-room` it is another history: what
 * was read is no part of it, and it begins anew, with `history`.
 */
export interface Reset {
  room: string
  reason: ResetReason
  /** The id after which it goes on. */
  from: string
  /** When the last event before was stored: Unix time in ms, by the server's clock. */
  since?: number
}

export interface Presence {
  room: string
  count: number
  /** Missing in a crowd. */
  members?: User[]
  /** Who has come and gone since the last time, as far as it was told. */
  joined?: User[]
  left?: Array<Pick<User, 'id'>>
}

/** Who types in a room, ourselves included. */
export interface Typing {
  room: string
  count: number
  /** The first of them; missing in a crowd. */
  users?: User[]
}

/** By type of event, what its `detail` holds. */
export interface ClientEvents {
  /** Every event of a log, once and in order, also those that have an event of their own below. */
  event: { event: ChatEvent, why: Why }
  /** Those that are not deleted. */
  message: ChatEvent
  edit: ChatEvent
  delete: ChatEvent
  name: ChatEvent
  state: ClientState
  /** A room has for the first time been read as far as it goes. */
  ready: { room: string }
  /** We are somebody, somebody else, or have another name. */
  user: { user: User }
  presence: Presence
  typing: Typing
  reset: Reset
  continuity: Continuity
  /** What is on its way in a room has changed: all of it, oldest first. */
  outbox: { room: string, pending: Pending[] }
  /** A post is stored. */
  sent: { room: string, key: string, event: ChatEvent | { id: string, gone: true } }
}

export interface ClientEvent<Type extends keyof ClientEvents> extends Event {
  readonly type: Type
  readonly detail: ClientEvents[Type]
}

export type ClientListener<Type extends keyof ClientEvents> =
  | ((this: Client, event: ClientEvent<Type>) => void)
  | { handleEvent (event: ClientEvent<Type>): void }

interface ListenerOptions {
  once?: boolean
  passive?: boolean
  capture?: boolean
  signal?: AbortSignal
}

export interface Client {
  addEventListener<Type extends keyof ClientEvents> (type: Type, listener: ClientListener<Type> | null, options?: boolean | ListenerOptions): void
  removeEventListener<Type extends keyof ClientEvents> (type: Type, listener: ClientListener<Type> | null, options?: boolean | Pick<ListenerOptions, 'capture'>): void
  dispatchEvent (event: Event): boolean

  /** How things are. */
  readonly state: ClientState
  /** Who we are, when it is known; nobody where we lurk. */
  readonly user: User | undefined
  /** What is read. */
  readonly rooms: string[]
  /** What is on its way, oldest first. */
  readonly pending: Pending[]

  /**
   * Posts, also while offline: in each room one after the other, again and again under the same key until the server has answered.
   * @param draft a message for the first room, or more
   * @returns when it is stored; rejects where it is discarded, or where the client is closed before. Whoever follows `outbox` need not look at it
   */
  post (draft: string | Draft): Promise<ChatEvent | { id: string, gone: true }>
  /** Sends now what waits or has failed. */
  retry (key: string): void
  /** Takes back what is not sent. @returns undefined where it is too late for that */
  discard (key: string): Pending | undefined
  /** @returns the event as it is now @throws {RequestFailed} by rejection, as all that follow */
  edit (event: Pick<ChatEvent, 'room' | 'id'>, change: { message?: string, data?: Record<string, unknown> }): Promise<ChatEvent>
  /** @param query for moderators: `reason`, `hide` */
  delete (event: Pick<ChatEvent, 'room' | 'id'>, query?: Record<string, string>): Promise<any>
  /** @returns who we are now */
  setName (name: string): Promise<User>
  /** Older events, oldest first. */
  history (room: string, query?: { before?: string, after?: string, limit?: number }): Promise<{ events: ChatEvent[], floor: string, head: string }>
  /**
   * Anything else of the API, as whoever we are.
   * @param path relative to the server's address, such as `rooms/lobby`
   * @returns the answer's body
   */
  request<Answer = any> (method: string, path: string, body?: unknown, query?: Record<string, string | number>): Promise<Answer>
  /** Somebody presses keys, or, with false, does so no longer; it ends by itself after 5 s, and with a post. */
  typing (room: string, typing?: boolean): void
  /** Who is in a room, as far as is known. */
  presence (room: string): Omit<Presence, 'room' | 'joined' | 'left'>
  /** Reads another room, too. @throws {RangeError} where there are 16, and for more than 500 past events */
  join (room: string, options?: ReadOptions): void
  /** Reads it no longer. Where no room is left, we are still in the lobby for the others, as who names no room. */
  leave (room: string): void
  /** Tries again at once, also where it was refused. */
  reconnect (): void
  /** Ends it. Nothing is told any more, and what is not sent stays in `storage`. */
  close (): void
}

/** The server, or the way to it, said no. */
export class RequestFailed extends Error {
  constructor (message: string, about?: { status?: number, code?: string, retryAfter?: number, cause?: unknown })
  /** Of the answer; missing where there was none, or none that could be read. */
  readonly status: number | undefined
  /** From the server's catalogue, such as `HUB_MUTED`; missing where it was not the server that answered. */
  readonly code: string | undefined
  /** s after which it may be tried again. */
  readonly retryAfter: number | undefined
}
