import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { EmbeddedEngine } from '../../src/engines/embedded.js'
import { Reader, call, eventually, guest, missing, post, startServer, temporaryDirectory, type RunningServer } from '../harness.js'

// SIGKILL spares the page cache, so it cannot show that a message is on disk. Here the disk itself is made slow, and
// then made to fail, under a real server: strace changes what its system calls on the data file do.
const strace = ['/usr/bin/strace', '/usr/local/bin/strace'].find(existsSync)
const REMEDY = 'install strace (apt-get install strace) to see the disk fail'

/**
 * The server with a fault in its calls on the data file. strace counts a call for each thread apart, and traces as a
 * grandchild, so that the process we started is the server itself.
 */
async function underFault (t: Test, directory: string, calls: string, fault: string): Promise<RunningServer> {
  const file = join(directory, 'hubbub.mdb')
  return startServer(t, { DATA_DIR: directory }, [
    strace!, '--daemonize', '--follow-forks', '--quiet=all', '--output=/dev/null', `--trace-path=${file}`, `--trace=${calls}`, `--inject=${calls}:${fault}`, '--'
  ])
}

/** The same fault for a server that runs already: calls are counted from now on. */
async function meetFault (t: Test, server: RunningServer, directory: string, calls: string, fault: string): Promise<void> {
  const tracer = spawn(strace!, [
    '--follow-forks', '--output=/dev/null', `--trace-path=${join(directory, 'hubbub.mdb')}`, `--trace=${calls}`, `--inject=${calls}:${fault}`, `--attach=${server.process.pid}`
  ], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => tracer.kill())
  await once(tracer.stderr, 'data') // It says so when it is attached.
}

/** A store with one message in it, so that the faults meet a file that is there. */
async function prepared (t: Test): Promise<string> {
  const directory = temporaryDirectory(t)
  const engine = await EmbeddedEngine.open({ directory, history: 100 })
  await engine.append({ room: 'lobby', draft: { type: 'message', user: { id: 'u', name: 'n', tag: 't' }, message: 'before' } })
  await engine.documents.put('settings', 'token-secret', 'a secret that the tests know well enough')
  await engine.close()
  return directory
}

const history = async (url: string): Promise<string[]> =>
  (await call(`${url}/rooms/lobby/events`)).body.events.map(({ message }: { message: string }) => message)

t.test('with a slow disk, no answer, frame, history row or resume comes before the flush is done', { timeout: 60_000 }, async (t) => {
  if (missing(t, strace, REMEDY)) return
  const DELAY_MS = 1_500
  const server = await underFault(t, await prepared(t), 'fdatasync', `delay_enter=${DELAY_MS * 1000}`)
  const { authorization } = await guest(server.url)
  const readers = await Promise.all(['text/event-stream', 'application/x-ndjson'].map((accept) => Reader.open(`${server.url}/events?lurk=1`, { headers: { accept } })))
  for (const reader of readers) await reader.until(({ received }) => received.length > 0)

  const seen: string[] = []
  const began = performance.now()
  const posted = post(server.url, { message: 'slow' }, { authorization }).then(({ status }) => {
    seen.push('answer')
    return status
  })
  const frames = readers.map((reader) => reader.until(({ messages }) => messages.includes('slow')).then(() => seen.push('frame')))
  let looks = 0
  while (performance.now() - began < DELAY_MS * 0.8) {
    // Whatever may be on its way, in the first eight tenths of the delay nothing shows it.
    if ((await history(server.url)).includes('slow')) seen.push('history')
    if ((await call(`${server.url}/events?history=5&wait=0`, { headers: { accept: 'application/json' } })).body.events.some(({ message }: { message: string }) => message === 'slow')) seen.push('poll')
    looks++
  }
  t.strictSame(seen, [], `nothing, in ${looks} looks`)
  t.equal(await posted, 201)
  await Promise.all(frames)
  t.ok(performance.now() - began >= DELAY_MS, 'the flush was waited for')
  t.ok((await history(server.url)).includes('slow'))
})

for (const [name, calls, fault] of [
  ['a flush that fails', 'fdatasync', 'error=EIO:when=2+'],
  ['a full disk', 'pwritev,writev', 'error=ENOSPC:when=3+']
] as const) {
  t.test(`${name}: 503, and nobody ever sees the message`, { timeout: 60_000 }, async (t) => {
    if (missing(t, strace, REMEDY)) return
    const directory = await prepared(t)
    const server = await underFault(t, directory, calls, fault)
    const { authorization } = await guest(server.url)
    const reader = await Reader.open(`${server.url}/events?lurk=1`)
    await reader.until(({ received }) => received.length > 0)

    // The fault sets in after some calls of each thread: whatever comes before it is acknowledged and kept.
    const acknowledged: string[] = ['before']
    const refused: string[] = []
    for (let i = 0; refused.length < 5 && i < 100; i++) {
      const message = `message ${i}`
      const { status, body, headers } = await post(server.url, { message }, { authorization })
      if (status === 201) acknowledged.push(message)
      else {
        refused.push(message)
        if (refused.length > 1) continue
        t.match({ status, body }, { status: 503, body: { statusCode: 503, code: 'HUB_STORE_UNAVAILABLE', error: 'Service Unavailable' } })
        t.ok(Number(headers.get('retry-after')) > 0, 'says when to try again')
      }
    }
    // The check's own small write may need no call that the full disk fails.
    if (calls === 'fdatasync') t.equal((await call(`${server.url}/readyz`)).status, 503, 'it says that it is not ready')
    t.equal(refused.length, 5, 'it fails')
    t.strictSame(await history(server.url), acknowledged)
    await eventually(() => reader.messages.length === acknowledged.length - 1, 'the stream has what was acknowledged')
    t.strictSame(reader.messages, acknowledged.slice(1))
    t.equal((await call(`${server.url}/healthz`)).status, 200, 'it goes on serving')
    t.notOk(reader.ended, 'and the stream stays open')
    reader.close()
    await server.stop('SIGKILL')

    const mended = await startServer(t, { DATA_DIR: directory })
    t.strictSame(await history(mended.url), acknowledged, 'nor after a restart')
    t.equal((await post(mended.url, { message: 'mended' })).status, 201)
  })
}

t.test('a disk that has space again is written to again, without a restart', { timeout: 60_000 }, async (t) => {
  if (missing(t, strace, REMEDY)) return
  const server = await underFault(t, await prepared(t), 'fdatasync', 'error=ENOSPC:when=2..4')
  const { authorization } = await guest(server.url)
  const statuses: number[] = []
  for (let i = 0; i < 60 && !(statuses.includes(503) && statuses.at(-1) === 201); i++) {
    statuses.push((await post(server.url, { message: `message ${i}` }, { authorization })).status)
  }
  t.ok(statuses.includes(503), `it failed: ${statuses.join(' ')}`)
  t.equal(statuses.at(-1), 201, 'and went on')
  await eventually(async () => (await call(`${server.url}/readyz`)).status === 200, 'ready again')
  const { body } = await call(`${server.url}/rooms/lobby/events?limit=500`)
  t.equal(body.events.length, 1 + statuses.filter((status) => status === 201).length)
})

t.test('a transaction whose end cannot be written ends the process, which starts again with all that it acknowledged', { timeout: 60_000 }, async (t) => {
  if (missing(t, strace, REMEDY)) return
  const directory = await prepared(t)
  const server = await startServer(t, { DATA_DIR: directory })
  const { authorization } = await guest(server.url)
  // With the first post it is noted who has spoken, and from where; the third is stored after that. Then all writes are the posts' own.
  for (const message of ['one', 'two', 'three']) t.equal((await post(server.url, { message }, { authorization })).status, 201)
  // Every seventh write of a page alone fails: sooner or later it is a transaction's last one.
  await meetFault(t, server, directory, 'pwrite64', 'error=EIO:when=5+7')
  const reader = await Reader.open(`${server.url}/events?lurk=1`)
  const acknowledged: string[] = []
  const codes = new Set<string>()
  for (let i = 0; !codes.has('HUB_OUTCOME_UNKNOWN') && i < 200; i++) {
    const message = `message ${i}`
    const { status, body } = await post(server.url, { message }, { authorization })
    if (status === 201) acknowledged.push(message)
    else codes.add(body.code)
  }
  codes.delete('HUB_STORE_UNAVAILABLE') // A page before the last one: nothing was stored.
  t.strictSame([...codes], ['HUB_OUTCOME_UNKNOWN'], 'it says that it does not know')
  await reader.end()
  t.strictSame(reader.messages, acknowledged)
  t.equal(reader.notices('bye').length, 1, 'readers are sent off')
  if (server.process.exitCode === null) await new Promise((resolve) => server.process.on('exit', resolve))
  t.equal(server.process.exitCode, 1)
  t.match(server.output(), /the store can only be opened anew/)

  const again = await startServer(t, { DATA_DIR: directory })
  t.strictSame((await history(again.url)).slice(4, 4 + acknowledged.length), acknowledged)
  t.equal((await post(again.url, { message: 'mended' })).status, 201)
})
