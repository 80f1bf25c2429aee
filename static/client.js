import { Absence } from './client/absence.js'
import { Credentials } from './client/credentials.js'
import { compareIds } from './client/ids.js'
import { Link } from './client/link.js'
import { Outbox, newKey } from './client/outbox.js'
import { Presence } from './client/presence.js'
import { RequestFailed, Requests } from './client/requests.js'
import { RoomReader } from './client/room-reader.js'
import { openStorage } from './client/storage.js'
import { Tabs, claim } from './client/tabs.js'
import { Backoff, Wait } from './client/wait.js'

export { RequestFailed }

/** Rooms of one stream, and past events of a room to begin with, at most. */
const MAX_ROOMS = 16
const MAX_HISTORY = 500
/** ms in which changes of what is to be read are gathered into one. */
const GATHER_MS = 50
/** ms between two words of somebody's typing, and without another key after which it has ended. */
const TYPING_MS = 3_000
const TYPED_MS = 5_000
/** ms that a hidden tab without company keeps its stream. */
const HIDDEN_MS = 10_000
/** ms after which a tab that has gone, and is not there again as after a reload, leaves its posts to others, and its rooms. */
const ORPHANED_MS = 5_000
/** Types of events that have listeners of their own, beside `event`. */
const TYPES = new Set(['message', 'edit', 'delete', 'name'])

/**
 * Opens a connection to a Hubbub server, and keeps it open. What it tells, and how to ask for it, is in client.d.ts.
 * @param {import('./client.d.ts').ConnectOptions} [options]
 * @returns {Client}
 */
export function connect (options) {
  return new Client(options)
}

class Client extends EventTarget {
  #base
  #credentials
  #requests
  #link
  #outbox
  #tabs
  #tabId
  #keep
  /** Names what is kept of this user. */
  #prefix
  /** Gives back this tab's name for what it keeps. */
  #giveBack = () => {}
  #orphaned
  #wait = new Wait()
  #lurk
  #history
  /** @type {Map<string, RoomReader>} */
  #readers = new Map()
  /** @type {Presence} */
  #presence
  /** Of whichever tab has the connection. */
  #linkState = { state: 'connecting' }
  #absence = new Absence()
  /** Unix time in ms at which this tab last heard of the server. */
  #heard
  /** Whether it is known of the open connection where each room stands. */
  #welcomed = false
  #closed = false
  #gathering
  #typing = new Map()
  #stopLooking = () => {}
  /** @type {import('./client.d.ts').ClientState} */
  state = { state: 'connecting' }
  /** @type {import('./client.d.ts').User | undefined} */
  user

  constructor ({ url, rooms = ['lobby'], token, history = 0, lurk = false, share = true, cookies, storage } = {}) {
    super()
    this.#base = baseOf(url)
    const wanted = new Map(rooms.map((wish) => typeof wish === 'string' ? [wish, {}] : [wish.room, wish]))
    checkCount(wanted.size)
    for (const how of wanted.values()) checkHistory(how.history ?? history)
    this.#lurk = lurk
    this.#history = history
    // A program's own storage would be that of all programs.
    const keep = this.#keep = openStorage(() => storage ?? (globalThis.document && globalThis.localStorage))
    const ours = globalThis.document !== undefined && this.#base.origin === location.origin
    this.#credentials = new Credentials({ token, cookies: cookies ?? ours, keep, slot: `hubbub token ${this.#base}` })
    this.#credentials.onRenewed = () => this.#link.reopen(true)
    this.#requests = new Requests(this.#base, this.#credentials)
    this.#presence = new Presence(this.#requests, (room, change) => { if (this.#readers.has(room)) this.#tell('presence', { room, ...this.presence(room), ...change }) })
    this.#outbox = new Outbox({
      requests: this.#requests,
      credentials: this.#credentials,
      keep,
      onChange: (room) => this.#tell('outbox', { room, pending: this.#outbox.pending(room) }),
      onSessionEnded: () => this.#sessionEnded()
    })
    this.#outbox.onSent = ({ room, key }, event) => {
      this.#tell('sent', { room, key, event })
      // Nobody brings the event where the room is not read.
      this.#outbox.reached(room, this.#readers.has(room) ? this.#readers.get(room).last ?? '0-0' : event.id)
    }
    this.#link = new Link({
      requests: this.#requests,
      credentials: this.#credentials,
      lurk,
      where: () => this.#where(),
      onItem: (item) => this.#share({ kind: 'item', item }, () => this.#take(item)),
      onState: (state) => {
        if (mayBeForRooms(state) && this.#sendOff()) this.#link.reopen()
        else this.#share({ kind: 'state', state }, () => this.#linked(state))
      }
    })
    for (const [room, how] of wanted) this.#read(room, how)
    // Whoever has called this has listeners to add first.
    queueMicrotask(() => this.#open(share))
  }

  get rooms () {
    return [...this.#readers.keys()]
  }

  get pending () {
    return this.#outbox.pending()
  }

  post (draft) {
    const { room = this.rooms[0] ?? 'lobby', key = newKey(), ...rest } = typeof draft === 'string' ? { message: draft } : draft
    if (this.#closed || (this.#lurk && !this.#credentials.known)) return refusal(this.#closed ? 'The client is closed.' : 'Who lurks without a token cannot post.')
    // The server takes a post for the end of it.
    clearTimeout(this.#typing.get(room)?.timer)
    this.#typing.delete(room)
    return this.#outbox.post(room, rest, key)
  }

  retry (key) {
    this.#outbox.retry(key)
  }

  discard (key) {
    return this.#outbox.discard(key)
  }

  async edit ({ room, id }, change) {
    return (await this.request('PATCH', `rooms/${room}/events/${id}`, change)).event
  }

  async delete ({ room, id }, query) {
    return this.request('DELETE', `rooms/${room}/events/${id}`, undefined, query)
  }

  async setName (name) {
    const { user, token } = await this.request('PATCH', 'users/me', { name })
    this.#credentials.take(token)
    this.#setUser(user)
    this.#tabs?.tell({ kind: 'user', user, token })
    return user
  }

  history (room, query) {
    return this.request('GET', `rooms/${room}/events`, undefined, query)
  }

  async request (method, path, body, query) {
    try {
      return await this.#requests.json(method, path, { body, ...(query !== undefined && { query: new URLSearchParams(query) }) })
    } catch (failure) {
      if (failure.status === 401) this.#sessionEnded()
      throw failure
    }
  }

  typing (room, typing = true) {
    const before = this.#typing.get(room)
    if (this.#lurk || this.#closed || (before === undefined && !typing)) return
    clearTimeout(before?.timer)
    const now = Date.now()
    const due = before === undefined || !typing || now - before.said >= TYPING_MS
    if (due && this.#linkState.state === 'open' && this.#credentials.known) {
      // Nobody misses it; but a session that has ended is not to end unseen.
      this.#requests.json('POST', `rooms/${room}/typing`, { body: { typing } }).catch(({ status }) => { if (status === 401) this.#sessionEnded() })
    }
    if (!typing) return void this.#typing.delete(room)
    const timer = setTimeout(() => this.typing(room, false), TYPED_MS)
    this.#typing.set(room, { said: due ? now : before.said, timer })
  }

  presence (room) {
    return this.#presence.of(room)
  }

  join (room, how = {}) {
    if (this.#closed || this.#readers.has(room)) return
    checkCount(this.#readers.size + 1)
    checkHistory(how.history ?? this.#history)
    this.#read(room, how)
    this.#roomsChanged()
  }

  leave (room) {
    const reader = this.#readers.get(room)
    if (reader === undefined) return
    this.typing(room, false)
    reader.close()
    this.#readers.delete(room)
    this.#presence.forget(room)
    this.#outbox.reached(room)
    this.#roomsChanged()
    this.#settled()
  }

  reconnect () {
    this.#wait.end()
    if (this.#streams) this.#link.reopen()
    else this.#tabs.tell({ kind: 'reconnect' })
  }

  close () {
    if (this.#closed) return
    for (const room of this.#typing.keys()) this.typing(room, false)
    this.#closed = true
    for (const reader of this.#readers.values()) reader.close()
    clearTimeout(this.#gathering)
    clearTimeout(this.#orphaned)
    this.#wait.end()
    this.#stopLooking()
    this.#tabs?.close()
    this.#link.stop()
    this.#outbox.close()
    this.#requests.close()
    this.#credentials.close()
    this.#giveBack()
  }

  async #open (share) {
    const scope = await this.#scope()
    if (this.#closed) return
    this.#prefix = `hubbub outbox ${this.#base} ${scope} `
    this.#tabId = tabId()
    const locks = await Tabs.possible()
    // A copy of a tab has its id, too.
    if (locks && !await this.#claim()) {
      this.#tabId = tabId(newKey())
      await this.#claim()
    }
    if (this.#closed) return this.#giveBack()
    this.#outbox.open(this.#prefix + this.#tabId)
    if (locks) {
      this.#adoptOrphans()
      this.#tidyLater()
    }
    if (locks && share) {
      this.#tabs = new Tabs({
        name: `${this.#base} ${this.#lurk ? 'lurk ' : ''}${scope}`,
        id: this.#tabId,
        rooms: () => this.rooms,
        onLead: () => this.#lead(),
        onFollow: () => {
          this.#link.stop()
          // How things are, the one that leads tells now.
          this.#linked({ state: 'connecting' })
        },
        onPing: () => this.#link.punctual(),
        onMessage: (message) => this.#hear(message)
      })
    }
    this.#stopLooking = onLook({
      look: () => {
        this.#link.look()
        if (this.#tabs === undefined) this.#link.start()
      },
      network: () => {
        if (this.#tabs === undefined || this.#tabs.leading) this.#link.reopen()
        else this.#tabs.tell({ kind: 'look' })
      },
      hidden: () => {
        if (this.#tabs !== undefined) return
        this.#link.stop()
        // When somebody looks.
        this.#linked({ state: 'connecting' })
      }
    })
  }

  /** Who we are, as soon as it is known. */
  async #scope () {
    for (const backoff = new Backoff({ least: 1_000, most: 30_000 }); !this.#closed;) {
      try {
        return await this.#credentials.scope()
      } catch {
        if (this.#closed) return
        const wait = backoff.next()
        this.#linked({ state: 'offline', reason: 'unreachable', retryAt: Date.now() + wait })
        await this.#wait.for(wait)
      }
    }
  }

  async #claim () {
    const giveBack = await claim(this.#prefix + this.#tabId)
    this.#giveBack = giveBack ?? (() => {})
    return giveBack !== undefined
  }

  /** Posts of tabs that are no more. */
  async #adoptOrphans () {
    for (const slot of this.#keep.keys()) {
      if (!slot.startsWith(this.#prefix) || slot === this.#prefix + this.#tabId) continue
      const giveBack = await claim(slot)
      if (giveBack !== undefined && !this.#closed) this.#outbox.adopt(slot)
      giveBack?.()
    }
  }

  /** After what tabs have left, which is nothing where they are only loaded again. */
  #tidyLater () {
    clearTimeout(this.#orphaned)
    if (this.#closed) return
    this.#orphaned = setTimeout(() => {
      this.#adoptOrphans()
      // Nobody is to be seen where no tab reads any more.
      const { rooms } = this.#where()
      if (this.#linkState.state === 'open' && this.#streamed.some((room) => !rooms.includes(room))) this.#readAnew()
    }, ORPHANED_MS)
  }

  /** Whether this tab has the connection. */
  get #streams () {
    return this.#tabs === undefined || this.#tabs.leading
  }

  #lead () {
    const start = () => { if (this.#streams && !this.#closed) this.#link.start() }
    // Those who followed the one before say what they read.
    if (this.#linkState.state === 'connecting') start()
    else setTimeout(start, GATHER_MS)
  }

  /**
   * Lets those tabs stream by themselves that read something else: what the server has refused may be theirs, or not be.
   * @returns {boolean} whether there are any
   */
  #sendOff () {
    const others = [...this.#tabs?.others ?? []].filter(([, rooms]) => this.#differs(rooms))
    for (const [tab] of others) this.#sendAway(tab)
    return others.length > 0
  }

  #differs (rooms) {
    return rooms.length !== this.#readers.size || rooms.some((room) => !this.#readers.has(room))
  }

  #sendAway (tab) {
    this.#tabs.others.delete(tab)
    this.#tabs.tell({ kind: 'alone', to: tab })
  }

  #goAlone () {
    this.#tabs.close()
    this.#tabs = undefined
    if (document.visibilityState !== 'hidden') this.#link.start()
    else this.#linked({ state: 'connecting' })
  }

  #read (room, { after, history = this.#history }) {
    let ready = false
    this.#readers.set(room, new RoomReader({
      room,
      after,
      history,
      requests: this.#requests,
      onEvent: (event, why) => this.#event(event, why),
      onReset: (reset) => this.#reset(reset),
      onSettled: () => {
        if (!ready) this.#tell('ready', { room })
        ready = true
        this.#settled()
      }
    }))
  }

  #where () {
    const rooms = this.#tabs?.allRooms ?? this.rooms
    // What only other tabs read goes on from where they were told.
    const places = rooms.flatMap((room) => {
      const last = this.#readers.has(room) ? this.#readers.get(room).last : this.#heads.get(room)
      return last === undefined ? [] : `${room}:${last}`
    })
    return { rooms, cursor: places.length === 0 ? undefined : places.sort().join(',') }
  }

  #roomsChanged () {
    this.#tabs?.roomsChanged()
    if (this.#streams) this.#readAnew()
  }

  /** The stream is to be of other rooms. */
  #readAnew () {
    clearTimeout(this.#gathering)
    this.#gathering = setTimeout(() => { if (this.#streams) this.#link.reopen(true) }, GATHER_MS)
  }

  #share (message, take) {
    if (this.#tabs?.leading) this.#tabs.tell(message)
    take()
  }

  #hear ({ kind, item, state, about, user, token, from, rooms }) {
    if (kind === 'item') this.#take(item)
    else if (kind === 'state') this.#linked(state)
    else if (kind === 'about') this.#learn(about)
    else if (kind === 'hello' || kind === 'rooms') this.#welcomeTab(from, rooms)
    if (kind === 'rooms' || kind === 'gone') this.#tidyLater()
    else if (kind === 'alone') this.#goAlone()
    else if (kind === 'reconnect' && this.#streams) this.#link.reopen()
    else if (kind === 'look' && this.#streams) this.#link.look()
    else if (kind === 'user') {
      this.#credentials.take(token)
      this.#setUser(user)
    }
  }

  /** Another tab has come, or reads something else. */
  #welcomeTab (tab, rooms) {
    const { state } = this.#linkState
    if (this.#tabs.allRooms.length > MAX_ROOMS || (mayBeForRooms(this.#linkState) && this.#differs(rooms))) return this.#sendAway(tab)
    const about = {
      user: this.user,
      token: this.#credentials.guestToken,
      state: this.#linkState,
      // What came before is not told again.
      rooms: this.#streamed.map((room) => ({ room, head: this.#heads.get(room), resumed: false, ...this.presence(room) }))
    }
    this.#tabs.tell({ kind: 'about', to: tab, about })
    if (state === 'open') this.#readAllRooms()
  }

  /** Reads anew where the stream is not of all rooms. */
  #readAllRooms () {
    if (this.#streams && this.#where().rooms.some((room) => !this.#streamed.includes(room))) this.#readAnew()
  }

  /** Rooms of the stream that is open, and their newest events as far as this tab has heard. */
  #streamed = []
  #heads = new Map()

  /** How things are, where another tab has the stream. */
  #learn ({ state, ...welcome }) {
    this.#linked(state)
    if (state.state === 'open') this.#welcome(welcome)
  }

  #take ({ type, data }) {
    this.#heard = Date.now()
    if (type === 'welcome') return this.#welcome(data)
    if (type === 'presence') return void this.#presence.take(data)
    if (type === 'typing') return this.#tell('typing', data)
    if (type === 'reset') {
      this.#heads.set(data.room, data.from)
      return this.#readers.get(data.room)?.reset(data)
    }
    if (data.prev === undefined) return
    this.#heads.set(data.room, data.id)
    this.#readers.get(data.room)?.take(data)
  }

  #welcome ({ user, token, rooms }) {
    // Not before each room knows what there is: one that is read already would be taken for all.
    this.#welcomed = false
    this.#streamed = rooms.map(({ room }) => room)
    for (const room of this.#heads.keys()) if (!this.#streamed.includes(room)) this.#heads.delete(room)
    this.#credentials.take(token)
    if (user !== undefined) this.#setUser(user)
    for (const { room, head, resumed, count, members } of rooms) {
      this.#heads.set(room, head)
      if (count !== undefined) this.#presence.take({ room, count, members, whole: true })
      const reader = this.#readers.get(room)
      reader?.welcome(head, resumed !== false)
      // Where it begins with what comes next, nothing brings what was posted before.
      if (reader?.last !== undefined) this.#outbox.reached(room, reader.last)
    }
    this.#welcomed = true
    for (const reader of this.#readers.values()) reader.retry()
    this.#outbox.wake()
    this.#settled()
    this.#readAllRooms()
  }

  #event (event, why) {
    if (why === 'missed') this.#absence.missed(event)
    if (event.type === 'name' && event.deleted === undefined && why !== 'history') this.#renamed(event)
    this.#tell('event', { event, why })
    const type = event.deleted === undefined ? event.type : 'deleted'
    if (TYPES.has(type)) this.#tell(type, event)
    this.#outbox.reached(event.room, event.id)
    if (event.user.id === this.user?.id) this.#outbox.arrived(event)
  }

  #reset (reset) {
    this.#absence.gap(reset)
    this.#tell('reset', reset)
  }

  #renamed ({ room, user }) {
    this.#presence.rename(room, user)
    if (user.id === this.user?.id) this.#setUser(user)
  }

  #setUser (user) {
    if (user.id === this.user?.id && user.name === this.user.name) return
    this.user = user
    this.#tell('user', { user })
  }

  #sessionEnded () {
    if (this.#streams) this.#link.reopen()
    else this.#tabs.tell({ kind: 'reconnect' })
  }

  /** @param {import('./client/link.js').LinkState} state */
  #linked (state) {
    const opened = state.state === 'open' && this.#linkState.state !== 'open'
    this.#linkState = state
    const since = state.heard ?? this.#heard
    if (state.state !== 'open' && since !== undefined) this.#absence.begin(since)
    if (state.state !== 'open' || opened) this.#welcomed = false
    if (state.state === 'open') {
      if (opened) this.#setState({ state: 'catching-up', via: state.via })
      this.#settled()
    } else {
      const { heard, ...rest } = state
      this.#setState(rest)
    }
  }

  /** Says so where everything has been read that there is. */
  #settled () {
    const { state, via } = this.#linkState
    if (state !== 'open' || !this.#welcomed || ![...this.#readers.values()].every(({ settled }) => settled)) return
    for (const continuity of this.#absence.end(this.rooms)) this.#tell('continuity', continuity)
    this.#setState({ state: 'live', via })
  }

  #setState (state) {
    if (JSON.stringify(state) === JSON.stringify(this.state)) return
    this.state = state
    this.#tell('state', state)
  }

  #tell (type, detail) {
    if (!this.#closed) this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

/** Calls back where somebody looks at the page again, or the network has changed. @returns {() => void} to hear of it no longer */
function onLook ({ look, network, hidden }) {
  if (globalThis.document === undefined) {
    look()
    return () => {}
  }
  let hiding
  const seen = () => {
    clearTimeout(hiding)
    if (document.visibilityState === 'hidden') hiding = setTimeout(hidden, HIDDEN_MS)
    else look()
  }
  seen()
  document.addEventListener('visibilitychange', seen)
  addEventListener('pageshow', seen)
  addEventListener('online', network)
  // What the browser calls offline may still reach a server on this machine or network: an attempt tells.
  addEventListener('offline', network)
  return () => {
    clearTimeout(hiding)
    document.removeEventListener('visibilitychange', seen)
    removeEventListener('pageshow', seen)
    removeEventListener('online', network)
    removeEventListener('offline', network)
  }
}

/** Whether the server has refused us, perhaps for one of the rooms, and not for who we are. */
function mayBeForRooms ({ state, code = '' }) {
  return state === 'refused' && !code.startsWith('HUB_TOKEN') && code !== 'bye-revoked'
}

/** What nobody need look at. @param {string} message @returns {Promise<never>} */
function refusal (message) {
  const refused = Promise.reject(new RequestFailed(message))
  refused.catch(() => {})
  return refused
}

/** @param {string | URL} [url] where the server is; where not given, where this module comes from @returns {URL} with a slash at its end */
function baseOf (url) {
  const own = new URL('.', import.meta.url)
  if (url === undefined && own.protocol === 'file:') throw new TypeError('connect() wants a url, such as http://localhost:3000')
  const base = new URL(url ?? own, globalThis.document?.baseURI)
  if (!/^https?:$/.test(base.protocol)) throw new TypeError(`connect() wants a url with http: or https:, not ${base}`)
  base.search = base.hash = ''
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return base
}

/** @param {number} rooms @throws {RangeError} */
function checkCount (rooms) {
  if (rooms > MAX_ROOMS) throw new RangeError(`A client reads ${MAX_ROOMS} rooms at most, not ${rooms}.`)
}

/** The server would refuse it, each time that it is asked. @param {number} events @throws {RangeError} */
function checkHistory (events) {
  if (!(events >= 0 && events <= MAX_HISTORY)) throw new RangeError(`A room is read with ${MAX_HISTORY} past events at most, not ${events}.`)
}

/** This tab's own, over reloads. @param {string} [id] another one from now on */
function tabId (id) {
  if (globalThis.document === undefined) return 'program'
  const keep = openStorage(() => globalThis.sessionStorage)
  id ??= keep.getItem('hubbub tab') ?? newKey()
  keep.setItem('hubbub tab', id)
  return id
}
