import { ReplyError, type Redis } from 'ioredis'
import { Unsuitable, type Durability } from '../engine.js'
import { REFUSALS } from './refusals.js'

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
    ...(info.get('loading') === '1' && { notYet: REFUSALS.LOADING }),
    ...(replica && { notYet: REFUSALS.READONLY })
  }
}

async function durabilityOf (client: Redis, info: Map<string, string>): Promise<Durability> {
  if (info.get('aof_enabled') !== '1') return 'memory'
  try {
    const [, policy] = await client.config('GET', 'appendfsync') as string[]
    return policy === 'always' ? 'fsync' : policy === 'everysec' ? 'everysec' : 'memory'
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error
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
