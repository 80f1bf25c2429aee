import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nchanConfig } from './peers/nchan.js'

const NCHAN_MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const python = process.env.PYTHON ?? 'python3'

/** A peer takes a room in the path, and gets as many bytes to an event as Hubbub's has. */
const peer = (padding) => ({
  path: '/events?room=room-{ROOM}',
  postPath: '/events?room=room-{ROOM}',
  body: (more = 0) => JSON.stringify({ message: `@@{T}@@ ${'x'.repeat(padding + more)}` })
})

const hubbub = {
  name: 'Hubbub',
  path: '/events?room=room-{ROOM}',
  postPath: '/events',
  body: (more = 0) => JSON.stringify({ room: 'room-{ROOM}', message: `@@{T}@@${'x'.repeat(more)}` }),
  readyPath: '/readyz',
  command: ({ directory, watched = false }) => ({
    command: [process.execPath, ...(watched ? ['--expose-gc', '--import', here('look.js')] : []), here('../dist/server.js')],
    environment: { DATA_DIR: join(directory, 'data'), LIMITS: 'off', LOG_LEVEL: 'warn' }
  })
}

const PERSISTENCE = {
  fsync: { appendonly: 'yes', appendfsync: 'always' },
  everysec: { appendonly: 'yes', appendfsync: 'everysec' },
  memory: { appendonly: 'no' }
}

/**
 * How each server is started and driven. `missing`: what has to be installed first. `readyPath`: answers 200 when it is
 * ready; `ready` asks where that is no HTTP. `body`: a post, with so many bytes more in its message.
 * `worker`: the process that does the work, where the one that is started only watches over it.
 */
export const servers = {
  hubbub,
  /** One of many nodes; it is told which Redis by `REDIS_URL`. */
  node: { ...hubbub, name: 'Hubbub on Redis', missing: missingRedis },
  redis: {
    name: 'Redis',
    missing: missingRedis,
    ready: answersPing,
    command: ({ port, directory, persistence = 'fsync' }) => ({
      command: ['redis-server', ...Object.entries({ port, dir: directory, bind: '127.0.0.1', save: '', ...PERSISTENCE[persistence] })
        .flatMap(([name, value]) => [`--${name}`, String(value)])]
    })
  },
  nchan: {
    name: 'nchan',
    ...peer(190),
    missing: () => existsSync(NCHAN_MODULE) ? undefined : 'the Debian package libnginx-mod-nchan',
    command: ({ port, directory }) => {
      const config = join(directory, 'nginx.conf')
      writeFileSync(config, nchanConfig({ port, module: NCHAN_MODULE, files: openFiles() }))
      return { command: ['nginx', '-p', directory, '-e', join(directory, 'error.log'), '-c', config] }
    },
    worker: (pid) => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')[0])
  },
  talk: {
    name: 'talk',
    ...peer(170),
    missing: () => pythonHas('aiohttp', 'aiohttp_sse') ? undefined : 'the Python packages aiohttp and aiohttp_sse (pip install aiohttp aiohttp_sse)',
    command: () => ({ command: [python, here('peers/talk.py')] })
  },
  floorWrite: { name: 'res.write floor', ...peer(140), command: () => ({ command: [process.execPath, here('peers/floor-write.js')] }) },
  floorTick: { name: 'tick floor', ...peer(140), command: () => ({ command: [process.execPath, here('peers/floor-tick.js')] }) }
}

/** The hard limit: Node raises its own to it, and what it starts inherits that. */
export function openFiles () {
  return Number(/^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024)
}

function pythonHas (...modules) {
  try {
    execFileSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Both are needed: the server, and what loads it. */
function missingRedis () {
  const there = ['redis-server', 'redis-benchmark'].every((program) => spawnSync(program, ['--version']).status === 0)
  return there ? undefined : 'the Debian packages redis-server and redis-tools'
}

async function answersPing (port) {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.end('PING\r\n')
    const [answer] = await once(socket, 'data')
    return String(answer).startsWith('+PONG')
  } finally {
    socket.destroy()
  }
}
