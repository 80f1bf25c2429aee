import t from 'tap'
import { flawsOf, type Expected, type Logs } from './proof.js'
import { Recording, type Reset, type Track } from './recording.js'

const IDS = ['1-0', '2-0', '2-1', '3-0']
const json = (index: number, message = `message ${index}`): string =>
  JSON.stringify({ id: IDS[index], prev: IDS[index - 1] ?? '0-0', room: 'lobby', type: 'message', message })
const welcome = (track: Track, cursor: string, resumed = true, sent?: string): void =>
  track.add({ type: 'welcome', at: 0, url: '', sent, cursor: `lobby:${cursor}`, resumed: { lobby: resumed } })
const reset = (from: string, reason = 'lost'): Reset => ({ type: 'reset', room: 'lobby', reason, from })

/** Two clients of one room with four events, the second back after a cut, and what a fault makes of that. */
function flaws (fault: (record: Recording, one: Track, two: Track, logs: Logs) => void = () => {}, expected: Expected = {}): string[] {
  const record = new Recording()
  const [one, two] = [record.track('one'), record.track('two')]
  welcome(one, '0-0', false)
  for (const index of IDS.keys()) record.receive(one, json(index))
  welcome(two, '1-0', false)
  record.receive(two, json(1))
  two.add({ type: 'cut', at: 0 })
  welcome(two, '2-0', true, 'lobby:2-0')
  record.receive(two, json(2))
  record.receive(two, json(3))
  for (const [index, id] of IDS.entries()) record.posts.push({ room: 'lobby', message: `message ${index}`, id, unknown: false })
  const logs: Logs = new Map([['lobby', [...IDS.keys()].map((index) => JSON.parse(json(index)))]])
  fault(record, one, two, logs)
  return flawsOf(record, logs, expected)
}

t.test('a record without a fault has no flaw', async (t) => {
  t.strictSame(flaws(), [])
})

t.test('a fault is told as what it is', async (t) => {
  const tells = (what: RegExp, fault: (record: Recording, one: Track, two: Track, logs: Logs) => void, expected?: Expected): void => {
    const found = flaws(fault, expected)
    t.ok(found.some((flaw) => what.test(flaw)), `${what}: ${found.join(' · ')}`)
  }
  const drop = (track: Track, id: string): void => {
    track.items.splice(track.items.findIndex((item) => item.type === 'event' && item.event.id === id), 1)
  }
  tells(/^a gap: 3-0 of lobby comes after 2-1, and came after 2-0 \(one\)/, (_, one) => drop(one, '2-1'))
  tells(/^an acknowledged event was not delivered: 2-1 of lobby, and 0 more \(one\)/, (_, one) => drop(one, '2-1'))
  tells(/^a gap: .* \(two\)/, (_, _one, two) => drop(two, '2-1'))
  tells(/^a stuck reader: is at 2-1 of lobby, which ends with 3-0 \(two\)/, (_, _one, two) => drop(two, '3-0'))
  tells(/^a duplicate, or another order: 3-0 of lobby came after 3-0 \(one\)/, (record, one) => record.receive(one, json(3)))
  tells(/^a duplicate, or another order: 2-0 of lobby came after 3-0 \(two\)/, (record, _, two) => record.receive(two, json(1)))
  tells(/^a gap: was at 3-0 of lobby, came back with lobby:3-0, and was welcomed at 9-0 \(two\)/, (_, _one, two) => welcome(two, '9-0', true, 'lobby:3-0'))
  tells(/^another order: .* \(one\)|came after 3-0 \(one\)/, (_, one) => { one.items.push(...one.items.splice(2, 1)) })
  tells(/^another content: 3-0 of lobby came to two/, (record, _, two) => record.receive(two, json(3, 'forged')))
  tells(/^another event: 3-0 of lobby was acknowledged for other, and is message 3/, (record) => { record.posts.at(-1)!.message = 'other' })
  tells(/^a lost acknowledgement: 9-0 of lobby/, (record) => { record.posts.push({ room: 'lobby', message: 'nine', id: '9-0', unknown: false }) })
  tells(/^not kept: 3-0 of lobby/, (_, _one, _two, logs) => { logs.get('lobby')!.pop() })
  tells(/^a lost acknowledgement: 3-0 of lobby/, (_, _one, _two, logs) => { logs.get('lobby')!.pop() })
  tells(/^a broken log: 3-0 of lobby/, (_, _one, _two, logs) => { logs.get('lobby')!.splice(2, 1) })
  tells(/^stored twice in lobby: message 3/, (_, _one, _two, logs) => { logs.get('lobby')!.push({ id: '4-0', prev: '3-0', message: 'message 3' }) })
  tells(/^stored all the same: message 3/, (record) => { delete record.posts.at(-1)!.id })
  tells(/^two orders: 3-0 and 4-0 of lobby both come after 2-1/, (record) => {
    const three = record.track('three')
    welcome(three, '2-1', false)
    record.receive(three, json(3).replace('"3-0"', '"4-0"'))
  })
  tells(/^a reset: lost in lobby, from 3-0 to 2-0 \(two\)/, (_, _one, two) => two.add(reset('2-0')))
  tells(/^not told: .* and no reset came \(two\)/, (_, _one, two) => welcome(two, '3-0', false, 'lobby:3-0'))
  tells(/^not told: .* and 4-0 came without a reset \(two\)/, (record, _, two) => {
    welcome(two, '3-0', false, 'lobby:3-0')
    record.receive(two, json(3).replace('"2-1"', '"3-0"').replace('"3-0"', '"4-0"'))
  })
})

t.test('a store that lost what it acknowledged, and said so, has no flaw', async (t) => {
  const failover = (told: boolean) => (record: Recording, one: Track, two: Track, logs: Logs): void => {
    logs.set('lobby', [...logs.get('lobby')!.slice(0, 2), { id: '4-0', prev: '2-0', message: 'after it' }])
    record.posts.push({ room: 'lobby', message: 'after it', id: '4-0', unknown: false })
    for (const track of [one, two]) {
      if (told) track.add(reset('2-0'))
      record.receive(track, JSON.stringify({ id: '4-0', prev: '2-0', room: 'lobby', message: 'after it' }))
    }
  }
  const past = (record: Recording, one: Track, _: Track, logs: Logs): void => {
    logs.set('lobby', [...logs.get('lobby')!.slice(0, 2), { id: '2-5', prev: '2-0', message: 'never seen' }])
    record.posts.push({ room: 'lobby', message: 'never seen', id: '2-5', unknown: false })
    one.add(reset('2-5'))
  }
  t.match(flaws(past, { lossy: true, resets: ['lost'] }), [/^an acknowledged event was not delivered: 2-5 of lobby, and 0 more \(one\)/])
  t.strictSame(flaws(failover(true), { lossy: true, resets: ['lost'] }), [])
  t.match(flaws(failover(false), { lossy: true, resets: ['lost'] }), [/^a gap: 4-0 of lobby comes after 2-0, and came after 3-0 \(one\)/, /\(two\)/])
  t.ok(flaws(failover(true)).some((flaw) => flaw.startsWith('a lost acknowledgement')), 'but where nothing may be lost it has')
})
