import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { SignJWT, exportJWK, exportSPKI, type JWK } from 'jose'

/** Another application, which signs tokens for its users. */

export const SECRET = 'a secret of another application, 32 bytes and more'

export interface Pair {
  alg: 'RS256' | 'ES256' | 'EdDSA'
  privateKey: KeyObject
  publicKey: KeyObject
  kid: string
}

let pairs = 0
export function keyPair (alg: Pair['alg']): Pair {
  const made = alg === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  return { alg, ...made, kid: `key-${++pairs}` }
}

export async function jwkOf ({ publicKey, kid }: Pair): Promise<JWK> {
  return { ...await exportJWK(publicKey), kid }
}

export function pemOf ({ publicKey }: Pair): Promise<string> {
  return exportSPKI(publicKey as never)
}

/** Unix time in s. */
export function inSeconds (seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds
}

export type Claims = Record<string, unknown>

/** A token that is good for an hour, where the claims say nothing else; undefined takes a claim out. */
export function sign (claims: Claims = {}, by: Pair | string = SECRET, header: Record<string, unknown> = {}): Promise<string> {
  const all = Object.fromEntries(Object.entries({ sub: 'u-1', name: 'Ada', exp: inSeconds(3_600), ...claims }).filter(([, value]) => value !== undefined))
  const jwt = new SignJWT(all)
  return typeof by === 'string'
    ? jwt.setProtectedHeader({ alg: 'HS256', ...header }).sign(new TextEncoder().encode(by))
    : jwt.setProtectedHeader({ alg: by.alg, kid: by.kid, ...header }).sign(by.privateKey)
}

export async function bearer (claims: Claims = {}, by: Pair | string = SECRET): Promise<{ authorization: string }> {
  return { authorization: `Bearer ${await sign(claims, by)}` }
}
