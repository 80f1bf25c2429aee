import { networkInterfaces } from 'node:os'
import type { Config } from './plugins/config.js'

/**
 * The path under which PUBLIC_URL has us, with a slash at both ends: `/`, or `/chat/`.
 * @param publicUrl the variable, which `readConfig` has checked
 */
export function basePath (publicUrl: string | undefined): string {
  const { pathname } = new URL(publicUrl ?? 'http://localhost')
  return pathname.endsWith('/') ? pathname : `${pathname}/`
}

/** Addresses at which the page is, the one to open here first. */
export function addresses ({ HOST }: Pick<Config, 'HOST'>, port: number): [here: string, ...lan: string[]] {
  const url = (host: string): string => `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  if (HOST === '127.0.0.1' || HOST === '::1' || HOST === 'localhost') return [url('localhost')]
  if (HOST !== '0.0.0.0' && HOST !== '::') return [url(HOST)]
  const lan = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter(({ internal, family }) => !internal && family === 'IPv4')
    .map(({ address }) => url(address))
  return [url('localhost'), ...lan]
}

/** The address that links begin with, a slash at its end: the one that people open, or else the one to open here. */
export function linkBase (config: Pick<Config, 'HOST' | 'PUBLIC_URL'>, port: number): string {
  return (config.PUBLIC_URL ?? addresses(config, port)[0]).replace(/\/?$/, '/')
}
