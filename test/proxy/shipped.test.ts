import { readFileSync } from 'node:fs'
import t from 'tap'
import { isNetwork } from '../../src/address.js'
import { parseDuration } from '../../src/duration.js'
import { RedisEngine } from '../../src/engines/redis.js'
import { parseStoreUrl } from '../../src/engines/redis/url.js'
import { missing, startApp } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'

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
  t.equal(/^ +PUBLIC_URL: (.*)$/m.exec(compose)![1], '${PUBLIC_URL:-https://${SITE:-localhost}:${HTTPS_PORT:-443}}', 'the nodes are called what Caddy serves')
  t.ok(isNetwork(/^ +TRUST_PROXY: (.*)$/m.exec(compose)![1]!), 'and believe it')
  for (const node of nodes.split(' ')) t.match(compose, new RegExp(`^  ${node.replace(':3000', '')}: \\*node$`, 'm'))
})

t.test('the store as shipped has on disk what it acknowledges, and throws nothing away', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY)) return
  const [, options] = /^ +command: valkey-server (.*)$/m.exec(compose)!
  const shipped = Object.fromEntries([...options!.matchAll(/--([a-z-]+) (\S+)/g)].map(([, name, value]) => [name!, value === "''" ? '' : value!]))
  // What is not among them is the worst that it could be.
  const redis = await RedisServer.start(t, { settings: { appendonly: 'no', appendfsync: 'no', maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru', ...shipped } })
  const told: string[] = []
  const tell = (message: string): void => { told.push(message) }
  const engine = await RedisEngine.open({ address: parseStoreUrl(redis.url)!, prefix: 'hubbub', history: 10, log: { info: () => {}, warn: tell, error: tell } })
  t.teardown(() => engine.close())
  t.equal(engine.durability, 'fsync')
  t.strictSame(told, [], 'and its operator has nothing to be warned of')
})
