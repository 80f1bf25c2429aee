/** Every script by its code in Unicode's PropertyValueAliases, the common ones first. Node may be older than the list: see below. */
const SCRIPTS = `Latn Cyrl Arab Deva Grek Hebr Thai Hang Hani Armn Beng Geor Gujr Guru Knda Khmr Laoo Mlym Mymr Orya Sinh Taml
Telu Thaa Tibt Ethi Bopo Hira Kana Adlm Aghb Ahom Armi Avst Bali Bamu Bass Batk Berf Bhks Brah Brai Bugi Buhd Cakm Cans Cari
Cham Cher Chrs Copt Cpmn Cprt Diak Dogr Dsrt Dupl Egyp Elba Elym Gara Glag Gong Gonm Goth Gran Gukh Hano Hatr Hluw Hmng Hmnp
Hung Ital Java Kali Kawi Khar Khoj Kits Krai Kthi Lana Lepc Limb Lina Linb Lisu Lyci Lydi Mahj Maka Mand Mani Marc Medf Mend
Merc Mero Modi Mong Mroo Mtei Mult Nagm Nand Narb Nbat Newa Nkoo Nshu Ogam Olck Onao Orkh Osge Osma Ougr Palm Pauc Perm Phag
Phli Phlp Phnx Plrd Prti Rjng Rohg Runr Samr Sarb Saur Sgnw Shaw Shrd Sidd Sidt Sind Sogd Sogo Sora Soyo Sund Sunu Sylo Syrc
Tagb Takr Tale Talu Tang Tavt Tayo Tfng Tglg Tirh Tnsa Todr Tols Toto Tutg Ugar Vaii Vith Wara Wcho Xpeo Xsux Yezi Yiii Zanb`.split(/\s+/)

/**
 * What the letters of a word may be together: one script, or what Chinese, Japanese and Korean write, with Latin letters among it
 * (UTS #39 §5.2, Highly Restrictive). What has no script of its own goes with all of them.
 */
const TOGETHER = ['Latn Hani Hira Kana', 'Latn Hani Bopo', 'Latn Hani Hang', ...SCRIPTS].flatMap((scripts) => {
  try {
    return new RegExp(`^[\\p{scx=Zyyy}\\p{scx=Zinh}${scripts.split(' ').map((script) => `\\p{scx=${script}}`).join('')}]+$`, 'u')
  } catch {
    return [] // This Node knows no such script, and so no letter of it.
  }
})

const ASCII = /^[\0-\x7f]*$/
/** What words have between them. */
const BETWEEN = /[^\p{L}\p{M}\p{N}\p{Cf}]+/u
const DIGIT = /\p{Nd}/u

/**
 * Whether a word of the name has letters of several scripts, or digits of several systems (UTS #39 §5.1 to §5.3). Between words
 * scripts may change.
 */
export function mixesScripts (name: string): boolean {
  if (ASCII.test(name)) return false
  // A bold or a wide letter has no script of its own; the letter that it shows has.
  const letters = name.replace(/[\p{L}\p{Nd}]/gu, (letter) => letter.normalize('NFKC'))
  return letters.split(BETWEEN).some((word) => word !== '' && (!TOGETHER.some((scripts) => scripts.test(word)) || mixesDigits(word)))
}

function mixesDigits (word: string): boolean {
  const digits = word.match(/\p{Nd}/gu) ?? []
  return new Set(digits.map(zeroOf)).size > 1
}

/** The code point of the zero that a digit counts from: the ten of a system follow each other, and systems may too. */
function zeroOf (digit: string): number {
  const point = digit.codePointAt(0)!
  let first = point
  while (DIGIT.test(String.fromCodePoint(first - 1))) first--
  return point - (point - first) % 10
}
