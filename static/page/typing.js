import { nameOf } from './dom.js'
import { phrase } from './words.js'

/** Who writes just now, in a line of its own. */
export class Typing {
  #line
  #isMe

  /** @param {{ line: HTMLElement, isMe: (userId: string) => boolean }} options */
  constructor ({ line, isMe }) {
    this.#line = line
    this.#isMe = isMe
  }

  /** @param {{ users?: object[], count?: number }} typing without `users` in a crowd */
  show ({ users, count = 0 }) {
    const others = users?.filter(({ id }) => !this.#isMe(id))
    const words = others === undefined
      ? (count === 0 ? [] : phrase('typing.some', { count }))
      : others.length === 0
        ? []
        : others.length === 1
          ? phrase('typing.one', { name: nameOf(others[0]) })
          : others.length === 2 && count <= 3
            ? phrase('typing.two', { name: nameOf(others[0]), other: nameOf(others[1]) })
            : phrase('typing.some', { count: others.length })
    this.#line.replaceChildren(...words)
  }

  clear () {
    this.#line.replaceChildren()
  }
}
