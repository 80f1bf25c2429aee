import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { call, guest, missing, startServer, temporaryDirectory } from '../harness.js'
import { SECRET, sign } from '../host-application.js'

/**
 * The OpenAPI document against the server: what it names is asked for in all forms that it allows, and in many that it does not.
 * FUZZ=5m asks for so long, and for other things each time.
 */
const here = fileURLToPath(new URL('../../test/fuzz/', import.meta.url))
const program = [fileURLToPath(new URL('../../.venv/bin', import.meta.url)), ...process.env['PATH']!.split(delimiter)]
  .map((directory) => `${directory}/schemathesis`).find((path) => existsSync(path))
const REMEDY = 'install schemathesis: python3 -m venv .venv && .venv/bin/pip install -r test/fuzz/requirements.txt'

/** Requests for each operation, at most, and in each of two ways. */
const EXAMPLES = 20
const minutes = /^(\d+)m$/.exec(process.env['FUZZ'] ?? '')?.[1]
const HOW = minutes === undefined ? ['--generation-deterministic', `--max-examples=${EXAMPLES}`] : [`--max-time=${Number(minutes) * 60}`]

const CALLERS: Record<string, { environment?: Record<string, string>, token?: (url: string) => Promise<string> }> = {
  nobody: { environment: { LIMITS: 'on' } },
  guest: { token: async (url) => (await guest(url)).authorization.slice('Bearer '.length) },
  moderator: { token: () => sign({ sub: 'moderator', rooms: { moderate: ['lobby', 'team-*'], read: ['*'], write: ['*'] } }) },
  admin: { token: () => sign({ sub: 'admin', rooms: { moderate: ['*'] } }) }
}

/** @returns what it says, and the code with which it ends */
async function fuzz (t: Test, url: string, token: string | undefined): Promise<{ output: string, code: number | null }> {
  const child = spawn(program!, [
    '--no-color', `--config-file=${here}/schemathesis.toml`, 'run', `${url}/docs/json`, ...HOW, ...(token === undefined ? [] : ['--header', `Authorization: Bearer ${token}`])
  ], { cwd: temporaryDirectory(t), env: { ...process.env, PYTHONPATH: here, PYTHONDONTWRITEBYTECODE: '1' }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill())
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => { output += text })
  const [code] = await once(child, 'close')
  return { output, code }
}

t.test('the API is as documented, whatever is sent and whoever sends it', { timeout: 600_000 }, async (t) => {
  if (missing(t, program, REMEDY)) return
  await Promise.all(Object.entries(CALLERS).map(async ([who, { environment, token }]) => {
    const server = await startServer(t, { DATA_DIR: temporaryDirectory(t), JWT_SECRET: SECRET, PRIVATE_ROOMS: 'team-*', ...environment })
    const { output, code } = await fuzz(t, server.url, await token?.(server.url))
    t.equal(code, 0, `${who} finds nothing that is not documented`, { output })
    const [, cases = '0'] = /(\d+) generated/.exec(output) ?? []
    t.comment(`${who}: ${cases} requests`)
    t.ok(Number(cases) > 300, `${who} has asked`, { output })
    t.equal((await call(`${server.url}/readyz`)).status, 200, `after ${who} it is ready`)
    t.equal(await server.stop('SIGTERM'), 0)
    t.notMatch(server.output(), /"level":[56]0/, `${who} caused no fault`)
  }))
})
