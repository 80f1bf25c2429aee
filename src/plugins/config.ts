import fp from 'fastify-plugin'
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { Value } from '@sinclair/typebox/value'
import { isNetwork } from '../address.js'
import type { Connections } from '../connections.js'
import { ROOM_GLOB_PATTERN } from '../chat/rights.js'
import { parseDuration } from '../duration.js'
import { parseStoreUrl } from '../engines/redis/url.js'

/** A number and a unit. Timers take some 24 days at most, so nothing that one waits for is longer. */
const Duration = (text: string, [least, most]: [least: string, most: string], description: string): TSchema & { static: string } =>
  Type.String({ default: text, least, most, description })

/** Some of something, separated by commas. @param wants what each must be, in words */
const List = (text: string, is: (item: string) => boolean, wants: string, description: string): TSchema & { static: string } =>
  Type.String({ default: text, list: is, wants: `${wants}, separated by commas`, description })

const ROOM_GLOB = new RegExp(ROOM_GLOB_PATTERN)
const isRooms = (item: string): boolean => ROOM_GLOB.test(item)
const isOrigin = (item: string): boolean => /^https?:\/\//.test(item) && URL.canParse(item) && new URL(item).origin === item
/** Characters of a line of text. */
const PLAIN = '[^\\x00-\\x1f\\x7f]'
const LINK = 'an address such as https://example.org/rules or a path such as /rules'
const isAny = (): boolean => true

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
  ACCESS: Type.Union([Type.Literal('open'), Type.Literal('token')], { default: 'open', description: 'token: only who holds a signed token gets in, and nobody becomes a guest' }),
  JWT_SECRET: Type.Optional(Type.String({ minLength: 32, secret: true, description: 'with which your application signs its users\' tokens (HS256)' })),
  JWT_KEYS: Type.Optional(Type.String({
    keys: true,
    wants: 'the path of a file, or an https:// address',
    description: 'instead: a file with a JWK Set or a public key (PEM), read again when it changes, or the address of a JWK Set'
  })),
  JWT_ISSUER: Type.Optional(Type.String({ minLength: 1, description: 'the `iss` that these tokens must have' })),
  JWT_AUDIENCE: Type.Optional(Type.String({ minLength: 1, description: 'the `aud` that these tokens must have' })),
  JWT_LEEWAY: Duration('30s', ['0s', '10m'], 'by how much the clock of whoever signs them may differ'),
  PRIVATE_ROOMS: List('', isRooms, 'rooms such as ops or team-*', 'rooms that only who has a right to them can read, or know of'),
  ROOMS: Type.Union([Type.Literal('open'), Type.Literal('list')], { default: 'open', description: 'list: there are no other rooms than those of ROOM_LIST' }),
  ROOM_LIST: List('lobby', isRooms, 'rooms such as lobby or team-*', 'the rooms there are, with ROOMS=list'),
  PUBLIC_URL: Type.Optional(Type.String({
    address: true,
    wants: 'an address such as https://chat.example.org or https://example.org/chat/',
    description: 'the address that people open, a path included: its host is answered for, beside IP addresses and localhost'
  })),
  TRUST_PROXY: List('', isNetwork, 'addresses or networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal', 'the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed'),
  CORS_ORIGINS: List('', isOrigin, 'origins such as https://example.org', 'other sites whose pages may read and post'),
  EMBED_ORIGINS: List('', isOrigin, 'origins such as https://example.org', 'other sites whose pages may show this one in a frame'),
  CSP_REPORT_URI: Type.Optional(Type.String({ wants: 'an address', minLength: 1, description: 'where browsers report what the content security policy refused' })),
  SITE_NAME: Type.String({ pattern: `^(?=.*\\S)${PLAIN}{1,40}$`, wants: '1 to 40 characters', default: 'Hubbub', description: 'what this place is called' }),
  WELCOME: Type.Optional(Type.String({ pattern: `^${PLAIN}{1,500}$`, wants: 'one line of text, of 500 characters at most', description: 'what newcomers are told, in one line' })),
  RULES_URL: Type.Optional(Type.String({ link: true, wants: LINK, description: 'where the rules of this place are, as an address or a path of this host' })),
  PRIVACY_URL: Type.Optional(Type.String({ link: true, wants: LINK, description: 'where it says what is kept of people, as an address or a path of this host' })),
  ACCENT_COLOR: Type.Optional(Type.String({
    pattern: '^#?[0-9A-Fa-f]{6}$',
    wants: 'a colour such as 1a7f5a or, in quotes where that is in .env, #1a7f5a',
    description: 'the colour of the page, as rrggbb'
  })),
  ROBOTS: Type.Union([Type.Literal('noindex'), Type.Literal('index')], { default: 'noindex', description: 'index: search engines may list the page' }),
  LIMITS: Type.Union([Type.Literal('on'), Type.Literal('off')], { default: 'on', description: 'off turns the limits from here to MAX_CONNECTIONS_PER_ADDRESS off, for benchmarks' }),
  POSTS_PER_MINUTE: Type.Integer({ minimum: 1, default: 120, description: 'posts of one user' }),
  POSTS_PER_MINUTE_BOT: Type.Integer({ minimum: 1, default: 1_200, description: 'posts of one API token' }),
  POSTS_PER_MINUTE_ADDRESS: Type.Integer({ minimum: 1, default: 3_000, description: 'posts from one address; of IPv6, from one /64' }),
  POSTS_PER_MINUTE_TOTAL: Type.Integer({ minimum: 1, default: 120_000, description: 'posts of all together' }),
  REPEATS_PER_MINUTE: Type.Integer({ minimum: 1, default: 5, description: 'times that one user may say the same' }),
  STREAMS_PER_MINUTE: Type.Integer({ minimum: 1, default: 300, description: 'streams and long polls that one user opens' }),
  STREAMS_PER_MINUTE_ADDRESS: Type.Integer({ minimum: 1, default: 6_000, description: 'streams and long polls opened from one address' }),
  STREAMS_PER_MINUTE_TOTAL: Type.Integer({ minimum: 1, default: 300_000, description: 'streams and long polls opened by all together' }),
  GUESTS_PER_MINUTE: Type.Integer({ minimum: 1, default: 600, description: 'new guests from one address' }),
  GUESTS_PER_MINUTE_TOTAL: Type.Integer({ minimum: 1, default: 12_000, description: 'new guests of all together' }),
  RENAMES_PER_MINUTE: Type.Integer({ minimum: 1, default: 10, description: 'names that one user takes' }),
  TYPING_PER_MINUTE: Type.Integer({ minimum: 1, default: 60, description: 'times that one user says to type' }),
  REPORTS_PER_MINUTE: Type.Integer({ minimum: 1, default: 10, description: 'events that one user reports' }),
  READS_PER_MINUTE_ADDRESS: Type.Integer({ minimum: 1, default: 6_000, description: 'other requests from one address' }),
  ROOMS_PER_HOUR: Type.Integer({ minimum: 1, default: 20, description: 'rooms that one user makes in an hour' }),
  ROOMS_PER_USER: Type.Integer({ minimum: 1, default: 100, description: 'rooms that one user makes within SESSION_AGE, but for moderators' }),
  MAX_STREAMS: Type.Integer({ minimum: 1, default: 50_000, description: 'open streams of this server' }),
  MAX_STREAMS_PER_USER: Type.Integer({ minimum: 1, default: 32, description: 'open streams of one user' }),
  MAX_STREAMS_PER_ADDRESS: Type.Integer({ minimum: 1, default: 2_000, description: 'open streams from one address' }),
  MAX_CONNECTIONS_PER_ADDRESS: Type.Integer({ minimum: 1, default: 4_000, description: 'open connections from one address, but for a proxy of TRUST_PROXY' }),
  LINK_AFTER: Duration('1m', ['0s', '3650d'], 'how long a guest must have been here before links may be posted, or be a name'),
  BLOCKED_WORDS: List('', isAny, 'words', 'words that are not taken in messages, names and rooms'),
  RESERVED_NAMES: List('', isAny, 'names', 'names that nobody can take, beside admin, moderator and their like'),
  EDIT_TIME: Duration('1h', ['0s', '3650d'], 'how long an author may edit and delete what was said'),
  UNDO_TIME: Duration('24h', ['1m', '365d'], 'how long a moderator can bring back what a moderator has deleted'),
  ADDRESS_AGE: Duration('7d', ['1h', '365d'], 'how long it is kept from which address a user came, as a keyed hash'),
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
type Lists = 'PRIVATE_ROOMS' | 'ROOM_LIST' | 'TRUST_PROXY' | 'CORS_ORIGINS' | 'EMBED_ORIGINS' | 'BLOCKED_WORDS' | 'RESERVED_NAMES'
type Durations = 'ROOM_HISTORY_AGE' | 'SESSION_AGE' | 'JWT_LEEWAY' | 'LINK_AFTER' | 'EDIT_TIME' | 'UNDO_TIME' | 'ADDRESS_AGE' | 'HEARTBEAT' | 'STALL_TIMEOUT' | 'PRESENCE_GRACE' | 'DRAIN_DELAY' | 'DRAIN_TIME'

/** The configuration, every duration in ms, every list as one. */
export type Config = Omit<Variables, Durations | Lists> &
  { [Name in Exclude<Durations, 'ROOM_HISTORY_AGE'>]: number } & { ROOM_HISTORY_AGE?: number } & { [Name in Lists]: string[] }

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
    if (value === undefined || (value === '' && form['list'] === undefined)) continue
    if (!Value.Check(form, value) || !fits(form, value)) {
      // A secret is not for the log, whatever is wrong with it.
      const got = form['secret'] === true ? 'what it has' : JSON.stringify(text)
      throw new InvalidConfig(`${name} cannot be ${got}: it wants ${wants(form)} (${form.description})`)
    }
    given[name] = value
  }
  return Object.fromEntries(Object.entries(given).map(([name, value]) => {
    const form = schema.properties[name as keyof Variables]
    return [name, isDuration(form) ? parseDuration(value as string) : form['list'] !== undefined ? itemsOf(value as string) : value]
  })) as Config
}

function itemsOf (text: string): string[] {
  return text.split(',').map((item) => item.trim()).filter((item) => item !== '')
}

function isDuration (form: TSchema): boolean {
  return form['least'] !== undefined
}

function fits (form: TSchema, value: unknown): boolean {
  if (form['store'] === true) return parseStoreUrl(value as string) !== undefined
  if (form['list'] !== undefined) return itemsOf(value as string).every(form['list'])
  if (form['address'] === true) return isAddress(value as string)
  if (form['link'] === true) return isLink(value as string)
  if (form['keys'] === true) return !/^[a-z]+:\/\//i.test(value as string) || /^https:\/\/./.test(value as string)
  if (!isDuration(form)) return true
  const ms = parseDuration(value as string)
  return ms !== undefined && ms >= parseDuration(form['least'])! && ms <= parseDuration(form['most'])!
}

function isAddress (text: string): boolean {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text)) return false
  const { search, hash, username, password } = new URL(text)
  return search + hash + username + password === ''
}

/** Whether a page can link to it. A path with two slashes would be another host's. */
function isLink (text: string): boolean {
  return /^https?:\/\/[^\s\\]+$/.test(text) ? URL.canParse(text) : /^\/(?!\/)[^\s\\]*$/.test(text)
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
  connections: Connections
}

export default fp<AppOptions>(async (fastify, { config }) => {
  fastify.decorate('config', config)
}, { name: 'config' })
