import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { connect } from '../../static/client.js'
import { eventually, startApp } from '../harness.js'
import { Listener } from './listener.js'
import { RoughWay } from './rough-way.js'

const CLIENT = new URL('../../static/client.js', import.meta.url).href

/** Runs a program of its own until it ends by itself. @returns what it wrote */
async function run (program: string): Promise<{ code: number | null, output: string, error: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', `import { connect } from '${CLIENT}'\n${program}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let error = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { error += chunk.toString() })
  const [code] = await once(child, 'close') as [number | null]
  return { code, output, error }
}

const live = 'await new Promise((resolve) => chat.addEventListener(\'state\', ({ detail }) => detail.state === \'live\' && resolve()))'

t.test('a program ends when it has closed its client', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const close = (name: string, program: string) => t.test(name, async (t) => {
    const { code, output, error } = await run(program.replaceAll('URL', JSON.stringify(way.url)))
    t.equal(error, '')
    t.equal(code, 0)
    t.equal(output, 'done\n')
  })

  await close('after a post', `
    const chat = connect({ url: URL })
    await chat.post('hi')
    chat.close()
    console.log('done')`)
  await close('while it streams, and somebody types', `
    const chat = connect({ url: URL, history: 10 })
    ${live}
    chat.typing('lobby')
    chat.join('other')
    chat.close()
    chat.close()
    console.log('done')`)
  await close('at once, with posts on their way', `
    const chat = connect({ url: URL })
    chat.post('never sent')
    chat.close()
    console.log('done')`)
  await close('in what it is told', `
    const chat = connect({ url: URL, rooms: [{ room: 'lobby', after: '0-0' }] })
    chat.addEventListener('event', () => { chat.close(); console.log('done') })`)

  way.fate = ({ method }) => method === 'GET' ? 'silence' : undefined
  await close('while nobody answers', `
    const chat = connect({ url: URL, history: 10 })
    await new Promise((resolve) => setTimeout(resolve, 200))
    chat.close()
    console.log('done')`)
  way.fate = () => 'cut'
  await close('while it waits to try again', `
    const chat = connect({ url: URL, history: 10, token: () => { throw new Error('none') } })
    await new Promise((resolve) => chat.addEventListener('state', resolve))
    chat.close()
    console.log('done')`)
})

t.test('a closed client waits for nothing any more', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  way.fate = ({ method }) => method === 'POST' ? { status: 429, headers: { 'retry-after': '600' } } : undefined
  const ends = (name: string, program: string) => t.test(name, async (t) => {
    const { code, error } = await run(program.replaceAll('URL', JSON.stringify(way.url)))
    t.equal(error, '')
    t.equal(code, 0)
  })

  await ends('to send what a server asks to send later', `
    const chat = connect({ url: URL })
    ${live}
    chat.post('hi')
    chat.close()`)
  await ends('for a token', `
    let asked
    const asking = new Promise((resolve) => { asked = resolve })
    const chat = connect({ url: URL, token: () => { asked(); return new Promise(() => {}) } })
    await asking
    chat.close()`)
})

t.test('a closed client leaves alone what the next one keeps, but for what is sent', async (t) => {
  const { url } = await startApp(t)
  const way = await RoughWay.to(t, url)
  const kept = new Map<string, string>()
  const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value), removeItem: (key: string) => void kept.delete(key), keys: () => [...kept.keys()] }
  const left = (): string[] => [...kept].flatMap(([key, value]) => key.includes('outbox') ? JSON.parse(value).map(({ draft }: { draft: { message: string } }) => draft.message) : [])
  const before = await new Listener(t, { url: way.url, storage }).live()
  let answer = (): void => {}
  way.holds = ({ method }) => method === 'POST' ? new Promise((resolve) => { answer = resolve }) : undefined
  before.client.post('sent').catch(() => {})
  before.client.post('left').catch(() => {})
  // What is told only now of its event would be kept once more by who goes on with it.
  await before.until((listener) => listener.messages().includes('sent'))
  before.client.close()

  way.holds = () => undefined
  way.fate = ({ method }) => method === 'POST' ? 'silence' : undefined
  const after = await new Listener(t, { url: way.url, storage }).live()
  after.client.post('written since').catch(() => {})
  await eventually(() => left().length === 3, 'all are kept')
  answer()
  await eventually(() => left().length === 2, 'one is sent')
  t.strictSame(left(), ['left', 'written since'])
})

t.test('a closed client tells nothing, and refuses what it is asked', async (t) => {
  const { url } = await startApp(t)
  const chat = connect({ url })
  await new Promise<void>((resolve) => chat.addEventListener('state', ({ detail }) => { if (detail.state === 'live') resolve() }))
  chat.close()
  let told = 0
  for (const type of ['event', 'state', 'outbox'] as const) chat.addEventListener(type, () => { told++ })
  await t.rejects(chat.post('hi'), { name: 'RequestFailed' })
  await t.rejects(chat.history('lobby'), { name: 'RequestFailed' })
  chat.reconnect()
  chat.join('other')
  chat.leave('lobby')
  chat.typing('other')
  await new Promise(setImmediate)
  t.equal(told, 0)
})

t.test('what is no address of a server is said at once', async (t) => {
  t.throws(() => connect(), { name: 'TypeError', message: /wants a url/ })
  t.throws(() => connect({ url: 'ftp://localhost' }), { name: 'TypeError' })
  t.throws(() => connect({ url: 'http://localhost', rooms: Array.from({ length: 17 }, (_, index) => `room-${index}`) }), { name: 'RangeError' })
})

t.test('more history than the server gives is refused at once', async (t) => {
  const { url } = await startApp(t)
  t.throws(() => connect({ url, history: 501 }), { name: 'RangeError' })
  t.throws(() => connect({ url, rooms: [{ room: 'lobby', history: -1 }] }), { name: 'RangeError' })
  const { client } = await new Listener(t, { url, history: 500 }).live()
  t.throws(() => client.join('other', { history: 501 }), { name: 'RangeError' })
  t.strictSame(client.rooms, ['lobby'])
})
