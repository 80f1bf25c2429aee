import { once } from 'node:events'
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t from 'tap'
import { startApp } from '../harness.js'

/** Bytes until what was said is there to be read; and until it can be answered. */
const FIRST_BYTES = 60 * 1024
const ALL_BYTES = 80 * 1024

interface Transferred { status: number, headers: IncomingHttpHeaders, bytes: Buffer }

/** An answer as it comes, not decompressed. */
async function transfer (url: string | URL, headers: Record<string, string>, method = 'GET'): Promise<Transferred> {
  const asked = request(url, { method, headers, agent: false }).end()
  const [response] = await once(asked, 'response') as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode!, headers: response.headers, bytes: Buffer.concat(chunks) }
}

const DECOMPRESS: Record<string, (bytes: Buffer) => Buffer> = { gzip: gunzipSync, br: brotliDecompressSync }
const varies = ({ headers: { vary } }: Transferred): string[] => (vary ?? '').split(', ').sort()

t.test('the page and all that its first paint needs come in less than 60 KiB, all that it then needs in less than 80, each part at its first address', async (t) => {
  const { url } = await startApp(t)
  const encoded = { 'accept-encoding': 'gzip' }
  for (const path of ['/', '/?lang=ar', '/embed', '/join/abc']) {
    const page = await transfer(`${url}${path}`, encoded)
    const html = gunzipSync(page.bytes).toString()
    const tags = [...html.matchAll(/<(?:link|script|img)\b[^>]*>/g)].map(([tag]) => tag).filter((tag) => !/type="application\/json"/.test(tag))
    const addressOf = (tag: string): string => new URL(/\b(?:href|src)="([^"]+)"/.exec(tag)![1]!, `${url}${path}`).href
    const parts = [...new Set(tags.map(addressOf))]
    const next = new Set(tags.filter((tag) => tag.includes('fetchpriority="low"')).map(addressOf))
    t.ok(parts.length > 1, path)
    let first = page.bytes.length
    let bytes = first
    for (const part of parts) {
      const { status, headers, bytes: { length } } = await transfer(part, encoded)
      t.equal(status, 200, part)
      if (length > 1024) t.equal(headers['content-encoding'], 'gzip', part)
      bytes += length
      if (!next.has(part)) first += length
    }
    t.ok(bytes < ALL_BYTES, `${path}: ${bytes} bytes in ${parts.length + 1} answers`)
    if (path === '/embed') continue // A part of another page, which has been painted before.
    t.ok(first < FIRST_BYTES, `${path}: ${first} bytes first`)
    if (path !== '/') continue
    // What is found by an import only would come a round trip later.
    const asked = new Set(parts)
    for (const part of parts.filter((part) => new URL(part).pathname.endsWith('.js'))) {
      const text = gunzipOf(await transfer(part, encoded))
      for (const [, source] of text.matchAll(/^(?:import|export)\b[^'\n]*(?:\bfrom )?'([./][^']*)'/gm)) t.ok(asked.has(new URL(source!, part).href), `${part} imports ${source}, which the page preloads`)
    }
  }
})

function gunzipOf ({ headers, bytes }: Transferred): string {
  return (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
}

t.test('a page or a file comes compressed as the browser takes it, and is the same', async (t) => {
  const { url } = await startApp(t)
  for (const path of ['/', '/embed', '/app.css', '/app.js', '/favicon.svg']) {
    const plain = await transfer(`${url}${path}`, {})
    t.equal(plain.headers['content-encoding'], undefined, path)
    t.ok(varies(plain).includes('accept-encoding'), `${path}: also where it is not compressed`)
    for (const [accept, encoding] of [['gzip', 'gzip'], ['br', 'br'], ['gzip, deflate, br, zstd', 'br'], ['identity', undefined], ['br;q=0, gzip;q=0', undefined]] as const) {
      const what = `${path}: ${accept}`
      const { status, headers, bytes } = await transfer(`${url}${path}`, { 'accept-encoding': accept })
      t.equal(status, 200, what)
      const used = headers['content-encoding']
      if (plain.bytes.length >= 1024) t.equal(used, encoding, what)
      t.strictSame(used === undefined ? bytes : DECOMPRESS[used]!(bytes), plain.bytes, what)
      t.equal(headers.etag, plain.headers.etag, `${what}: weak, so it stands for both`)
      t.strictSame(varies({ status, headers, bytes }), varies(plain), what)
      const kept = await transfer(`${url}${path}`, { 'accept-encoding': accept, 'if-none-match': headers.etag! })
      t.match(kept, { status: 304, headers: { etag: headers.etag } }, what)
      t.notOk(kept.headers['content-encoding'], what)
      t.equal(kept.bytes.length, 0, what)
      t.strictSame(varies(kept), varies(plain), what)
      const head = await transfer(`${url}${path}`, { 'accept-encoding': accept }, 'HEAD')
      t.match(head, { status: 200, headers: { etag: headers.etag, 'content-type': headers['content-type'] } }, what)
    }
    t.strictSame(varies(plain), path.includes('.') ? ['accept-encoding'] : ['Accept-Language', 'accept-encoding'], path)
  }
  const part = await transfer(`${url}/app.css`, { 'accept-encoding': 'gzip', range: 'bytes=0-9' })
  t.equal(part.status, 206)
  t.equal(part.headers['content-encoding'], undefined)
  t.equal(part.bytes.length, 10)
})

t.test('nothing else is compressed', async (t) => {
  const { url } = await startApp(t)
  for (const path of ['/docs/json', '/metrics', '/events?wait=0']) {
    const { status, headers } = await transfer(`${url}${path}`, { 'accept-encoding': 'gzip, br', accept: 'application/json' })
    t.equal(status, 200, path)
    t.equal(headers['content-encoding'], undefined, path)
    t.notMatch(headers.vary, /encoding/i, path)
  }
  const stream = request(`${url}/events`, { headers: { 'accept-encoding': 'gzip, br' }, agent: false }).end()
  const [response] = await once(stream, 'response') as [IncomingMessage]
  t.equal(response.headers['content-encoding'], undefined)
  stream.destroy()
})
