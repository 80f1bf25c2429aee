import type { Redis } from 'ioredis'
import { Unsuitable, type Durability } from '../engine.js'

/** The oldest version whose scripts can be refused as a whole, where memory is full, before they have written a part. */
const OLDEST_MAJOR = 7

/** What one server says of itself. */
export interface Survey {
  /** Such as `Valkey 8.0.1`. */
  server: string
  durability: Durability
  /** Why it cannot be written to yet, undefined where it can. */
  notYet?: string
  replica: boolean
  /** What its operator should know. */
  warnings: string[]
}

/**
 * Asks a server what it is and how it stores.
 * @param cluster whether it should be a node of a Redis Cluster
 * @throws {Unsuitable}
 */
export async function survey (client: Redis, cluster: boolean): Promise<Survey> {
  const info = fieldsOf(await client.info())
  const valkey = info.get('valkey_version')
  const version = valkey ?? info.get('redis_version') ?? '0'
  const server = `${valkey === undefined ? 'Redis' : 'Valkey'} ${version}`
  if (parseInt(version) < OLDEST_MAJOR) throw new Unsuitable(`${server} is too old: Hubbub wants Redis 7.0 or newer, or Valkey`)
  if (info.get('cluster_enabled') === '1' && !cluster) throw new Unsuitable('the server is a node of a Redis Cluster; use redis+cluster:// in REDIS_URL')
  const warnings: string[] = []
  const policy = info.get('maxmemory_policy')
  if (info.get('maxmemory') !== '0' && policy !== undefined && policy !== 'noeviction') {
    warnings.push(`throws events away unasked when its memory is full (maxmemory-policy ${policy}); set noeviction`)
  }
  const replica = info.get('role') === 'slave'
  return {
    server,
    replica,
    durability: await durabilityOf(client, info),
    warnings,
    ...(info.get('loading') === '1' && { notYet: 'it is still loading its data (LOADING)' }),
    ...(replica && { notYet: 'it is a replica and takes no writes (READONLY); REDIS_URL must lead to the primary' })
  }
}

async function durabilityOf (client: Redis, info: Map<string, string>): Promise<Durability> {
  if (info.get('aof_enabled') !== '1') return 'memory'
  try {
    const [, policy] = await client.config('GET', 'appendfsync') as string[]
    return policy === 'always' ? 'fsync' : policy === 'everysec' ? 'everysec' : 'memory'
  } catch {
    return 'everysec' // A host that forbids the question: its default is as much as can be promised.
  }
}

function fieldsOf (info: string): Map<string, string> {
  return new Map([...info.matchAll(/^([a-z0-9_]+):(.*?)\r?$/gm)].map(([, name, value]) => [name!, value!]))
}

const WEAKEST_FIRST: Durability[] = ['memory', 'everysec', 'fsync']

/** What can be promised of all of them. */
export function weakest (durabilities: Durability[]): Durability {
  return WEAKEST_FIRST.find((durability) => durabilities.includes(durability)) ?? 'memory'
}

/** Says in one line why a connection did not come about. @returns whether only the operator can help, too */
export function explain (error: NodeJS.ErrnoException & { lastNodeError?: Error }): { reason: string, fatal: boolean } {
  const { message, code = '' } = (error.lastNodeError ?? error) as NodeJS.ErrnoException
  if (/^(WRONGPASS|ERR invalid password|ERR AUTH)/.test(message)) return { reason: 'the user or password in REDIS_URL is wrong (WRONGPASS)', fatal: true }
  if (message.startsWith('NOAUTH')) return { reason: 'it wants a password (NOAUTH): put it into REDIS_URL, redis://:password@host', fatal: true }
  if (message.includes('cluster support disabled')) return { reason: 'the server is no node of a Redis Cluster; use redis:// in REDIS_URL', fatal: true }
  if (message.startsWith('ERR DB index')) return { reason: 'the server does not have the database that REDIS_URL names (redis://host/database)', fatal: true }
  if (message.startsWith('NOPERM')) return { reason: `the user in REDIS_URL may not do what is needed (${message})`, fatal: true }
  if (/^(ERR_SSL|ERR_TLS|EPROTO)|CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return { reason: `TLS does not come about (${code}): check that the server speaks TLS on this port (rediss://), and that its certificate is known (NODE_EXTRA_CA_CERTS)`, fatal: true }
  }
  if (message.startsWith('LOADING')) return { reason: 'it is still loading its data (LOADING)', fatal: false }
  if (message.includes('ETIMEDOUT')) return { reason: `there is no answer (${message}); if it does not speak TLS, REDIS_URL begins with redis://`, fatal: false }
  if (/closed/i.test(message) || code === 'ECONNRESET') return { reason: `the connection was closed (${code || message}); if it speaks TLS, REDIS_URL begins with rediss://`, fatal: false }
  return { reason: message || code, fatal: false }
}

/** What stands behind a refusal, and the way out. */
export const REFUSALS: Record<string, string> = {
  READONLY: 'it is a replica and takes no writes (READONLY); REDIS_URL must lead to the primary',
  LOADING: 'it is still loading its data (LOADING)',
  OOM: 'its memory is full (OOM); raise maxmemory, or keep less (ROOM_HISTORY, ROOM_HISTORY_AGE)',
  MISCONF: 'it cannot write to its disk (MISCONF); free some space, and look into its log',
  NOAUTH: 'it wants a password (NOAUTH)',
  NOPERM: 'the user in REDIS_URL may not do what is needed (NOPERM); allow it all commands, and the keys and channels that begin with REDIS_PREFIX',
  CLUSTERDOWN: 'a part of the cluster is down (CLUSTERDOWN)',
  NOREPLICAS: 'too few of its replicas keep up (NOREPLICAS)',
  WRONGTYPE: 'a key of ours holds something of another type (WRONGTYPE): another program uses the same names; set REDIS_PREFIX, or delete that key'
}
