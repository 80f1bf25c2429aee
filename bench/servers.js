import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
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

/**
 * How each server is started and driven. `missing`: what has to be installed first. `readyPath`: answers 200 when it is
 * ready. `body`: a post, with so many bytes more in its message.
 * `worker`: the process that does the work, where the one that is started only watches over it.
 */
export const servers = {
  hubbub: {
    name: 'Hubbub',
    path: '/events?room=room-{ROOM}',
    postPath: '/events',
    body: (more = 0) => JSON.stringify({ room: 'room-{ROOM}', message: `@@{T}@@${'x'.repeat(more)}` }),
    readyPath: '/readyz',
    command: ({ directory, watched = false }) => ({
      command: [process.execPath, ...(watched ? ['--expose-gc', '--import', here('look.js')] : []), here('../dist/server.js')],
      environment: { DATA_DIR: join(directory, 'data'), LIMITS: 'off', LOG_LEVEL: 'warn' }
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
