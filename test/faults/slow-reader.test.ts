import { readFileSync } from 'node:fs'
import t from 'tap'
import { scrape } from '../exposition.js'
import { Reader, chainFlaw, eventually, guest, post, startServer, temporaryDirectory } from '../harness.js'

const MEGABYTE = 1024 * 1024
const PUBLISHED = 30 * MEGABYTE

/** Resident memory in bytes, without the pages of mapped files: LMDB's map is the page cache, not the process's own. */
function ownMemory (pid: number): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) * 1024
}

t.test('a reader that never reads costs no memory, holds nobody up, and is told what it lost', { timeout: 280_000 }, async (t) => {
  const HISTORY = 1_000
  const server = await startServer(t, {
    DATA_DIR: temporaryDirectory(t), ROOM_HISTORY: String(HISTORY), STALL_TIMEOUT: '10m', ROOM_RING_BYTES: String(MEGABYTE)
  })
  const { authorization } = await guest(server.url)
  const message = 'x'.repeat(3_500)
  let published = 0
  const publish = async (bytes: number): Promise<string> => {
    const end = published + bytes
    let last = ''
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (published < end) {
        published += message.length
        last = (await post(server.url, { message }, { authorization })).body.event.id
      }
    }))
    return last
  }
  const count = (reader: Reader): number => reader.events.length
  const others = await Promise.all(Array.from({ length: 3 }, () => Reader.open(`${server.url}/events?lurk=1`, { keepText: false })))

  // What the same load costs without the slow ones.
  await publish(PUBLISHED)
  const sent = Math.ceil(published / message.length)
  await Promise.all(others.map((reader) => reader.until(() => count(reader) >= sent)))
  const before = ownMemory(server.process.pid!)

  const SLOW = 5
  const slow = await Promise.all(Array.from({ length: SLOW }, () => Reader.open(`${server.url}/events?lurk=1`, { keepText: false })))
  await Promise.all(slow.map((reader) => reader.until(({ received }) => received.length > 0)))
  for (const reader of slow) reader.pause()
  await publish(PUBLISHED)
  const all = Math.ceil(published / message.length)
  await Promise.all(others.map((reader) => reader.until(() => count(reader) >= all)))
  t.pass('the others have everything, while the slow ones read nothing')
  const after = ownMemory(server.process.pid!)
  const each = (after - before) / SLOW
  t.ok(each < 10 * MEGABYTE, `${(each / MEGABYTE).toFixed(2)} MB for each of ${SLOW} slow readers`)
  for (const reader of others) t.equal(chainFlaw(reader.events), undefined)

  const newest = (await post(server.url, { message: 'the newest' }, { authorization })).body.event.id
  for (const reader of slow) reader.resume()
  await Promise.all(slow.map((reader) => reader.until(({ events }) => events.at(-1)?.id === newest)))
  for (const reader of slow) {
    const [reset, ...more] = reader.notices('reset')
    t.match(reset, { reason: 'trimmed', room: 'lobby' })
    t.equal(more.length, 0)
    const kept = reader.events.slice(reader.events.findIndex(({ prev }) => prev === reset.from))
    t.equal(chainFlaw(kept, reset.from), undefined, 'one chain from the reset on')
    t.ok(kept.length >= HISTORY, `${kept.length}: everything still kept`)
    t.equal(chainFlaw(reader.events.slice(0, reader.events.indexOf(kept[0]!))), undefined, 'and one before it')
  }
})

t.test('a reader that takes nothing for too long is sent off, and resumes from its cursor', { timeout: 60_000 }, async (t) => {
  const server = await startServer(t, { DATA_DIR: temporaryDirectory(t), STALL_TIMEOUT: '1s' })
  const { authorization } = await guest(server.url)
  const idle = await Reader.open(`${server.url}/events?lurk=1`)
  const stalled = await Reader.open(`${server.url}/events?lurk=1`, { keepText: false })
  await stalled.until(({ received }) => received.length > 0)
  stalled.pause()
  const message = 'x'.repeat(3_500)
  let posted = 0
  const streams = async (): Promise<number> => (await (await fetch(`${server.url}/healthz`)).json() as { streams: number }).streams
  await eventually(async () => {
    await Promise.all(Array.from({ length: 20 }, () => post(server.url, { message: `${posted++} ${message}` }, { authorization })))
    return await streams() === 1
  }, 'sent off', 40_000)
  t.notOk(idle.ended, 'one that merely has nothing to take stays')
  t.equal((await scrape(server.url))('hubbub_streams_sent_off_total{reason="stalled"}'), 1, 'it is counted')
  stalled.resume()
  await stalled.end()
  const back = await Reader.open(`${server.url}/events?lurk=1`, { headers: { 'last-event-id': stalled.cursor! }, keepText: false })
  await back.until(({ events }) => stalled.events.length + events.length === posted)
  t.equal(chainFlaw([...stalled.events, ...back.events], '0-0'), undefined, 'nothing is missing over both')
  idle.close()
  back.close()
})
