import { readFileSync } from 'node:fs'
import t from 'tap'
import { firstWords, type Words } from '../../src/languages.js'
import { fill, jsonInMarkup } from '../../src/template.js'
import { ask, type Told } from '../edge/ask.js'
import { startApp } from '../harness.js'

/** Those that a page begins with. */
const words = (language: string): Words => firstWords(JSON.parse(readFileSync(new URL(`../../static/languages/${language}.json`, import.meta.url), 'utf8')))
const PAGES = ['/', '/embed', '/join/abc']
/** What a page's scripts are told. */
const siteOf = ({ body }: Told): any => JSON.parse(/<script type="application\/json" id="site">(.*?)<\/script>/s.exec(body)![1]!)

t.test('a page is in the language that the browser would rather have, or that the address names', async (t) => {
  const { url } = await startApp(t)
  const cases: Array<[query: string, header: string | undefined, language: string]> = [
    ['', undefined, 'en'], ['', '*', 'en'], ['', 'de-AT,de;q=0.9', 'en'], ['', 'nonsense;;q=x', 'en'],
    ['', 'ar', 'ar'], ['', 'ar-EG,ar;q=0.9,en;q=0.8', 'ar'], ['', 'en-GB,en;q=0.9,ar;q=0.8', 'en'], ['', 'fr,ar;q=0.5,en;q=0.4', 'ar'],
    ['?lang=ar', 'en', 'ar'], ['?lang=en', 'ar', 'en'], ['?lang=xx', 'ar', 'ar'], ['?lang=', 'ar', 'ar'], ['?lang=ar&lang=en', 'en', 'ar'], ['?lang=__proto__', undefined, 'en']
  ]
  for (const path of PAGES) {
    for (const [query, header, language] of cases) {
      const what = `${path}${query} ${header}`
      const told = await ask(`${url}${path}${query}`, { headers: { ...(header !== undefined && { 'accept-language': header }) } })
      t.equal(told.status, 200, what)
      t.match(told.headers, { 'content-language': language, 'content-type': 'text/html; charset=utf-8', vary: /\bAccept-Language\b/ }, what)
      t.ok(told.body.includes(`<html lang="${language}" dir="${language === 'ar' ? 'rtl' : 'ltr'}">`), what)
      t.strictSame(siteOf(told), { name: 'Hubbub', language, words: words(language) }, what)
      t.notMatch(told.body, /\{\{|\0/, what)
    }
  }
})

t.test('what the host says of itself', async (t) => {
  const about = { SITE_NAME: '<b>Café & "Tea"', WELCOME: '</script><script>alert(1)</script>', RULES_URL: '/rules', PRIVACY_URL: 'https://example.org/privacy' }
  const { url } = await startApp(t, about)
  for (const path of PAGES) {
    const told = await ask(`${url}${path}`)
    t.match(siteOf(told), { name: about.SITE_NAME, welcome: about.WELCOME, rules: '/rules', privacy: 'https://example.org/privacy' }, path)
    t.match(told.body, /<title>(?:[^<]* · )?&lt;b&gt;Café &amp; &quot;Tea&quot;<\/title>/, path)
    t.notMatch(told.body, /<b>|<script>alert/, path)
  }
  t.match((await ask(`${url}/embed`)).body, />Open in &lt;b&gt;Café &amp; &quot;Tea&quot;<\/a>/)
  const { headers: { etag } } = await ask(`${url}/`)
  t.not(etag, (await ask(`${(await startApp(t)).url}/`)).headers.etag)
})

t.test('a page names the room of its address, where that can be one', async (t) => {
  const { url } = await startApp(t)
  for (const path of ['/', '/embed']) {
    for (const [query, room] of [['', 'lobby'], ['?room=tea', 'tea'], ['?room=tea&room=coffee', 'tea'], ['?room="><script>', 'lobby'], ['?room=', 'lobby'], ['?x=1&y', 'lobby']] as const) {
      const { status, body } = await ask(`${url}${path}${query}`)
      t.equal(status, 200, `${path}${query}`)
      t.ok(body.includes(`<a href="events?room=${room}&amp;history=50">`), `${path}${query}`)
    }
  }
})

t.test('a page that a browser still has is not sent again', async (t) => {
  const { url } = await startApp(t)
  for (const path of [...PAGES, '/app.css']) {
    const { headers: { etag }, body } = await ask(`${url}${path}`)
    t.match(etag, /^W\/"[^"]+"$/, path)
    for (const kept of [etag!, `W/"x", ${etag}`]) {
      const again = await ask(`${url}${path}`, { headers: { 'if-none-match': kept } })
      t.match(again, { status: 304, body: '', headers: { etag, 'cache-control': 'private, no-cache' } }, path)
      if (path !== '/app.css') t.match(again.headers.vary, /\bAccept-Language\b/, path)
    }
    t.match(await ask(`${url}${path}`, { headers: { 'if-none-match': 'W/"x"' } }), { status: 200, body }, path)
    t.match(await ask(`${url}${path}`, { method: 'HEAD' }), { status: 200, body: '', headers: { etag } }, path)
  }
  const etags = await Promise.all(['/', '/?lang=ar', '/?room=tea', '/embed'].map(async (path) => (await ask(`${url}${path}`)).headers.etag))
  t.equal(new Set(etags).size, etags.length, 'another language, room or page is another one')
})

t.test('the page makes a guest; one in a frame, where no cookie comes back, and an invitation do not', async (t) => {
  const { url } = await startApp(t)
  t.ok((await ask(`${url}/`)).headers['set-cookie'])
  for (const path of ['/embed', '/join/abc']) t.notOk((await ask(`${url}${path}`)).headers['set-cookie'], path)
})

t.test('what pages are made from is not served', async (t) => {
  const { url } = await startApp(t)
  for (const path of ['/pages/index.html', '/pages/join.html', '/pages/embed.html', '/pages/', '/pages', '/index.html', '/%70ages/index.html', '/pages%2findex.html', '/./pages/index.html', '//pages/index.html']) {
    t.match(await ask(`${url}${path}`).then(({ status, body }) => `${status} ${JSON.stringify(body)}`), /^40[34] (?!.*doctype)/, path)
  }
})

t.test('a template\'s placeholders', async (t) => {
  const texts: Record<string, unknown> = { a: `<b> & "c" 'd'`, forms: { other: 'x' } }
  t.equal(fill('<p title="{{a}}">{{a}}</p>{{{m}}}', (key) => texts[key], { m: '<i>' }), `<p title="&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;">&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;</p><i>`)
  for (const wrong of ['{{b}}', '{{{a}}}', '{{forms}}', '{{m}}']) t.throws(() => fill(wrong, (key) => texts[key], { m: '' }), { message: `nothing stands for ${wrong}` })
  t.equal(jsonInMarkup({ a: '</script><!--' }), '{"a":"\\u003c/script>\\u003c!--"}')
})
