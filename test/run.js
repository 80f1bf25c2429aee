// Compiles and runs the tests, and ends with one plain line of the real counts. Takes files to run; all of them where none is named. With FAULTS=full
// the scenarios of test/nodes last as long as they may, one after the other, and what they measured is shown.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compile, compiled } from './compile.js'

const named = process.argv.slice(2).map((path) => resolve(path))
process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const all = compile()
const files = named.length === 0 ? all : named.map((path) => relative('.', path))
for (const path of files) if (!all.includes(path)) throw new Error(`no file of tests: ${path}`)
if (!existsSync('dist/server.js')) throw new Error('the tests run what is built: npm run build')

const full = process.env.FAULTS === 'full'
const run = spawn(process.execPath, ['test/files.js', ...(full ? ['1', '900'] : ['2', '300']), ...files.map(compiled)], { stdio: ['ignore', 'pipe', 'inherit'] })

const skipped = new Set()
let counts
let failing = false
for await (const line of createInterface({ input: run.stdout })) {
  const text = line.trim()
  const reason = /# SKIP (.+)/i.exec(text)?.[1]
  if (reason !== undefined) skipped.add(reason)
  if (/^(not )?ok \d+ - \S+\.test\.ts/.test(line)) process.stdout.write(`${line.replace(/^(not )?ok \d+ - /, (_, not) => not ? 'FAILED ' : 'ok ')}\n`)
  const figure = /^ +# (?!Subtest|time=|\{)(.*)$/.exec(line)?.[1]
  if (full && figure !== undefined) process.stdout.write(`   ${figure}\n`)
  // A failure is shown whole, with where it was and what was expected.
  if (/^not ok/.test(text) && /^ {8}/.test(line)) failing = true
  if (failing) process.stdout.write(`${line}\n`)
  if (text === '...') failing = false
  const total = /^# (\{ total: .*\})$/.exec(line)?.[1]
  if (total !== undefined) counts = Object.fromEntries([...total.matchAll(/(\w+): (\d+)/g)].map(([, name, count]) => [name, Number(count)]))
}
const code = run.exitCode ?? await new Promise((resolve) => run.on('exit', (exitCode) => resolve(exitCode)))

for (const reason of skipped) process.stdout.write(`skipped: ${reason}\n`)
const { pass = 0, fail = code === 0 ? 0 : 1 } = counts ?? { fail: 1 }
process.stdout.write(`${pass} passed, ${fail} failed\n`)
process.exitCode = code === 0 && fail === 0 && pass + skipped.size > 0 ? 0 : 1
