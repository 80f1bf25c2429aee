import fp from 'fastify-plugin'
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { parseDuration } from '../duration.js'
import { parseStoreUrl } from '../engines/redis/url.js'

/** A number and a unit. Timers take some 24 days at most, so nothing that one waits for is longer. */
const Duration = (text: string, [least, most]: [least: string, most: string], description: string): TSchema & { static: string } =>
  Type.String({ default: text, least, most, description })

/** Every variable, its form, its default, and what it is for. `.env.example` and the README list exactly these. */
export const schema = Type.Object({
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 3000, description: 'the port to listen on' }),
  HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'the address to listen on; 0.0.0.0 for every network' }),
  DATA_DIR: Type.String({ minLength: 1, default: './data', description: 'where the embedded engine keeps its data' }),
  REDIS_URL: Type.Optional(Type.String({
    store: true,
    secret: true,
    wants: 'redis://[user:password@]host[:port][/db], rediss:// (TLS), redis+sentinel://host,host/<primary> or redis+cluster://host,host',
    description: 'the Redis or Valkey that many nodes share, instead of the embedded engine: redis://, rediss://, redis+sentinel:// or redis+cluster://'
  })),
  REDIS_PREFIX: Type.String({
    pattern: '^[A-Za-z0-9._:-]{1,64}$',
    wants: '1 to 64 of A-Z, a-z, 0-9, ".", "_", ":" and "-"',
    default: 'hubbub',
    description: 'begins every key there: another one for each Hubbub that shares it'
  }),
  LOG_LEVEL: Type.Optional(Type.Union(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'].map((level) => Type.Literal(level)),
    { description: 'how much is logged; where unset, info, and on a terminal warn' }
  )),
  ROOM_HISTORY: Type.Integer({ minimum: 1, maximum: 100_000_000, default: 10_000, description: 'events that a room keeps' }),
  ROOM_HISTORY_AGE: Type.Optional(Duration('', ['1s', '36500d'], 'how long a room keeps an event, such as 30d; as long as there is room where unset')),
  TOKEN_SECRET: Type.Optional(Type.String({ minLength: 32, secret: true, description: 'signs the guests\' tokens; made once and kept in the store where unset' })),
  SESSION_AGE: Duration('30d', ['1m', '3650d'], 'how long a guest is known after the last visit'),
  LIMITS: Type.Union([Type.Literal('on'), Type.Literal('off')], { default: 'on', description: 'off turns the limits below off, for benchmarks' }),
  POSTS_PER_MINUTE: Type.Integer({ minimum: 1, default: 300, description: 'posts of one user' }),
  GUESTS_PER_MINUTE: Type.Integer({ minimum: 1, default: 600, description: 'new guests from one address' }),
  MAX_STREAMS: Type.Integer({ minimum: 1, default: 50_000, description: 'open streams of this server' }),
  HEARTBEAT: Duration('15s', ['50ms', '1h'], 'silence after which a stream gets a heartbeat'),
  STALL_TIMEOUT: Duration('60s', ['100ms', '24h'], 'how long a reader may take nothing before it is sent off'),
  PRESENCE_GRACE: Duration('5s', ['0ms', '1h'], 'how long a user without a stream stays online'),
  CROWD: Type.Integer({ minimum: 0, default: 100, description: 'members beyond which a room tells their count only' }),
  ROOM_RING_BYTES: Type.Integer({ minimum: 4_096, default: 1_048_576, description: 'bytes of newest events that a room holds in memory for its readers' }),
  RING_BYTES: Type.Integer({ minimum: 4_096, default: 67_108_864, description: 'the same for all rooms together' }),
  DRAIN_DELAY: Duration('0s', ['0s', '1h'], 'how long a server that goes down answers "not ready" before it closes its door'),
  DRAIN_TIME: Duration('2s', ['0s', '1h'], 'over how long its streams move to the other nodes, or, where there are none, are asked to come back')
}, { additionalProperties: false })

type Variables = Static<typeof schema>
type Durations = 'ROOM_HISTORY_AGE' | 'SESSION_AGE' | 'HEARTBEAT' | 'STALL_TIMEOUT' | 'PRESENCE_GRACE' | 'DRAIN_DELAY' | 'DRAIN_TIME'

/** The configuration, every duration in ms. */
export type Config = Omit<Variables, Durations> & { [Name in Exclude<Durations, 'ROOM_HISTORY_AGE'>]: number } & { ROOM_HISTORY_AGE?: number }

/** A variable has a value that it cannot have. The message is one line. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig'
}

/**
 * @param environment as `process.env`; variables that are empty count as unset
 * @throws {InvalidConfig} names the variable, what it got and what it wants
 */
export function readConfig (environment: Record<string, string | undefined>): Config {
  const given: Record<string, unknown> = {}
  for (const [name, form] of Object.entries(schema.properties)) {
    const text = environment[name]
    const value = text === undefined || text === '' ? form.default : form.type === 'integer' && /^\d{1,15}$/.test(text) ? Number(text) : text
    if (value === undefined || value === '') continue
    if (!Value.Check(form, value) || !fits(form, value)) {
      // A secret is not for the log, whatever is wrong with it.
      const got = form['secret'] === true ? 'what it has' : JSON.stringify(text)
      throw new InvalidConfig(`${name} cannot be ${got}: it wants ${wants(form)} (${form.description})`)
    }
    given[name] = value
  }
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [
    name, isDuration(schema.properties[name as keyof Variables]) ? parseDuration(value as string) : value
  ])) as Config
}

function isDuration (form: TSchema): boolean {
  return form['least'] !== undefined
}

function fits (form: TSchema, value: unknown): boolean {
  if (form['store'] === true) return parseStoreUrl(value as string) !== undefined
  if (!isDuration(form)) return true
  const ms = parseDuration(value as string)
  return ms !== undefined && ms >= parseDuration(form['least'])! && ms <= parseDuration(form['most'])!
}

function wants (form: TSchema): string {
  if (form['wants'] !== undefined) return form['wants']
  if (isDuration(form)) return `a number with ms, s, m, h or d, from ${form['least']} to ${form['most']}`
  if (form['anyOf'] !== undefined) return (form['anyOf'] as TSchema[]).map((choice) => String(choice['const'])).join(', ')
  if (form['type'] === 'string') return form['minLength'] > 1 ? `at least ${form['minLength']} characters` : 'some text'
  const { minimum, maximum } = form
  return maximum === undefined ? `a whole number from ${minimum}` : `a whole number from ${minimum} to ${maximum}`
}

declare module 'fastify' {
  interface FastifyInstance {
    config: Config
  }
}

/** Options that every plugin and route is registered with. */
export interface AppOptions {
  config: Config
}

export default fp<AppOptions>(async (fastify, { config }) => {
  fastify.decorate('config', config)
}, { name: 'config' })
