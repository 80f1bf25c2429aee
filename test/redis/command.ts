import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'

/** Where a Redis is, on the loopback address. */
export interface Place {
  port: number
  password?: string | undefined
  /** Path of the certificate by which it is trusted; speaks TLS where given. */
  certificate?: string | undefined
}

/** A connection that tries nothing twice, to be closed by `disconnect`. */
export function connect ({ port, password, certificate }: Place): Redis {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    retryStrategy: null,
    enableReadyCheck: false,
    ...(password !== undefined && { password }),
    ...(certificate !== undefined && { tls: { ca: readFileSync(certificate) } })
  })
  client.on('error', () => {}) // Whoever asked something is told.
  return client
}

/** A single command, over a connection of its own. */
export async function command<T = any> (place: Place, name: string, ...args: Array<string | number>): Promise<T> {
  const client = connect(place)
  try {
    return await client.call(name, args) as T
  } finally {
    client.disconnect()
  }
}
