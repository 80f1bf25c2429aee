// The tests as JavaScript, in .tests/, which lies as deep as test/ so that what they name relative to themselves stays where it is.
// What they import of src/ becomes what is shipped, dist/. Types are what `npm run typecheck` is for.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import ts from 'typescript'

const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile)
const compilerOptions = { ...config.compilerOptions, module: 'esnext', rootDir: 'test', outDir: '.tests', inlineSourceMap: true, inlineSources: true }

/** Where a file of test/ lies compiled, from the root. */
export const compiled = (path) => path.replace(/^test\//, '.tests/').replace(/\.ts$/, '.js')

/** What a compiled file was. */
export const source = (path) => path.replace(/^\.tests\//, 'test/').replace(/\.js$/, '.ts')

/** Compiles all of test/, which takes some two seconds. @returns the files with tests in them */
export function compile () {
  const sources = readdirSync('test', { recursive: true }).filter((name) => name.endsWith('.ts')).map((name) => `test/${name}`).sort()
  for (const fileName of sources) {
    const { outputText } = ts.transpileModule(readFileSync(fileName, 'utf8'), { fileName, compilerOptions })
    const output = compiled(fileName)
    mkdirSync(dirname(output), { recursive: true })
    const text = outputText.replace(/^((?:import|export)\b.* from |.*\bimport\()'((?:\.\.\/)+)src\//gm, "$1'$2dist/")
    // Another run may be reading it.
    if (!existsSync(output) || readFileSync(output, 'utf8') !== text) writeFileSync(output, text)
  }
  return sources.filter((name) => name.endsWith('.test.ts'))
}
