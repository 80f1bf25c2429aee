import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect, type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { connect as connectTls } from 'node:tls'
import { join } from 'node:path'
import type { Test } from 'tap'
import { call, eventually, missing, temporaryDirectory } from '../harness.js'
import { freePort } from '../redis/free-port.js'

/** `CADDY`: another one than the installed. */
const path = [process.env['CADDY'] ?? '', '/usr/bin/caddy', '/usr/local/bin/caddy'].find(existsSync)

export interface Caddy {
  /** Plain HTTP, and HTTPS. */
  url: string
  secure: string
  /** What it has written to its log. */
  log (): string
}

/** Whether the test cannot run, since Caddy is not installed. */
export function missingCaddy (t: Test): boolean {
  return missing(t, path, 'install Caddy (apt-get install caddy) to see the nodes behind it')
}

/** Caddy with the Caddyfile as shipped, or another, in front of nodes at these addresses. */
export async function startCaddy (t: Test, nodes: string[], caddyfile?: string): Promise<Caddy> {
  const ports = new Set<number>()
  while (ports.size < 3) ports.add(await freePort())
  const [http, https, plain] = ports
  const directory = temporaryDirectory(t)
  const file = caddyfile === undefined ? new URL('../../Caddyfile', import.meta.url).pathname : join(directory, 'Caddyfile')
  if (caddyfile !== undefined) writeFileSync(file, caddyfile)
  const child = spawn(path!, ['run', '--config', file, '--adapter', 'caddyfile'], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      HOME: directory,
      XDG_DATA_HOME: directory,
      XDG_CONFIG_HOME: directory,
      NODES: nodes.map((url) => new URL(url).host).join(' '),
      HTTP_PORT: String(http),
      HTTPS_PORT: String(https),
      PLAIN_PORT: String(plain)
    }
  })
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => { log += chunk.toString() })
  const exited = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const caddy = { url: `http://localhost:${plain}`, secure: `https://localhost:${https}`, log: () => log }
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`Caddy has ended: ${log}`)
    // What it answers by itself, whether there are nodes or not.
    return (await call(`${caddy.url}/metrics`).catch(() => undefined))?.status === 404 && await greets(https!)
  }
  await eventually(answers, 'Caddy listens')
  return caddy
}

/** Whether there is a certificate by now. */
async function greets (port: number): Promise<boolean> {
  const socket = connectTls({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false })
  const greeted = await once(socket, 'secureConnect').then(() => true, () => false)
  socket.destroy()
  return greeted
}

export interface Answer {
  headers: IncomingHttpHeaders
  text: () => string
  close: () => void
}

/** A connection by HTTP/2, as a browser's. Caddy's own authority is taken at its word. */
export async function openHttp2 (t: Test, { secure }: Caddy): Promise<{ session: ClientHttp2Session, get: (path: string, headers?: OutgoingHttpHeaders) => Promise<Answer> }> {
  const session = connect(secure, { rejectUnauthorized: false })
  t.teardown(() => session.destroy())
  await once(session, 'connect')
  return {
    session,
    get: async (path, headers) => {
      const stream = session.request({ ':path': path, accept: 'text/event-stream', 'accept-encoding': 'gzip, deflate, br', ...headers })
      let text = ''
      stream.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('error', () => {})
      const [answer] = await once(stream, 'response') as [IncomingHttpHeaders]
      return { headers: answer, text: () => text, close: () => stream.close() }
    }
  }
}
