import t from 'tap'
import { hasLink } from '../../src/chat/links.js'

t.test('what people follow is a link, however it is written', async (t) => {
  for (const text of ['https://a.example', 'see http://1.2.3.4/x', 'HTTPS://EVIL.COM', 'evil.com', 'go to evil.com/x now', 'www.evil.zz', 'discord.gg/abc', 't.me/x', 'evil\u200b.com',
    'ｅｖｉｌ．ｃｏｍ', 'evil。com', 'пример.рф', 'ftp://files', 'tg://join?x=1', 'http://[::1]/', '(evil.com)', 'a\nhttps://b.example\nc', 'evil.com:8080', '//evil.com', 'https:\u00ad//evil.com']) {
    t.ok(hasLink(text), JSON.stringify(text))
  }
})

t.test('what people only talk of is none', async (t) => {
  for (const text of ['hi', 'main.py', 'readme.md', 'e.g. this', 'wait...what', '1.2.3', '10:30', 'a@b.com', 'me: hello', 'and/or', 'v1.0', 'Hello.World', 'node.js', '12.5.2026', 'C://', 'what?!://', '']) {
    t.notOk(hasLink(text), JSON.stringify(text))
  }
})

t.test('a long text is looked through in no time worth speaking of', async (t) => {
  for (const text of ['a.'.repeat(2_000), 'http:'.repeat(800), '/'.repeat(4_000), '('.repeat(4_000), 'www'.repeat(1_300), 'x-'.repeat(2_000)]) t.type(hasLink(text), 'boolean')
})
