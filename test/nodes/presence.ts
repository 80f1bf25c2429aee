import type { Test } from 'tap'
import { Reader, call, guest, startApp, type Answer, type Environment, type RunningApp } from '../harness.js'

export type Guest = Awaited<ReturnType<typeof guest>>

/** A node in this process, which costs a test less than a `Node`; it cannot be killed or started again. */
export function startNode (t: Test, redis: { url: string }, environment: Environment = {}): Promise<RunningApp> {
  return startApp(t, { REDIS_URL: redis.url, PRESENCE_GRACE: '200ms', DRAIN_TIME: '0s', ...environment })
}

/** An open stream of somebody in a room, when it has begun. */
export async function open (t: Test, { url }: { url: string }, user?: Pick<Guest, 'authorization'>, query = ''): Promise<Reader> {
  const reader = await Reader.open(`${url}/events${query}`, { headers: user === undefined ? {} : { authorization: user.authorization } })
  t.teardown(() => reader.close())
  return reader.until(({ received }) => received.length > 0)
}

/** Ids of those whom a reader was told of, as often as it was told. */
export function joined (reader: Reader): string[] {
  return reader.notices('presence').flatMap(({ joined = [] }) => joined.map(({ id }: any) => id))
}

export function left (reader: Reader): string[] {
  return reader.notices('presence').flatMap(({ left = [] }) => left.map(({ id }: any) => id))
}

export async function online ({ url }: { url: string }, room = 'lobby'): Promise<string[]> {
  const { status, body } = await call(`${url}/users?room=${room}`)
  return status === 200 ? body.users.map(({ id }: any) => id).sort() : [`${status}`]
}

export function rename ({ url }: { url: string }, { authorization }: Pick<Guest, 'authorization'>, name: string): Promise<Answer> {
  return call(`${url}/users/me`, { method: 'PATCH', body: { name }, headers: { authorization } })
}

/** Somebody comes and goes: whoever reads meanwhile has been told of everything that was before. */
export async function passBy (t: Test, node: { url: string }, ...witnesses: Reader[]): Promise<void> {
  const passer = await guest(node.url)
  const reader = await open(t, node, passer)
  await Promise.all(witnesses.map((witness) => witness.until((witness) => joined(witness).includes(passer.id))))
  reader.close()
  await Promise.all(witnesses.map((witness) => witness.until((witness) => left(witness).includes(passer.id))))
}
