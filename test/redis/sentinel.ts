import type { Test } from 'tap'
import { eventually } from '../harness.js'
import { RedisServer } from './server.js'

/**
 * A sentinel that watches a primary and fails over by itself, as soon as the primary has been silent for a second.
 * @param name of the primary, as clients ask for it
 */
export async function startSentinel (t: Test, primary: RedisServer, name = 'hubbub'): Promise<{ sentinel: RedisServer, url: string }> {
  const sentinel = await RedisServer.start(t, { sentinel: true })
  await sentinel.command('SENTINEL', 'MONITOR', name, primary.host, primary.port, 1)
  await sentinel.command('SENTINEL', 'SET', name, 'down-after-milliseconds', 1_000, 'failover-timeout', 3_000)
  if (primary.password !== undefined) await sentinel.command('SENTINEL', 'SET', name, 'auth-pass', primary.password)
  // It learns of replicas by asking the primary, every ten seconds.
  await eventually(async () => {
    const replicas = await primary.info('connected_slaves')
    return (await sentinel.command<unknown[]>('SENTINEL', 'REPLICAS', name)).length === Number(replicas)
  }, 'the sentinel knows the replicas', 30_000)
  return { sentinel, url: `redis+sentinel://${sentinel.host}:${sentinel.port}/${name}` }
}
