import { execFile, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { call, missing, post, startServer, temporaryDirectory } from '../harness.js'

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))
const read = (name: string): string => readFileSync(path(name), 'utf8')
/** How the image is made, once it has been built. */
const image = read('Dockerfile').split(/^FROM /m).at(-1)!
const RUN = fileURLToPath(new URL('../../test/image/run.sh', import.meta.url))
const REMEDY = 'run it as root on Linux, where mount namespaces may be made: the image\'s file system and user are imitated'
const can = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0

/** What the image has in it: what the Dockerfile copies, without what only developers need. */
function layOut (t: Test): string {
  const app = temporaryDirectory(t)
  const copied = [...image.matchAll(/^COPY (?:--from=build \/app\/)?(\S+) \.\/(?:\1)?$/gm)].map(([, name]) => name!)
  t.strictSame(copied.sort(), ['dist', 'node_modules', 'package.json', 'static'], 'what the Dockerfile copies')
  for (const name of ['dist', 'package.json', 'static']) cpSync(path(name), join(app, name), { recursive: true })
  const locked = Object.entries<{ dev?: boolean }>(JSON.parse(read('package-lock.json')).packages)
  for (const [name, { dev }] of locked) {
    if (/^node_modules\/(?!.*\/node_modules\/)/.test(name) && dev !== true && existsSync(path(name))) cpSync(path(name), join(app, name), { recursive: true })
  }
  chmodSync(app, 0o755)
  return app
}

t.test('the image runs as an unprivileged user, on a file system that is read-only but for its data', async (t) => {
  t.match(image, /\nUSER node\n/)
  const [, shared] = /^x-hubbub: &hubbub\n((?: .*\n)+)/m.exec(read('docker-compose.yml'))!
  for (const setting of ['  read_only: true\n', '  tmpfs:\n    - /tmp\n', '  cap_drop:\n    - ALL\n', '  security_opt:\n    - no-new-privileges:true\n']) t.ok(shared!.includes(setting), setting)

  if (missing(t, can ? 'unshare' : undefined, REMEDY)) return
  const app = layOut(t)
  const data = temporaryDirectory(t)
  chownSync(data, 1000, 1000)
  const wrapper = ['unshare', '--mount', 'sh', RUN, app, data]
  const run = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)(wrapper[0]!, [...wrapper.slice(1), process.execPath, ...args], { env: { PATH: process.env['PATH']!, DATA_DIR: '/mnt/data' } })).stdout

  const tried = JSON.parse(await run('-e', `
    const tried = ['/mnt/app', '/mnt/app/dist', '/mnt', '/', '/var/tmp', '/mnt/data'].map((directory) => {
      try { fs.writeFileSync(directory + '/probe', '') } catch ({ code }) { return code }
      return 'written'
    })
    const [, capabilities] = /^CapEff:\\s+(\\w+)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))
    console.log(JSON.stringify({ tried, uid: process.getuid(), capabilities: Number(capabilities) }))`))
  t.strictSame(tried, { tried: ['EROFS', 'EROFS', 'EROFS', 'EROFS', 'EROFS', 'written'], uid: 1000, capabilities: 0 }, 'so it is here')

  const environment = { NODE_ENV: 'production', HOST: '0.0.0.0', DATA_DIR: '/mnt/data' }
  const server = await startServer(t, environment, wrapper)
  const { status, body: { event, token } } = await post(server.url, { message: 'hi' })
  t.equal(status, 201)
  for (const page of ['/', '/app.js', '/vendor/eventsource-parser.js', '/docs', '/docs/json', '/healthz', '/readyz', '/metrics']) t.equal((await fetch(`${server.url}${page}`)).status, 200, page)
  const made = JSON.parse(await run('dist/admin.js', '--json', 'invite', 'create', 'ops'))
  t.equal((await call(`${server.url}/join/${made.code}`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status, 200, 'its command line reaches it')
  t.equal(await server.stop('SIGTERM'), 0)
  t.notMatch(server.output(), /"level":[56]0|EROFS|EACCES/)

  const again = await startServer(t, environment, wrapper)
  t.match((await call(`${again.url}/rooms/lobby/events`)).body.events, [{ id: event.id, message: 'hi' }])
  t.equal(await again.stop('SIGTERM'), 0)
})
