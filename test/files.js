// One process for each file of tests, some at a time, as one TAP stream. Started by run.js, with how many at a time, the seconds a file
// may take, and the compiled files.
import t from 'tap'
import { source } from './compile.js'

const [jobs, timeout, ...paths] = process.argv.slice(2)
t.setTimeout(0)
t.jobs = Number(jobs)
for (const path of paths) {
  // Without NODE_OPTIONS, into which tap puts what watches coverage: it would double what each process takes to start.
  void t.spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', path], {
    env: { ...process.env, TAP_TIMEOUT: timeout },
    buffered: t.jobs > 1,
    timeout: Number(timeout) * 1000,
    at: null,
    stack: ''
  }, source(path))
}
