import { readFileSync } from 'node:fs'
import t from 'tap'
import { parseDuration } from '../../src/duration.js'
import { startApp } from '../harness.js'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const caddyfile = read('Caddyfile')
const compose = read('docker-compose.yml')

/** ms: the one value that a setting has. */
function duration (text: string, setting: string): number {
  const values = [...text.matchAll(new RegExp(`\\b${setting}:? (\\w+)$`, 'gm'))].map(([, value]) => value!)
  if (values.length !== 1) throw new Error(`${setting} is set ${values.length} times`)
  return parseDuration(values[0]!)!
}

t.test('what is shipped for many nodes fits together', async (t) => {
  t.ok(duration(compose, 'DRAIN_DELAY') > duration(caddyfile, 'health_interval') + duration(caddyfile, 'health_timeout'),
    'a node that goes down is known to do so before it closes its door')
  t.ok(duration(compose, 'stop_grace_period') >= duration(compose, 'DRAIN_DELAY') + duration(compose, 'DRAIN_TIME') + 10_000,
    'it is not killed before it has ended')
  const { app } = await startApp(t)
  t.ok(duration(caddyfile, 'keepalive') < app.server.keepAliveTimeout, 'Caddy closes idle connections first')
  const nodes = /\$NODES:(.*?)\}/.exec(caddyfile)![1]!
  t.equal(/^ +NODES: (.*)$/m.exec(compose)![1], nodes)
  for (const node of nodes.split(' ')) t.match(compose, new RegExp(`^  ${node.replace(':3000', '')}: \\*node$`, 'm'))
})
