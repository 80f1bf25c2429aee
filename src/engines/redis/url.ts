const DEFAULT_PORT = 6379
const SENTINEL_PORT = 26379

export interface HostPort {
  host: string
  port: number
}

/** Where the store is, as `REDIS_URL` says. */
export interface StoreAddress {
  kind: 'server' | 'sentinel' | 'cluster'
  hosts: HostPort[]
  tls: boolean
  username?: string
  password?: string
  db: number
  /** The name under which Sentinels know the primary. */
  primary?: string
}

const FORM = /^(redis|rediss)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/?#]+)(?:\/([^?#]*))?$/

/**
 * `redis://[user:password@]host[:port][/db]`, `rediss://` with TLS, `redis+sentinel://host,host/<primary>[/db]`,
 * `redis+cluster://host,host`. @returns undefined where it is none of these
 */
export function parseStoreUrl (url: string): StoreAddress | undefined {
  const [, scheme, form, credentials, hostList, path] = FORM.exec(url) ?? []
  if (scheme === undefined) return undefined
  const kind = (form ?? 'server') as StoreAddress['kind']
  const hosts = hostList!.split(',').map((text) => parseHost(text, kind === 'sentinel' ? SENTINEL_PORT : DEFAULT_PORT))
  if (hosts.some((host) => host === undefined) || (kind === 'server' && hosts.length > 1)) return undefined
  const parts = (path ?? '').split('/').filter((part) => part !== '')
  const primary = kind === 'sentinel' ? parts.shift() : undefined
  const [db = '0', ...rest] = parts
  if (rest.length > 0 || !/^\d{1,4}$/.test(db) || (kind === 'sentinel') !== (primary !== undefined) || (kind === 'cluster' && db !== '0')) return undefined
  const colon = credentials?.indexOf(':') ?? -1
  try {
    const [username, password] = credentials === undefined
      ? []
      : [decodeURIComponent(credentials.slice(0, Math.max(colon, 0))), decodeURIComponent(credentials.slice(colon + 1))]
    return {
      kind,
      hosts: hosts as HostPort[],
      tls: scheme === 'rediss',
      db: Number(db),
      ...(username && { username }),
      ...(password && { password }),
      ...(primary !== undefined && { primary })
    }
  } catch {
    return undefined // An escape that is none.
  }
}

function parseHost (text: string, defaultPort: number): HostPort | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/i.exec(text) ?? []
  const host = bracketed ?? plain
  const number = port === undefined ? defaultPort : Number(port)
  return host === undefined || number > 65_535 ? undefined : { host, port: number }
}

/** For people: without the password. */
export function nameOf ({ kind, hosts, tls, db, primary }: StoreAddress): string {
  const where = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',')
  const details = [primary !== undefined && `primary ${primary}`, db !== 0 && `database ${db}`, tls && 'TLS'].filter((detail) => detail !== false)
  return `${{ server: 'Redis at', sentinel: 'Redis by Sentinel at', cluster: 'Redis Cluster at' }[kind]} ${where}${details.map((detail) => `, ${detail}`).join('')}`
}
