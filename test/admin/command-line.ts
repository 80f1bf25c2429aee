import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Environment } from '../harness.js'

const ADMIN = fileURLToPath(new URL('../../dist/admin.js', import.meta.url))

export interface Said {
  code: number | null
  out: string
  err: string
}

/** The command line as shipped. @param wrapper a command to run it under */
export async function hubbub (environment: Environment, args: string[], wrapper: string[] = []): Promise<Said> {
  const [command, ...rest] = [...wrapper, process.execPath, ADMIN, ...args]
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TAP|NODE_OPTIONS)/.test(name)))
  const child = spawn(command!, rest, { env: { ...inherited, ...environment } as NodeJS.ProcessEnv, stdio: ['ignore', 'pipe', 'pipe'], cwd: tmpdir() })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk) => { out += chunk })
  child.stderr.on('data', (chunk) => { err += chunk })
  const [code] = await once(child, 'close') as [number | null]
  return { code, out, err }
}

/** The same, with its answer as JSON. */
export async function hubbubJson (environment: Environment, args: string[]): Promise<any> {
  const { code, out, err } = await hubbub(environment, ['--json', ...args])
  if (code !== 0) throw new Error(`exit ${code}: ${err}`)
  return JSON.parse(out)
}
