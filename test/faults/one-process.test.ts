import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { DirectoryLock } from '../../src/engines/directory-lock.js'
import { EmbeddedEngine } from '../../src/engines/embedded.js'
import { eventually, missing, post, startServer, temporaryDirectory } from '../harness.js'

t.test('a second process on the same directory is refused in one line; after a SIGKILL none is', async (t) => {
  const directory = temporaryDirectory(t)
  const first = await startServer(t, { DATA_DIR: directory })
  const refused: Error = await startServer(t, { DATA_DIR: directory }).then(() => { throw new Error('it started') }, (error) => error)
  t.match(refused.message, new RegExp(`ended \\(1\\).*DATA_DIR is in use \\(process ${first.process.pid} has it\\)`))
  t.equal(refused.message.trim().split('\n').length, 1, 'one line')
  t.equal((await post(first.url, { message: 'still here' })).status, 201)

  await first.stop('SIGKILL')
  t.ok(readdirSync(directory).some((name) => name.startsWith('lock.')), 'the dead one\'s socket is still there')
  const second = await startServer(t, { DATA_DIR: directory })
  t.equal((await post(second.url, { message: 'and here' })).status, 201)
})

t.test('of many that start at once after a crash, one has the directory', async (t) => {
  const directory = temporaryDirectory(t)
  const dead = await startServer(t, { DATA_DIR: directory })
  await dead.stop('SIGKILL')
  const starts = await Promise.allSettled(Array.from({ length: 5 }, () => startServer(t, { DATA_DIR: directory })))
  const refused = starts.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
  t.equal(refused.length, starts.length - 1, 'all but one are refused')
  for (const { reason } of refused) t.match(reason.message, /DATA_DIR is in use/)
})

t.test('of holders that try at the same instant, with a dead one\'s socket there, one at most has it', async (t) => {
  const directory = temporaryDirectory(t)
  const dead = await startServer(t, { DATA_DIR: directory })
  await dead.stop('SIGKILL')
  for (let round = 0; round < 20; round++) {
    const tries = await Promise.allSettled(Array.from({ length: 4 }, () => DirectoryLock.hold(directory)))
    const held = tries.flatMap((outcome) => outcome.status === 'fulfilled' ? [outcome.value] : [])
    t.equal(held.length, 1, `round ${round}`)
    await held[0]?.release()
  }
  t.strictSame(readdirSync(directory).filter((name) => name.startsWith('lock.')), [], 'no socket is left')
})

t.test('a directory with a very long path is held too', async (t) => {
  const directory = join(temporaryDirectory(t), 'x'.repeat(100), 'y'.repeat(100))
  mkdirSync(directory, { recursive: true })
  const engine = await EmbeddedEngine.open({ directory, history: 10 })
  t.teardown(() => engine.close())
  await t.rejects(EmbeddedEngine.open({ directory, history: 10 }), { name: 'DirectoryHeld' })
})

t.test('where every server is process 1, as in containers, the same holds', async (t) => {
  const apart = ['unshare', '--pid', '--fork', '--kill-child=SIGKILL', '--']
  const able = ((): string | undefined => {
    try {
      return execFileSync(apart[0]!, [...apart.slice(1), 'true']).toString()
    } catch {
      return undefined
    }
  })()
  if (missing(t, able, 'run as root on Linux to give servers a PID namespace each')) return
  const directory = temporaryDirectory(t)
  const first = await startServer(t, { DATA_DIR: directory }, apart)
  const refused: Error = await startServer(t, { DATA_DIR: directory }, apart).then(() => { throw new Error('it started') }, (error) => error)
  t.match(refused.message, /DATA_DIR is in use \(process 1 has it\)/)
  await first.stop('SIGKILL')
  await eventually(async () => (await post(first.url, { message: 'x' }).catch(() => undefined)) === undefined, 'its child is gone too')
  const again = await startServer(t, { DATA_DIR: directory }, apart)
  t.equal((await post(again.url, { message: 'here again' })).status, 201)
})

t.test('a data directory that cannot be used stops the start with one line', async (t) => {
  const start = async (directory: string): Promise<string> => {
    const error: Error = await startServer(t, { DATA_DIR: directory }).then(() => { throw new Error('it started') }, (error) => error)
    t.equal(error.message.trim().split('\n').length, 1, 'one line')
    return error.message
  }
  const foreign = temporaryDirectory(t)
  writeFileSync(join(foreign, 'hubbub.mdb'), 'something else entirely, longer than a header')
  t.match(await start(foreign), /ended \(1\).*hubbub\.mdb is no store of ours/)
  t.match(await start(join(foreign, 'hubbub.mdb')), /ended \(1\).*DATA_DIR cannot be used/)

  const short = temporaryDirectory(t)
  const engine = await EmbeddedEngine.open({ directory: short, history: 1_000 })
  await engine.close()
  for (const size of [4_096, 100, 30]) {
    truncateSync(join(short, 'hubbub.mdb'), size)
    t.match(await start(short), /ended \(1\).*hubbub\.mdb is cut short/, `${size} bytes`)
  }
})
