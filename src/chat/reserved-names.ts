import { nameKeys, skeleton } from './look-alikes.js'

/** What whoever has it seems to be. It is not taken as a word of a name either: `Anna (mod)`. */
const TITLES = `admin admins administrator administrators moderator moderators mod mods staff
administrador administradora moderador moderadora administrateur administratrice moderateur moderatrice administratorin moderatorin
amministratore amministratrice moderatore beheerder yönetici админ админы администратор модератор модераторы
адміністратор 管理员 管理員 版主 管理者 管理人 モデレーター モデレータ 관리자 운영자 एडमिन मॉडरेटर`.split(/\s+/)
/** Who speaks for the place, and whom one speaks to when it is no one. */
const NAMES = ['operator', 'operators', 'system', 'server', 'hubbub', 'host', 'bot', 'support', 'help', 'security', 'official', 'owner', 'root',
  'sysadmin', 'sysop', 'webmaster', 'everyone', 'everybody', 'here', 'all', 'channel', 'room', 'nobody', 'anonymous', 'null', 'undefined', 'مشرف', 'מנהל']
/** What says no more, beside one of these: `Hubbub Team`. */
const BESIDE = ['team', 'crew', 'desk', 'account', 'service', 'chat', 'the', 'your', 'our']

/** What is no part of a word. */
const BETWEEN = /[^\p{L}\p{M}\p{N}]+/gu
const NUMBER_AT_END = /^\p{N}+|\p{N}+$/gu
/** Signs that are written for a letter, and taken out of a name otherwise; those that look like one are confusables. */
const SIGNS: Record<string, string> = { 3: 'e', 4: 'a', 5: 's', 7: 't', 8: 'b', '@': 'a', $: 's', '€': 'e', '!': 'i' }
const SIGN = /(?<=[\p{L}\p{N}])[34578@$€!](?=[\p{L}\p{N}])|^[34578@$€!](?=\p{L})/gu
/** What has nothing in it that could be spelt otherwise, as all names that are made here. */
const PLAIN = /^[a-z -]*$/

/** Names that are kept for the host, whatever they are decorated or numbered with: `[Admin]`, `root 2`, `Ádm1n`, `m0d3rator`. */
export class ReservedNames {
  readonly #names: ReadonlySet<string>
  readonly #titles: ReadonlySet<string>
  readonly #beside: ReadonlySet<string>

  /**
   * @param others the host's own names
   * @param whose a room, or a program, may well be called `help` or `room-2`: there is nobody whom it could be taken for
   */
  constructor (others: readonly string[], whose: 'user' | 'thing') {
    this.#titles = keysOf(TITLES)
    this.#names = keysOf([...TITLES, ...(whose === 'user' ? NAMES : []), ...others])
    this.#beside = keysOf(BESIDE)
  }

  has (name: string): boolean {
    if (PLAIN.test(name)) return this.#has(name)
    const seen = name.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    const spelt = seen.replace(SIGN, (sign) => SIGNS[sign]!)
    return among(this.#names, name) || [...new Set([seen, withoutMarks(seen), withoutMarks(spelt)])].some((form) => this.#has(form))
  }

  #has (seen: string): boolean {
    const bare = seen.replace(BETWEEN, '')
    if ([...new Set([bare, bare.replace(NUMBER_AT_END, '')])].some((form) => form !== '' && among(this.#names, form))) return true
    const words = seen.split(BETWEEN).filter((word) => word !== '')
    return words.some((word) => among(this.#titles, word)) ||
      (words.length > 1 && words.every((word) => among(this.#names, word) || among(this.#beside, word)) && words.some((word) => among(this.#names, word)))
  }
}

/** What is left of letters without accents, strokes, rings. */
function withoutMarks (text: string): string {
  return skeleton(text).replace(/\p{M}/gu, '')
}

/** Of the names in small letters and in capitals, since who uses them may write them either way: `ADM1N`. */
function keysOf (names: readonly string[]): Set<string> {
  return new Set(names.flatMap((name) => [name, name.replace(BETWEEN, ''), withoutMarks(name)])
    .flatMap((name) => name === '' ? [] : [...nameKeys(name.toLowerCase()), ...nameKeys(name.toUpperCase())]))
}

function among (keys: ReadonlySet<string>, name: string): boolean {
  return nameKeys(name).some((key) => keys.has(key))
}
