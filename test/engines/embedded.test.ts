import t from 'tap'
import { EmbeddedEngine } from '../../src/engines/embedded.js'
import { temporaryDirectory } from '../harness.js'
import { conformance } from './conformance.js'

conformance(t, async (t) => {
  const directory = temporaryDirectory(t)
  let time: number | undefined
  return {
    open: (settings) => EmbeddedEngine.open({ directory, now: () => time ?? Date.now(), ...settings }),
    setClock: async (ms) => { time = ms }
  }
})

t.test('what a read costs follows what it gives, not the room\'s length', async (t) => {
  const engine = await EmbeddedEngine.open({ directory: temporaryDirectory(t), history: 1_000_000 })
  t.teardown(() => engine.close())
  const draft = { type: 'message', user: { id: 'u', name: 'n', tag: 't' }, message: 'x' }
  const entriesOf = async (count: number) => {
    for (let i = 0; i < count; i += 10_000) {
      await Promise.all(Array.from({ length: 10_000 }, () => engine.append({ room: 'lobby', draft })))
    }
  }
  const cost = async (read: () => Promise<{ entries: unknown[] }>) => {
    const before = engine.entriesRead
    const { entries } = await read()
    return { read: engine.entriesRead - before, given: entries.length }
  }
  await entriesOf(200_000)
  const { head, entries: [oldest] } = await engine.read('lobby', { after: '0-0', limit: 1 })
  t.strictSame(await cost(() => engine.read('lobby', { after: head, limit: 500 })), { read: 1, given: 0 })
  const cheap = async (name: string, range: Parameters<typeof engine.read>[1]) => {
    const { read, given } = await cost(() => engine.read('lobby', range))
    t.equal(given, 500, name)
    t.ok(read <= 501, `${name}: ${read} read for ${given}`)
  }
  await cheap('from the oldest', { after: oldest!.id, limit: 500 })
  await cheap('from the origin', { after: '0-0', limit: 500 })
  await cheap('the newest', { limit: 500 })
  const { entries: [old] } = await engine.read('lobby', { before: head, limit: 100_000 })
  await cheap('from the middle', { after: old!.id, limit: 500 })
})

t.test('many appends in flight share a flush', async (t) => {
  const engine = await EmbeddedEngine.open({ directory: temporaryDirectory(t), history: 10_000 })
  t.teardown(() => engine.close())
  // A tail is told once per transaction.
  let transactions = 0
  await engine.tail('lobby', { hear: () => { transactions++ }, broken: () => {} })
  const draft = { type: 'message', user: { id: 'u', name: 'n', tag: 't' }, message: 'x' }
  let appended = 0
  const IN_FLIGHT = 64
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (appended < 3_200) {
      appended++
      await engine.append({ room: 'lobby', draft })
    }
  }))
  t.ok(transactions <= appended / IN_FLIGHT * 2, `${appended} appends, ${IN_FLIGHT} in flight: ${transactions} transactions`)
})
