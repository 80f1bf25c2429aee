import { requestJson } from './request.js'

/** Who we are, and the way to another name. */
export class Profile {
  #line
  #dialog
  #input
  #error
  /** The server's view of us, once it is known. @type {{ id: string, name: string, tag: string } | undefined} */
  user

  /**
   * @param {{ line: HTMLElement, dialog: HTMLDialogElement, onSessionEnded: () => Promise<void> }} parts
   */
  constructor ({ line, dialog, onSessionEnded }) {
    this.#line = line
    this.#dialog = dialog
    this.#input = dialog.querySelector('input')
    this.#error = dialog.querySelector('.error')
    line.querySelector('button').addEventListener('click', () => this.#open())
    dialog.querySelector('[value=cancel]').addEventListener('click', () => dialog.close())
    this.#input.addEventListener('input', () => this.#complain(''))
    dialog.querySelector('form').addEventListener('submit', async (event) => {
      event.preventDefault()
      try {
        const { user } = await requestJson('PATCH', 'users/me', { name: this.#input.value })
        this.show(user)
        dialog.close()
      } catch (failure) {
        if (failure.status === 401) {
          await onSessionEnded()
          this.#complain('Your session had ended: you are a new guest now. Save again to give it this name.')
        } else {
          this.#complain(failure.message)
        }
      }
    })
  }

  isMe = (userId) => userId === this.user?.id

  show (user) {
    this.user = user
    this.#line.querySelector('.author').textContent = user.name
    this.#line.querySelector('.tag').textContent = user.tag
    this.#line.hidden = false
  }

  #open () {
    this.#input.value = this.user.name
    this.#complain('')
    this.#dialog.showModal()
    this.#input.select()
  }

  #complain (message) {
    this.#error.textContent = message
    this.#input.ariaInvalid = message === '' ? null : 'true'
  }
}
