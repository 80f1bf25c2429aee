import t from 'tap'
import { BlockedWords } from '../../src/chat/blocked-words.js'

const LIST = ['fuck', 'Shit', 'kill yourself', 'a$$', '法轮', 'ばか', 'โง่', 'пиздец', 'كلب', 'scheiße', 'pédé', '🖕', 'xxx']
const words = new BlockedWords(LIST)

t.test('a word is found whole, in whatever case and whatever is around it', async (t) => {
  const FOUND: Array<[text: string, word: string]> = [
    ['fuck', 'fuck'], ['What the FUCK?', 'fuck'], ['oh,fuck!', 'fuck'], ['«Fuck»', 'fuck'], ['fuck-off', 'fuck'], ['the_fuck_room', 'fuck'], ['x.fuck.y', 'fuck'], ['fuck\nyou', 'fuck'], ['👍fuck👍', 'fuck'],
    ['shit', 'Shit'], ['kill yourself', 'kill yourself'], ['Kill  YOURSELF.', 'kill yourself'], ['kill-yourself', 'kill yourself'], ['kill... yourself', 'kill yourself'],
    ['you a$$!', 'a$$'], ['ПИЗДЕЦ!', 'пиздец'], ['يا كلب.', 'كلب'], ['SCHEISSE', 'scheiße'], ['scheisse', 'scheiße'], ['PÉDÉ', 'pédé'], ['pe\u0301de\u0301', 'pédé'], ['🖕🏽', '🖕'], ['hi🖕you', '🖕'], ['(xxx)', 'xxx']
  ]
  for (const [text, word] of FOUND) t.equal(words.find(text), word, text)
  for (const text of ['', ' ', 'fucking', 'motherfuck', 'fuck1', 'ufuck', 'mishit', 'skill yourself', 'kill yourselfie', 'kill them yourself', 'class', 'a', 'a$', 'пиздецкий', 'كلبي', 'pede', 'xxxl', 'fück', 'f u c k']) {
    t.equal(words.find(text), undefined, text)
  }
})

t.test('in scripts without spaces it is found inside a text', async (t) => {
  const FOUND: Array<[text: string, word: string]> = [
    ['我爱法轮功', '法轮'], ['法轮', '法轮'], ['おまえばかだな', 'ばか'], ['คนโง่มาก', 'โง่'], ['你fuck你', 'fuck'], ['ไอ้fuckนะ', 'fuck']
  ]
  for (const [text, word] of FOUND) t.equal(words.find(text), word, text)
  for (const text of ['法 轮', '我爱你', 'バカ', 'ไทย']) t.equal(words.find(text), undefined, text)
})

t.test('a word is found in the letters that look like its own', async (t) => {
  for (const text of ['ｆｕｃｋ', '𝐟𝐮𝐜𝐤', 'ⓕⓤⓒⓚ', 'fuсk', 'fu\u200bck', 'f\u00adu\u2060ck', 'f\u0336u\u0336c\u0336k\u0336', 'f∪ck', 'FUСК', 'fu\ufe0fck', 'f\u{e0061}uck']) {
    t.equal(words.find(text), 'fuck', text)
  }
  for (const text of ['SH1T', 'SHlT', 'ЅНІТ', 'sһit', 'kiII yourself', 'k1ll yourself'.toUpperCase()]) t.ok(words.find(text), text)
  t.equal(words.find('pls'), new BlockedWords(['pis']).find('pls'), 'a small i is no l')
  t.equal(new BlockedWords(['pis']).find('PLS'), undefined)
})

t.test('a list of nothing finds nothing, and what is nothing on it is passed over', async (t) => {
  for (const list of [[], [''], [' ', '-', '_', '\u200b', '\u0301']]) {
    const none = new BlockedWords(list)
    for (const text of ['', ' ', '-', 'anything at all', 'a _ b']) t.equal(none.find(text), undefined, `${JSON.stringify(list)} ${text}`)
  }
  const signs = new BlockedWords(['.*', '[a-z]', 'c++', '(', '\\d', 'a|b', '^', '$&'])
  t.equal(signs.find('anything 1 at - all'), undefined)
  for (const word of ['.*', '[a-z]', 'c++', '(', '\\d', 'a|b', '^', '$&']) t.equal(signs.find(`x ${word} y`), word, word)
})

t.test('a long message takes no longer for what it is made of', async (t) => {
  for (const part of ['ﷺ', 'kill ', 'kill!', '\u2a0c', 'f', 'fuc', '\u0344', 'ΐ', '각', '👍\u200d', 'I', '- ']) {
    t.equal(words.find(part.repeat(4_000 / part.length)), undefined, part)
  }
})
