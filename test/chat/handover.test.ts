import t from 'tap'
import { laterId } from '../../src/chat/id.js'
import { Reader, chainFlaw, eventually, guest, post, startApp } from '../harness.js'

// The moment between "history read" and "live": a reader that opens, or comes back, while publishers post as fast as they
// are answered, and that does not read for a while in the middle of its catch-up.

const PUBLISHERS = 8
const REPRESENTATIONS = ['text/event-stream', 'application/x-ndjson']

for (const accept of REPRESENTATIONS) {
  for (const ring of ['1048576', '4096']) {
    t.test(`${accept}, rings of ${ring} bytes: catching up under full load neither loses nor doubles`, { timeout: 90_000 }, async (t) => {
      const { url } = await startApp(t, { ROOM_HISTORY: '1000000', ROOM_RING_BYTES: ring })
      const { authorization } = await guest(url)
      const first = (await post(url, { message: 'first' }, { authorization })).body.event.id
      let posting = true
      let posted = 1
      let last = first
      const publishers = Array.from({ length: PUBLISHERS }, async () => {
        while (posting) {
          const { body } = await post(url, { message: `${posted++} ${'.'.repeat(300)}` }, { authorization })
          last = laterId(last, body.event.id)
        }
      })
      await eventually(() => posted > 300, 'something to catch up with')

      const readers: Reader[] = []
      for (let i = 0; i < 12; i++) {
        const reader = await Reader.open(`${url}/events?last_event_id=${first}&lurk=1`, { headers: { accept }, keepText: false })
        readers.push(reader)
        if (i % 3 === 0) {
          // Stops in the middle of its catch-up, until the server can push nothing more into the sockets between them.
          reader.pause()
          const before = posted
          await eventually(() => posted > before + 400, 'much posted meanwhile')
          reader.resume()
        } else await eventually(() => reader.events.length > 100 * (i % 3), 'some way into the catch-up')
      }
      posting = false
      await Promise.all(publishers)
      await Promise.all(readers.map((reader) => reader.until(({ events }) => events.at(-1)?.id === last)))
      for (const [index, reader] of readers.entries()) {
        t.equal(chainFlaw(reader.events, first), undefined, `reader ${index}: one chain of ${reader.events.length}`)
        t.equal(reader.notices('reset').length, 0)
        reader.close()
      }
      t.equal(readers[0]!.events.length, posted - 1, 'all of them')
    })
  }
}
