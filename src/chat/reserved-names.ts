import { nameKeys } from './look-alikes.js'

/** What whoever has it seems to be. It is not taken as a word of a name either: `Anna (mod)`. */
const TITLES = ['admin', 'admins', 'administrator', 'administrators', 'moderator', 'moderators', 'mod', 'mods', 'staff']
/** Who speaks for the place, and whom one speaks to when it is no one. */
const NAMES = ['operator', 'operators', 'system', 'server', 'hubbub', 'host', 'bot', 'support', 'help', 'security', 'official', 'owner', 'root',
  'sysadmin', 'sysop', 'webmaster', 'everyone', 'everybody', 'here', 'all', 'channel', 'room', 'nobody', 'anonymous', 'null', 'undefined']

/** What is no part of a word. */
const BETWEEN = /[^\p{L}\p{M}\p{N}]+/gu
const NUMBER_AT_END = /^\p{N}+|\p{N}+$/gu

/** Names that are kept for the host, whatever they are decorated or numbered with: `[Admin]`, `root 2`. */
export class ReservedNames {
  readonly #names: ReadonlySet<string>
  readonly #titles: ReadonlySet<string>

  /**
   * @param others the host's own names
   * @param whose a room may well be called `help` or `room-2`: there is nobody whom it could be taken for
   */
  constructor (others: readonly string[], whose: 'user' | 'room' = 'user') {
    this.#titles = keysOf(TITLES)
    this.#names = keysOf([...TITLES, ...(whose === 'user' ? NAMES : []), ...others])
  }

  has (name: string): boolean {
    const seen = name.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    const bare = seen.replace(BETWEEN, '')
    return [name, bare, bare.replace(NUMBER_AT_END, '')].some((form) => form !== '' && among(this.#names, form)) ||
      seen.split(BETWEEN).some((word) => word !== '' && among(this.#titles, word))
  }
}

/** Of the names in small letters and in capitals, since who uses them may write them either way: `ADM1N`. */
function keysOf (names: readonly string[]): Set<string> {
  return new Set(names.flatMap((name) => [name, name.replace(BETWEEN, '')])
    .flatMap((name) => name === '' ? [] : [...nameKeys(name.toLowerCase()), ...nameKeys(name.toUpperCase())]))
}

function among (keys: ReadonlySet<string>, name: string): boolean {
  return nameKeys(name).some((key) => keys.has(key))
}
