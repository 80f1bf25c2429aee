import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
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
  t.ok(existsSync(join(directory, 'lock')), 'the dead one\'s socket is still there')
  const second = await startServer(t, { DATA_DIR: directory })
  t.equal((await post(second.url, { message: 'and here' })).status, 201)
})

t.test('of many that start at once after a crash, one has the directory', async (t) => {
  const directory = temporaryDirectory(t)
  const dead = await startServer(t, { DATA_DIR: directory })
  await dead.stop('SIGKILL')
  const starts = await Promise.allSettled(Array.from({ length: 5 }, () => startServer(t, { DATA_DIR: directory })))
  const started = starts.filter(({ status }) => status === 'fulfilled')
  const refused = starts.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
  t.ok(started.length <= 1, `${started.length} started`)
  for (const { reason } of refused) t.match(reason.message, /DATA_DIR is in use/)
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
