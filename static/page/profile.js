import { ask } from './dialog.js'
import { nameOf, tagOf } from './dom.js'
import { phrase, t } from './words.js'

/** Who we are, and the way to another name. */
export class Profile {
  #line
  #client

  /** @param {{ line: HTMLElement, client: import('../client.d.ts').Client }} options */
  constructor ({ line, client }) {
    this.#line = line
    this.#client = client
    line.querySelector('button').addEventListener('click', () => this.rename())
    client.addEventListener('user', () => this.#show())
    if (client.user !== undefined) this.#show()
  }

  rename () {
    ask({
      title: t('rename.title'),
      fields: [{
        name: 'name',
        label: t('rename.name'),
        value: this.#client.user?.name ?? '',
        hint: t('rename.hint'),
        attributes: { autocomplete: 'nickname', autocapitalize: 'off', spellcheck: 'false', enterkeyhint: 'done' }
      }],
      act: t('save'),
      run: async ({ name }) => {
        try {
          await this.#client.setName(name)
        } catch (failure) {
          throw failure.status === 401 ? new Error(t('rename.session-ended')) : failure
        }
      }
    })
  }

  #show () {
    const { user } = this.#client
    this.#line.querySelector('.who').replaceChildren(...phrase('me.you-are', { name: nameOf(user) }), ' ', tagOf(user))
    this.#line.hidden = false
  }
}
