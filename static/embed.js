/** What may be said of it in the markup, and is passed on as it is. */
const ATTRIBUTES = ['room', 'composer', 'overlay', 'theme', 'lang', 'fade']
/** By the custom properties that the page around it sets: --hubbub-accent and so on. */
const PROPERTIES = ['accent', 'background', 'raised', 'text', 'soft', 'line', 'font']

/**
 * A room of a Hubbub server within any page whose origin is in EMBED_ORIGINS there:
 *
 *     <script type="module" src="https://chat.example.org/embed.js"></script>
 *     <hubbub-chat room="lobby" composer></hubbub-chat>
 *
 * `composer`: visitors write, too. `overlay`: over a picture, as for OBS. `theme`: light or dark; `lang`: a language of the server's.
 * `token`: of whom the page around it knows already. Colours are CSS: `hubbub-chat { --hubbub-accent: rebeccapurple }`.
 */
class HubbubChat extends HTMLElement {
  static observedAttributes = [...ATTRIBUTES, 'token']
  #frame

  constructor () {
    super()
    this.attachShadow({ mode: 'open' })
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(':host { display: block; height: 30rem } :host([hidden]) { display: none } iframe { width: 100%; height: 100%; border: 0; color-scheme: normal }')
    this.shadowRoot.adoptedStyleSheets = [sheet]
  }

  connectedCallback () {
    this.#show()
  }

  attributeChangedCallback (_name, before, now) {
    if (this.isConnected && before !== now) this.#show()
  }

  #show () {
    const url = new URL('embed', import.meta.url)
    for (const name of ATTRIBUTES) {
      const value = this.getAttribute(name)
      if (value !== null) url.searchParams.set(name, ['composer', 'overlay'].includes(name) ? '1' : value)
    }
    const style = getComputedStyle(this)
    for (const name of PROPERTIES) {
      const value = style.getPropertyValue(`--hubbub-${name}`).trim()
      if (value !== '') url.searchParams.set(name, value)
    }
    const token = this.getAttribute('token')
    // After the #, where no server sees it and no log has it.
    if (token !== null) url.hash = new URLSearchParams({ token })
    // Another frame for each address: where only the token is another, the same one would not load anew.
    if (this.#frame?.src !== url.href) {
      const frame = document.createElement('iframe')
      Object.assign(frame, { src: url.href, loading: 'lazy', allow: 'clipboard-write' })
      this.#frame?.remove()
      this.shadowRoot.append(frame)
      this.#frame = frame
    }
    this.#frame.title = this.getAttribute('title') ?? `${url.searchParams.get('room') ?? 'lobby'} · ${url.host}`
  }
}

customElements.define('hubbub-chat', HubbubChat)
