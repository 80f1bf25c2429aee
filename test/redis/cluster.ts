import type { Test } from 'tap'
import { eventually } from '../harness.js'
import { freePort } from './free-port.js'
import { RedisServer, type RedisOptions } from './server.js'

const SLOTS = 16_384

export interface RedisCluster {
  servers: RedisServer[]
  /** As `REDIS_URL` names a cluster. */
  url: string
}

/** A Redis Cluster of primaries only, its slots in as many equal parts. */
export async function startCluster (t: Test, options: RedisOptions = {}, size = 3): Promise<RedisCluster> {
  const bus: number[] = []
  const servers: RedisServer[] = []
  while (servers.length < size) {
    const port = await freePort()
    bus.push(port)
    servers.push(await RedisServer.start(t, {
      ...options,
      settings: { 'cluster-enabled': 'yes', 'cluster-port': String(port), 'cluster-node-timeout': '2000', ...options.settings }
    }))
  }
  for (const [index, server] of servers.entries()) {
    const [first, next] = [index, index + 1].map((part) => Math.floor(part * SLOTS / size)) as [number, number]
    await server.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
    await server.command('CLUSTER', 'ADDSLOTSRANGE', first, next - 1)
    if (index > 0) await server.command('CLUSTER', 'MEET', servers[0]!.host, servers[0]!.port, bus[0]!)
  }
  for (const server of servers) {
    await eventually(async () => {
      const info = await server.command<string>('CLUSTER', 'INFO')
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${size}`)
    }, 'the cluster is whole')
  }
  const addresses = servers.map(({ host, port }) => `${host}:${port}`).join()
  const password = options.password === undefined ? '' : `:${encodeURIComponent(options.password)}@`
  return { servers, url: `redis+cluster://${password}${addresses}` }
}
