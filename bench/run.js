#!/usr/bin/env node
/**
 * Runs the scenarios, one after the other: each starts its servers in turn on core 0 and drives them from core 1. Prints a
 * table of ratios. Exit code 1, and one line, where something was lost, died or did not start.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Failure } from './failure.js'
import { table } from './figures.js'
import { compile, load } from './load.js'
import { machine } from './machine.js'
import { diskDirectory, servers, start } from './servers.js'
import * as fanOut from './scenarios/fan-out.js'

const SCENARIOS = [fanOut]
const README = fileURLToPath(new URL('README.md', import.meta.url))
const RESULTS = /(<!-- results -->\n)[^]*(<!-- \/results -->)/

async function main () {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      seconds: { type: 'string', default: '4' },
      repeat: { type: 'string', default: '3' },
      port: { type: 'string', default: '4100' },
      json: { type: 'string' },
      write: { type: 'boolean', default: false }
    }
  })
  const scenarios = chosen(values.only)
  const temporary = mkdtempSync(join(tmpdir(), 'hubbub-bench-'))
  try {
    const binary = compile(temporary)
    const bench = createBench(binary, { seconds: number('seconds', values), times: number('repeat', values), firstPort: number('port', values) })
    const rows = []
    for (const scenario of scenarios) {
      bench.say(`${scenario.name}: ${rows.length}`)
      rows.push(...await scenario.run(bench))
    }
    report(rows, values)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}
