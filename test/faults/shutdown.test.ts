import t from 'tap'
import { Reader, call, chainFlaw, eventually, guest, post, startServer, temporaryDirectory } from '../harness.js'

const STREAMS = 500

t.test('SIGTERM with 500 open streams and posts in flight: exit 0, nothing accepted is lost, every client caught up afterwards', { timeout: 120_000 }, async (t) => {
  const directory = temporaryDirectory(t)
  const server = await startServer(t, { DATA_DIR: directory, DRAIN_TIME: '3s' })
  const { authorization } = await guest(server.url)
  const open = (url: string, cursor?: string): Promise<Reader> =>
    Reader.open(`${url}/events`, { keepText: false, headers: cursor === undefined ? {} : { 'last-event-id': cursor } })
  const readers = await Promise.all(Array.from({ length: STREAMS }, () => open(server.url)))
  await Promise.all(readers.map((reader) => reader.until(({ received }) => received.length > 0)))

  const accepted: string[] = []
  let refused = 0
  let open503 = 0
  const publishers = Array.from({ length: 4 }, async (_, index) => {
    for (let i = 0; ; i++) {
      const answer = await post(server.url, { message: `message ${i} of ${index}` }, { authorization }).catch(() => undefined)
      if (answer === undefined) {
        refused++
        return
      }
      if (answer.status === 201) accepted.push(answer.body.event.id)
      else open503++
    }
  })
  await eventually(() => accepted.length > 100, 'under load')
  t.equal(await server.stop('SIGTERM'), 0, 'it ends well')
  await Promise.all(publishers)
  t.equal(refused, publishers.length, 'the connection was refused in the end')
  t.equal(open503, 0, 'and no post was turned away in between')
  await Promise.all(readers.map((reader) => reader.end()))
  const retries = readers.map((reader) => reader.notices('bye').at(-1)?.retry as number)
  t.ok(retries.every((retry) => retry > 0), 'everybody was sent off')
  t.ok(new Set(retries).size > STREAMS / 5, `spread over the drain time: ${Math.min(...retries)} to ${Math.max(...retries)} ms`)
  t.ok(readers.every((reader) => reader.retry === reader.notices('bye').at(-1)?.retry), 'in the words of an EventSource too')

  const again = await startServer(t, { DATA_DIR: directory })
  const newest = (await post(again.url, { message: 'after' }, { authorization })).body.event.id
  const back = await Promise.all(readers.map((reader) => open(again.url, reader.cursor)))
  await Promise.all(back.map((reader) => reader.until(({ events }) => events.at(-1)?.id === newest)))
  let whole = new Set<string>()
  let flaws = 0
  for (const [index, reader] of readers.entries()) {
    const seen = [...reader.events, ...back[index]!.events]
    if (chainFlaw(seen, '0-0') !== undefined) flaws++
    whole = new Set(seen.map(({ id }) => id))
    back[index]!.close()
  }
  t.equal(flaws, 0, 'each saw one chain over the restart')
  t.comment(`${accepted.length} accepted`)
  t.strictSame(accepted.filter((id) => !whole.has(id)), [], `all ${accepted.length} accepted are in it`)
})

t.test('a server that goes down says that it is not ready before it closes its door', async (t) => {
  const server = await startServer(t, { DATA_DIR: temporaryDirectory(t), DRAIN_DELAY: '1s' })
  t.equal((await call(`${server.url}/readyz`)).status, 200)
  const stopped = server.stop('SIGTERM')
  await eventually(async () => (await call(`${server.url}/readyz`)).status === 503, 'not ready')
  t.equal((await post(server.url, { message: 'still taken' })).status, 201)
  t.equal(await stopped, 0)
})

t.test('a bad value stops the start with one line', async (t) => {
  const start = (environment: Record<string, string>): Promise<string> =>
    startServer(t, { DATA_DIR: temporaryDirectory(t), ...environment }).then(() => 'it started', (error: Error) => error.message)
  t.match(await start({ PORT: 'eighty' }), /^the server ended \(1\): Hubbub cannot start: PORT cannot be "eighty": it wants a whole number from 0 to 65535.*\n$/)
  t.match(await start({ TOKEN_SECRET: 'short' }), /ended \(1\): Hubbub cannot start: TOKEN_SECRET cannot be what it has: it wants at least 32 characters.*\n$/)
})
