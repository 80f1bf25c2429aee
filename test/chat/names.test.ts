import t from 'tap'
import { BlockedWords } from '../../src/chat/blocked-words.js'
import { nameKeys } from '../../src/chat/look-alikes.js'
import { NameRules } from '../../src/chat/name-rules.js'
import { cleanName, generateName } from '../../src/chat/names.js'
import { mixesScripts } from '../../src/chat/scripts.js'

const rules = new NameRules({ reserved: ['Acme', 'Agent 47', '👑', 'Großes Haus'], blocked: new BlockedWords([]) })
/** Without what a terminal, or a reader of the test's output, would act on. */
const shown = (name: string): string => name.replace(/[^ -~\p{L}]/gu, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`).slice(0, 120)

/** Names, and what is kept of those that are not kept as they are. */
const WELCOME: Record<string, Array<string | [name: string, kept: string]>> = {
  Latin: ['Zoë', ['Zoe\u0308', 'Zoë'], 'José María Ñuñez', 'Søren Åström', 'Łukasz Żółć', 'Nguyễn Thị Hoàng Yến', 'Đặng Văn Lâm', 'Strauß', 'İpek Işık', 'Čapek', 'Þórður',
    "O'Brien-Smith Jr.", 'O’Neill', 'D’Angelo', 'Kʼicheʼ', 'Ọlá ọ̀kẹ́', 'Ǹkà', 'm̄', 'x̣́', 'ﬁnn', 'Kahoʻolawe', 'ǃXóõ', '1', '007', '...', 'C++', 'x_x', 'amber-fox', 'a.b', '¿Qué?'],
  'combining accents': ['ẹ́', 'n̈', 'a̱̍', 'i̇́', 'Ma\u0301\u0323'.normalize('NFD')].map((name): [string, string] => [name, name.normalize('NFC')]),
  Arabic: ['محمد علي', 'مُحَمَّد', 'فاطمة الزهراء', 'لَّٰه', 'علی‌رضا', 'نیم‌فاصله', 'می‌خواهم', 'ٱلرَّحْمٰن', 'گلشیفته', 'ڈاکٹر', 'محمد٢', 'محمد 2'],
  Hebrew: ['שלום', 'דָּוִד', 'שָׁלוֹם', 'רָחֵל אִמֵּנוּ', 'צה״ל', 'ג׳ורג׳'],
  Indic: ['हिन्दी', 'क्षत्रिय', 'शर्मा', 'क्‍ष', 'क्‌ष', 'ऱ्‍य', 'বাংলা', 'রবীন্দ্রনাথ', 'র‍্যাচেল', 'ਪੰਜਾਬੀ', 'ગુજરાતી', 'தமிழ்', 'తెలుగు', 'ಕನ್ನಡ', 'മലയാളം', 'അവന്‍', 'ශ්‍රී ලංකා', 'ଓଡ଼ିଆ', 'राम१', 'राम 1'],
  'Chinese, Japanese, Korean': ['李小龍', '王小明', '陳大文ㄅㄆ', 'たなか', 'タナカ・ケン', '田中太郎', 'スーパーマン', '佐々木', 'ﾀﾅｶ', '김철수', '김C', 'BTS팬', '小A', '阿Q', '卡拉OK', 'Xさん', 'Tシャツ', '金美善 김미선', '龍之介（犬）'],
  'South-East Asia': ['ไทย', 'สมชาย ใจดี', 'น้ำ', 'กี่', 'ລາວ', 'ភាសាខ្មែរ', 'မြန်မာ', 'ꦗꦮ', 'ᬩᬮᬶ', 'བོད་ཡིག', 'བསྒྲུབས'],
  'other living scripts': ['Владимир', 'Ёлка Йод', 'Їжак', 'Ѓорѓи', 'Қазақ', 'Ελένη Παπαδοπούλου', 'Ἀριστοτέλης', 'Հայկ', 'ქართული', 'አማርኛ', 'ᏣᎳᎩ', 'ᐃᓄᒃᑎᑐᑦ', 'ⵜⴰⵎⴰⵣⵉⵖⵜ', 'ߒߞߏ', '𞤀𞤣𞤤𞤢𞤥', 'ދިވެހި', 'ᠮᠣᠩᠭᠣᠯ', 'ܐܪܡܝܐ', 'ꆈꌠ'],
  'several scripts, word by word': ['Иван Smith', 'Ελένη-Maria', 'محمد Ali', 'राम Kumar', 'Школа №1', 'Яндекс™', 'Иван2', 'Москва☭СССР', 'שלום Shalom', 'Thai ไทย'],
  emoji: ['👩‍👩‍👧‍👦', '❤️ cat', '❤', '🏴󠁧󠁢󠁳󠁣󠁴󠁿', '🇩🇪🇫🇷', '1️⃣', '#️⃣*️⃣', '👍🏽', '🏳️‍🌈', '🏴‍☠️', '👨🏿‍💻 dev', '🧑🏻‍❤️‍💋‍🧑🏿', 'cat🐈‍⬛', '☝🏽', '©️', '🐦‍🔥', '🫩'],
  spaces: [['  two   words ', 'two words'], ['a\u00a0b', 'a b'], ['李\u3000小龍', '李 小龍']],
  length: ['x'.repeat(32), '👍🏽'.repeat(32), 'é'.normalize('NFD').repeat(32), 'हि'.repeat(32)].map((name): [string, string] => [name, name.normalize('NFC')])
}

/** Those that cannot be shown as names. */
const INVALID: Record<string, string[]> = {
  nothing: ['', ' ', '\u00a0', '\u3000', '\u1680', '\u2003'],
  'nothing to see': ['\u200b', '\u200c', '\u200d', '\u2060', '\ufeff\u2060', '\u00ad', '\u034f', '\u2800', 'a\u2800b', '\u3164', '\u115f', '\u1160', '\uffa0', 'a\u3164', '\u17b4', '\u180e', '\u2064', '\u{1d159}', '\ufffc'],
  'between letters': ['a\u200bb', 'a\u200cb', 'a\u200db', 'a\u2060b', 'a\ufeffb', 'a\u00adb', 'a\u034fb', 'и\u200cв', '李\u200d小', '김\u200c', 'م\u200d', '\u200cم', 'م\u200c', 'م\u200c\u200cم', 'a\u200cم', '👍\u200c👍', '👍\u200d', '\u200d👍', 'ل👍\u200cم'],
  controls: ['a\u0000', 'a\u0007b', 'a\u001b[31m', 'a\nb', 'a\tb', 'a\rb', 'a\u0085', 'a\u009b31m', 'a\u2028b', 'a\u2029b', 'a\u007f'],
  'changing the direction': ['\u202eevil', 'a\u202ab', 'a\u202bb', 'a\u202cb', 'a\u202db', 'a\u2066b', 'a\u2067b', 'a\u2068b', 'a\u2069b', 'a\u200e', 'a\u200f', 'a\u061cb'],
  tags: ['a\u{e0061}\u{e0062}', '\u{e0001}', '🏴\u{e0061}\u{e0062}\u{e0063}\u{e007f}', '🏴\u{e0067}\u{e0062}', '👍\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}'],
  selectors: ['\ufe0f', '\ufe0e', 'a\ufe0f', 'a\ufe00', '\u{e0100}', '葛\u{e0100}', '1\ufe0f', '👍\ufe0f\ufe0f', 'a\ufe0f\u20e3', '❤\ufe0e'],
  annotations: ['a\ufff9b\ufffac\ufffb', '\u{1d173}', '\u0600', '\u06dd'],
  'not for text': ['\ue000', '\uf8ff', '\u{f0000}', '\u{10fffd}', '\ufffe', '\uffff', '\ufdd0', '\u{1fffe}', '\u0378', '\u{e01f0}', '\u{40000}', 'a\ud800b', '\udc00', '\ud83d'],
  'marks on nothing': ['\u0301', '\u0301a', 'a \u0301', '\u20e3', '\u093e', '\u064e'],
  'marks piled up': ['a\u0301\u0302\u0303\u0304\u0306', 'é\u0302\u0303\u0304\u0306', `a${'\u0301'.repeat(200)}`, 'a\u0301\u0301', 'é\u0301', 'z\u0334\u0335\u0336\u0337\u0338', 'a\u20dd\u20dd'],
  'too long': ['x'.repeat(33), '👍'.repeat(33), '👍🏽'.repeat(33), '👩‍👩‍👧‍👦'.repeat(12), 'e\u0323\u0302'.repeat(33)]
}

const MIXED: Record<string, string[]> = {
  'Cyrillic in Latin': ['Аlice', 'Alicе', 'pаypal', 'аdmin', 'Ѕam', 'јohn', 'Bоb Smith', 'x-аx', 'googӏe'],
  'Latin in Cyrillic': ['Влaдимир', 'Moсква', 'Иvan'],
  'Greek in Latin': ['Αlice', 'Bοb', 'αlpha', 'admιn', 'Roοt', 'µTorrent', 'κate'],
  'Cherokee, Armenian, Coptic, Lisu, Gothic, Old Italic in Latin': ['Ꭺlice', 'Bոb', 'Ⲁlice', 'ꓮlice', 'B𐌏b', '𐌀nna', 'ⵏico', 'Bօb'],
  'bold and wide letters that are of another script than the rest': ['𝐀дмин', 'ᎠＡ', 'Ｉван', 'ИванＡ', '𝛼lice', '𝐀𝛂'],
  'others in Latin': ['aب', 'Ramराम', 'xไ', 'aא', 'Ka한é가б', 'Иあ', 'Ελ李', 'राমa'],
  digits: ['1٢', '১2', 'x9९', '٣۳', 'राम1२', 'a𝟏١']
}

t.test('names of real languages, and emoji, are welcome', async (t) => {
  for (const [kind, names] of Object.entries(WELCOME)) {
    for (const entry of names) {
      const [name, kept] = typeof entry === 'string' ? [entry, entry.normalize('NFC')] : entry
      t.strictSame(rules.check(name), { name: kept }, `${kind}: ${shown(name)}`)
      t.equal(cleanName(kept), kept, `${kind}: what is kept is kept as it is: ${shown(name)}`)
      t.notOk(rules.isReserved(kept), `${kind}: ${shown(name)}`)
    }
  }
})

t.test('what cannot be seen, or changes how others are read, is no name', async (t) => {
  for (const [kind, names] of Object.entries(INVALID)) {
    for (const name of names) t.strictSame(rules.check(name), { flaw: 'invalid' }, `${kind}: ${shown(name)}`)
  }
})

t.test('no code point that is invisible, or not assigned, is taken between letters', async (t) => {
  const taken: string[] = []
  for (let point = 0; point <= 0x10ffff; point++) {
    const character = String.fromCodePoint(point)
    if (/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}[\p{Cn}--\p{ExtPict}]]/v.test(character) && cleanName(`a${character}b`) !== undefined) taken.push(shown(character))
  }
  t.strictSame(taken, [])
})

t.test('a word is of one script', async (t) => {
  for (const [kind, names] of Object.entries(MIXED)) {
    for (const name of names) t.strictSame(rules.check(name), { flaw: 'mixed' }, `${kind}: ${shown(name)}`)
  }
})

t.test('every letter has a script that is known here', async (t) => {
  const unknown: string[] = []
  for (let point = 0; point <= 0x10ffff; point++) {
    const character = String.fromCodePoint(point)
    if (/[\p{L}\p{M}\p{N}]/u.test(character) && mixesScripts(character)) unknown.push(shown(character))
  }
  t.strictSame(unknown, [])
})

t.test('names that look alike have a key in common', async (t) => {
  const ALIKE: Array<[name: string, ...others: string[]]> = [
    ['Alice Cooper', 'alice cooper', 'ALICE-COOPER', 'alice_cooper', 'AliceCooper', 'Аlice Cooper', 'Ａｌｉｃｅ　Ｃｏｏｐｅｒ', '𝐀𝐥𝐢𝐜𝐞 𝐂𝐨𝐨𝐩𝐞𝐫', '𝒜𝓁𝒾𝒸𝑒 𝒞𝑜𝑜𝓅𝑒𝓇', '𝔸𝕝𝕚𝕔𝕖 ℂ𝕠𝕠𝕡𝕖𝕣',
      '𝙰𝚕𝚒𝚌𝚎 𝙲𝚘𝚘𝚙𝚎𝚛', 'Ⓐⓛⓘⓒⓔ Ⓒⓞⓞⓟⓔⓡ', 'AIice Cooper', 'A1ice Cooper', 'A|ice Cooper', 'Alice C00per', 'Αlice Cοοper', 'Ꭺlice Cooper', 'Alice‐Cooper', 'Alice—Cooper'],
    ['Coco', 'Сосо', 'ϹοϹο', 'ᏟoᏟo'],
    ['fox', 'ſox'],
    ['HAPE', 'НАРЕ', 'ΗΑΡΕ'],
    ['modem', 'rnodern', 'ｍｏｄｅｍ'],
    ['III', 'lll', '111', '|||', 'ӀӀӀ', 'ΙΙΙ', 'Ⅲ'],
    ['OOO', '000', 'ооо', 'ООО', 'οοο', 'օօօ'],
    ['Straße', 'STRASSE', 'strasse'],
    ['İstanbul', 'istanbul', 'ıstanbul'],
    ['Σωσίας', 'ΣΩΣΊΑΣ', 'σωσίας'],
    ['علی‌رضا', 'علیرضا'],
    ['❤️', '❤'],
    ['タナカ', 'ﾀﾅｶ'],
    ['Zoë', 'ZOË', 'zoe\u0308'],
    ['Klara Wilm', 'Klara Wilm.', '"Klara" Wilm', 'Klara·Wilm', "Klara 'Wilm'", 'Klara Wilm…', 'Klara，Wilm'],
    ['ЁЖ', 'ёж'],
    ['-', '-'], ['_ _', '_ _']
  ]
  for (const [name, ...others] of ALIKE) {
    for (const other of others) t.ok(nameKeys(name).some((key) => nameKeys(other).includes(key)), `${name} ${shown(other)}`)
  }
  const APART = ['Alice', 'Alíce', 'Anne', 'Año', 'Ano', 'Иван', 'Ivan', '👍', '👍🏽', '🇩🇪', '🇫🇷', '-', '_', '.', '李', '王', 'zoë', 'zoe', 'adm1n', 'admin']
  for (const [index, name] of APART.entries()) {
    for (const other of APART.slice(index + 1)) t.notOk(nameKeys(name).some((key) => nameKeys(other).includes(key)), `${name} ${other}`)
  }
})

t.test('a key is short enough for every store', async (t) => {
  for (const name of ['ﷺ'.repeat(32), 'm'.repeat(128), '👩‍👩‍👧‍👦'.repeat(11), '\u2a0c'.repeat(32)]) {
    for (const key of nameKeys(name)) t.ok(key.length > 0 && Buffer.byteLength(key) <= 512, `${Buffer.byteLength(key)}`)
  }
  t.strictSame(nameKeys('m'.repeat(128)), nameKeys('rn'.repeat(128)))
})

t.test('names of who runs the place are reserved, and what looks like them', async (t) => {
  const RESERVED = ['admin', 'Admin', 'ADMIN', 'Ad Min', 'a-d-m-i-n', 'аdmin', 'аԁmіn', 'ａｄｍｉｎ', '𝐚𝐝𝐦𝐢𝐧', 'ⓐⓓⓜⓘⓝ', 'adm1n', 'ADM1N', 'AdmIn', 'adrnin', '[Admin]', '★ admin ★', '@admin', 'admin!', '~Admin~', 'admin2', 'admin 007',
    '1admin', 'Anna (mod)', 'Admin Anna', 'Forum Administrator', 'anna|mod', 'moderator', 'M0derator', 'modеrator', 'MODERAT0R', 'mod', 'm0d', 'mods', 'staff', 'r00t', 'Root', 'system', 'SYSTEM', 'Ѕуѕtem', 'Server', 'Hubbub', 'HUBBUB', 'hub-bub',
    'support', 'official', 'owner', 'everyone', '@everyone', 'here', '@here', 'all', 'a11', 'AII', 'operator', '👑', 'acme', 'A C M E', 'Асme', 'agent 47', 'Agent47', 'agent-47', 'GROSSES HAUS', 'großes haus', 'admin👍',
    'Ádmin', 'ādmïn', 'Moderatør', 'Ⓜódérator', 'm0d3rator', '@dmin', '4dmin', 'adm!n', 'Mod3rator Anna', '5taff', '5upport', '8ot', 'Админ', 'АДМИНИСТРАТОР', 'Модератор Анна', 'Modérateur', 'Moderadora', '管理员', '관리자', 'مشرف',
    'Official Support', 'Support Team', 'Hubbub Team', 'The Hubbub Team!', 'Official  Acme', 'acme support', 'System Admin']
  for (const name of RESERVED) t.equal(rules.isReserved(name), true, shown(name))
  const FREE = ['Adrian', 'Nimda', 'Modesty', 'Cat Owner', 'Always Here', 'Root Beer', 'All 4 One', 'Ally', 'Systematic', 'Agent', 'Agent 48', 'Adminton', 'Tom Hall', 'Acme Inc', '👑👑', 'Modest Mouse', 'Ada 4', 'Team Rocket', 'The Team', 'Chat Noir', '@da', 'Módena', 'Owner of Cats', 'Адам', 'B0b', 'پرویز مشرف', '3rd Wave', 'Rob Ott', '42', '...']
  for (const name of FREE) t.equal(rules.isReserved(name), false, name)
})

t.test('a generated name is one that can be taken', async (t) => {
  const seen = new Set<string>()
  for (let count = 0; count < 2_000; count++) {
    const name = await generateName(async (name) => !seen.has(name))
    seen.add(name)
    t.equal(rules.check(name).flaw, undefined, name)
    if (rules.isReserved(name)) t.fail(`${name} is reserved`)
  }
})
