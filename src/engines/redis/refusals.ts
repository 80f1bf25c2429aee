/** What the first word of a refusal means, and the way out. */
export const REFUSALS = {
  READONLY: 'it is a replica and takes no writes (READONLY); REDIS_URL must lead to the primary',
  LOADING: 'it is still loading its data (LOADING)',
  OOM: 'its memory is full (OOM); raise maxmemory, or keep less (ROOM_HISTORY, ROOM_HISTORY_AGE)',
  MISCONF: 'it cannot write to its disk (MISCONF); free some space, and look into its log',
  WRONGPASS: 'the user or password in REDIS_URL is wrong (WRONGPASS)',
  NOAUTH: 'it wants a password (NOAUTH): put it into REDIS_URL, redis://:password@host',
  NOPERM: 'the user in REDIS_URL may not do what is needed (NOPERM); allow it all commands, and the keys and channels that begin with REDIS_PREFIX',
  CLUSTERDOWN: 'a part of the cluster is down (CLUSTERDOWN)',
  NOREPLICAS: 'too few of its replicas keep up (NOREPLICAS)',
  WRONGTYPE: 'a key of ours holds something of another type (WRONGTYPE): another program uses the same names; set REDIS_PREFIX, or delete that key'
} as const satisfies Record<string, string>

/** What only the operator can help, and no waiting. */
const FATAL: ReadonlySet<string> = new Set(['WRONGPASS', 'NOAUTH', 'NOPERM'])

/** Of a refusal that is one of these. */
export function meaningOf (kind: string): string | undefined {
  return Object.hasOwn(REFUSALS, kind) ? REFUSALS[kind as keyof typeof REFUSALS] : undefined
}

/** Says in one line why a connection did not come about. @returns whether only the operator can help, too */
export function explain (error: NodeJS.ErrnoException & { lastNodeError?: Error }): { reason: string, fatal: boolean } {
  const { message, code = '' } = (error.lastNodeError ?? error) as NodeJS.ErrnoException
  // As older servers say it.
  const kind = /^ERR (invalid password|AUTH)/.test(message) ? 'WRONGPASS' : message.split(' ', 1)[0]!
  const meaning = meaningOf(kind)
  if (meaning !== undefined) return { reason: meaning, fatal: FATAL.has(kind) }
  if (message.includes('cluster support disabled')) return { reason: 'the server is no node of a Redis Cluster; use redis:// in REDIS_URL', fatal: true }
  if (message.startsWith('ERR DB index')) return { reason: 'the server does not have the database that REDIS_URL names (redis://host/database)', fatal: true }
  if (/^(ERR_SSL|ERR_TLS|EPROTO)|CERT|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return { reason: `TLS does not come about (${code}): check that the server speaks TLS on this port (rediss://), and that its certificate is known (NODE_EXTRA_CA_CERTS)`, fatal: true }
  }
  if (message.includes('ETIMEDOUT')) return { reason: `there is no answer (${message}); if it does not speak TLS, REDIS_URL begins with redis://`, fatal: false }
  if (/closed/i.test(message) || code === 'ECONNRESET') return { reason: `the connection was closed (${code || message}); if it speaks TLS, REDIS_URL begins with rediss://`, fatal: false }
  return { reason: message || code, fatal: false }
}
