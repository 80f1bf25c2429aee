import { isRoomName } from './place.js'
import { t } from './words.js'

/**
 * Commands of the text box: a slash, a word, and what follows it. Each may be refused by an error, whose words are shown.
 * @typedef {object} Command
 * @property {string} name
 * @property {boolean} [moderators] for whom alone it is
 * @property {(rest: string) => unknown} run a promise where it takes time
 */

/**
 * @param {object} does
 * @param {(draft: object) => void} does.post
 * @param {(name: string) => Promise<void>} does.rename
 * @param {(room: string) => void} does.goToRoom
 * @param {() => void} does.help
 * @param {(change: object) => Promise<void>} does.changeRoom
 * @returns {Command[]}
 */
export function commands ({ post, rename, goToRoom, help, changeRoom }) {
  return [
    { name: 'me', run: (rest) => post({ message: wanted(rest, 'command.me.wants'), data: { me: true } }) },
    { name: 'nick', run: (rest) => rename(wanted(rest, 'command.nick.wants')) },
    {
      name: 'join',
      run: (rest) => {
        const room = rest.replace(/^#/, '').toLowerCase()
        if (!isRoomName(room)) throw new Error(t('rooms.invalid'))
        goToRoom(room)
      }
    },
    { name: 'help', run: () => help() },
    { name: 'topic', moderators: true, run: (rest) => changeRoom({ topic: rest === '' ? null : rest }) },
    {
      name: 'slow',
      moderators: true,
      run: (rest) => {
        if (!/^\d{1,5}$/.test(rest)) throw new Error(t('command.slow.wants'))
        return changeRoom({ slowMode: Number(rest) })
      }
    }
  ]
}

function wanted (rest, key) {
  if (rest === '') throw new Error(t(key))
  return rest
}
