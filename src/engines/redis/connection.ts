import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { StoreAddress } from './url.js'

/** ms within which whoever asks gets an answer, or hears that there is none. */
export const ANSWER_MS = 1_900
/** ms without a byte after which a connection that owes an answer is given up. */
const DEAD_MS = 5_000
const CONNECT_MS = 3_000
/** ms between two attempts to connect at most. */
export const LONGEST_RETRY_MS = 1_000

/** A connection that is still to be made, and then comes back by itself. */
export function connectionTo ({ kind, hosts, tls, username, password, db, primary }: StoreAddress): Redis | Cluster {
  const options = {
    lazyConnect: true,
    // What could not be sent, or may have been done, is not sent by itself later: whoever asked has heard so.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    autoResubscribe: false,
    enableReadyCheck: false,
    connectTimeout: CONNECT_MS,
    socketTimeout: DEAD_MS,
    connectionName: 'hubbub',
    reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
    retryStrategy: (times: number) => Math.min(25 * 2 ** times, LONGEST_RETRY_MS) * (0.5 + Math.random() / 2),
    db,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls: {} })
  } satisfies RedisOptions
  switch (kind) {
    case 'server': return guarded(new Redis({ ...options, ...hosts[0]! }))
    case 'sentinel': return guarded(new Redis({ ...options, sentinels: hosts, name: primary!, failoverDetector: true, ...(tls && { enableTLSForSentinelMode: true }) }))
    case 'cluster': {
      const { retryStrategy, enableOfflineQueue, lazyConnect, db: _, ...redisOptions } = options
      const cluster = new Cluster(hosts, { redisOptions, enableOfflineQueue: false, lazyConnect: true, clusterRetryStrategy: (times) => Math.min(50 * times, LONGEST_RETRY_MS) })
      return cluster.on('+node', guarded)
    }
  }
}

/** ioredis hears one error of a socket. With TLS there may be another one, which would end the process. */
function guarded (connection: Redis): Redis {
  return connection.on('error', () => connection.stream?.on('error', () => {}))
}

/** ioredis has not even tried. */
export function isUnsent ({ message }: Error): boolean {
  return /enableOfflineQueue|Failed to refresh slots cache/.test(message)
}
