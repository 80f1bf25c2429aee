import { t } from './words.js'

/** ms between two looks at what has been reported, of which no stream tells. */
const LOOK_MS = 60_000

/** How a room is kept, and what we may do in it. Tells of `change`. */
export class RoomInfo extends EventTarget {
  #client
  #room
  /** @type {{ topic?: string, posting: string, slowMode: number, private: boolean, reports?: number, may: { write: boolean, moderate: boolean } } | undefined} */
  now

  /** @param {{ client: import('../client.d.ts').Client }} options */
  constructor ({ client }) {
    super()
    this.#client = client
    client.addEventListener('event', ({ detail: { event, why } }) => {
      if (event.room !== this.#room || why === 'history') return
      const concernsUs = ['mute', 'unmute', 'ban', 'unban'].includes(event.type) && event.data?.user?.id === client.user?.id
      if (event.type === 'room' || concernsUs) this.look()
    })
    client.addEventListener('state', ({ detail: { state } }) => { if (state === 'live') this.look() })
    setInterval(() => { if (this.moderates && document.visibilityState === 'visible') this.look() }, LOOK_MS)
  }

  open (room) {
    this.#room = room
    this.now = undefined
    this.look()
  }

  get moderates () {
    return this.now?.may.moderate === true
  }

  async look () {
    const room = this.#room
    const now = await this.#client.request('GET', `rooms/${room}`).catch(() => undefined)
    if (now === undefined || room !== this.#room) return
    this.now = now
    this.dispatchEvent(new Event('change'))
  }

  /** What the text box is to know. */
  get writing () {
    const { may = { write: true }, posting = 'everybody', slowMode = 0 } = this.now ?? {}
    return {
      write: may.write,
      why: t(posting === 'everybody' ? 'closed.read-only' : `closed.${posting}`),
      slowMode: may.moderate ? 0 : slowMode
    }
  }
}
