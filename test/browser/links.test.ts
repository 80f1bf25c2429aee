import t from 'tap'
import { guest, post, startApp } from '../harness.js'
import { launch, openPage, shows, visitor } from './chromium.js'

/** What is written, and what of it leads where; nothing, where all is text. */
const WRITTEN: Array<[text: string, ...links: Array<[shown: string, href: string]>]> = [
  ['https://example.org', ['https://example.org', 'https://example.org/']],
  ['see http://example.org/a?b=c&d=%20#e, and https://example.org:8443/x.', ['http://example.org/a?b=c&d=%20#e', 'http://example.org/a?b=c&d=%20#e'], ['https://example.org:8443/x', 'https://example.org:8443/x']],
  ['(https://example.org/a_(b)).', ['https://example.org/a_(b)', 'https://example.org/a_(b)']],
  ['[https://example.org/x]!?…', ['https://example.org/x', 'https://example.org/x']],
  ['„https://example.org/x“ "http://example.org/y"', ['https://example.org/x', 'https://example.org/x'], ['http://example.org/y', 'http://example.org/y']],
  ['看https://example.org/好。再看（https://example.org/x）', ['https://example.org/好', 'https://example.org/%E5%A5%BD'], ['https://example.org/x', 'https://example.org/x']],
  ['HTTPS://Example.ORG/Path', ['HTTPS://Example.ORG/Path', 'https://example.org/Path']],
  ['http://localhost:3000/events', ['http://localhost:3000/events', 'http://localhost:3000/events']],
  ['http://[2001:db8::1]:80/', ['http://[2001:db8::1]:80/', 'http://[2001:db8::1]/']],
  ['https://bücher.example/ü', ['https://bücher.example/ü', 'https://xn--bcher-kva.example/%C3%BC']],
  ['https://пример.example', ['https://пример.example', 'https://xn--e1afmkfd.example/']],
  ['two\nhttps://a.example\nlines', ['https://a.example', 'https://a.example/']],
  // Nothing but http and https.
  ['javascript:alert(1)'], ['JavaScript://example.org/%0aalert(1)'], ['data:text/html,<script>alert(1)</script>'], ['vbscript:msgbox(1)'], ['ftp://example.org'], ['file:///etc/passwd'],
  ['mailto:a@example.org'], ['www.example.org'], ['//example.org'], ['xhttps://example.org'], ['javascript:https://example.org', ['https://example.org', 'https://example.org/']],
  // Nothing that leads elsewhere than it seems to.
  ['https://example.org@evil.example/'], ['https://user:password@example.org/'], ['https://example.org%2f@evil.example'], ['https://%65vil.example'], ['https://0x7f.1/'], ['http://2130706433/'], ['https://ｅｖｉｌ.example'],
  ['https://evil。example', ['https://evil', 'https://evil/']], ['https://пример%2eexample'], ['https://'], ['https://?x'], ['https:///x'], ['http://999.999.999.999/'],
  // An address ends where something begins that cannot be seen.
  ['https://example.org/\u202Egnp.exe', ['https://example.org/', 'https://example.org/']],
  ['https://example.org/\u200bx', ['https://example.org/', 'https://example.org/']],
  ['https://example.org\\@evil.example', ['https://example.org', 'https://example.org/']],
  ['https://example.org/<script>alert(1)</script>', ['https://example.org/', 'https://example.org/']],
  ['https://example.org/"onmouseover="alert(1)', ['https://example.org/', 'https://example.org/']],
  ['https://example.org/\'onmouseover=alert(1)//', ['https://example.org/\'onmouseover=alert(1)//', 'https://example.org/\'onmouseover=alert(1)//']],
  [`https://example.org/${')'.repeat(3_900)}`, ['https://example.org/', 'https://example.org/']]
]

t.test('addresses in what people write are links, http and https only, to where they say', async (t) => {
  const browser = await launch(t)
  if (browser === undefined) return
  const { url } = await startApp(t, { LINK_AFTER: '0s' })
  const page = await openPage(await visitor(browser), url)
  for (const [text, ...links] of WRITTEN) {
    const parts = await page.evaluate(async (text) => {
      const { linked } = await import('/page/text.js' as string) as { linked: (text: string) => Array<string | HTMLAnchorElement> }
      return linked(text).map((part) => typeof part === 'string' ? part : { shown: part.textContent, href: part.href })
    }, text)
    t.equal(parts.map((part) => typeof part === 'string' ? part : part.shown).join(''), text, 'nothing is lost')
    t.strictSame(parts.flatMap((part) => typeof part === 'string' ? [] : [[part.shown, part.href]]), links, text.slice(0, 80))
  }

  const { authorization } = await guest(url)
  await post(url, { message: 'look: https://example.org/a. And https://пример.example' }, { authorization })
  await shows(page, 'look: https://example.org/a. And https://пример.example')
  const [plain, foreign] = await page.locator('#log .text a').evaluateAll((found) => found.map((link) => Object.fromEntries(Array.from(link.attributes, ({ name, value }) => [name, value]))))
  // Reached from its message, which is what the Tab key leads to.
  t.strictSame(plain, { tabindex: '0', href: 'https://example.org/a', dir: 'ltr', target: '_blank', rel: 'noopener nofollow ugc' })
  t.equal(foreign!['title'], 'https://xn--e1afmkfd.example/', 'letters that only look like Latin ones show themselves')

  await t.test('and what they open cannot reach back', async (t) => {
    const other = await startApp(t, { LINK_AFTER: '0s' })
    await post(url, { message: `${other.url}/healthz` }, { authorization })
    const [opened] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: `${other.url}/healthz` }).click()])
    await opened.waitForLoadState()
    t.equal(await opened.evaluate(() => globalThis.opener), null)
    t.equal(await opened.evaluate(() => document.referrer), '', 'nor learn where it was')
    t.equal(new URL(opened.url()).origin, other.url)
  })
})
