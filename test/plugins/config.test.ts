import t from 'tap'
import { InvalidConfig, readConfig, schema } from '../../src/plugins/config.js'

function refusal (environment: Record<string, string>): string {
  try {
    readConfig(environment)
  } catch (error) {
    if (error instanceof InvalidConfig) return error.message
    throw error
  }
  return ''
}

const BAD: Array<[name: string, ...values: string[]]> = [
  ['PORT', 'abc', '-1', '65536', '1.5', '3000x', ' ', 'true', 'NaN', 'Infinity', '1e9'],
  ['REDIS_URL', 'localhost:6379', 'http://localhost', 'redis://', 'redis://a,b', 'redis://a:99999', 'redis://a/x', 'redis+sentinel://a:26379', 'redis+cluster://a/3', 'redis://:%zz@a'],
  ['REDIS_PREFIX', 'a b', '{x}', 'x'.repeat(65)],
  ['LOG_LEVEL', 'loud', 'INFO', '1'],
  ['ROOM_HISTORY', '0', '-5', '1.5', 'many', '100000001'],
  ['ROOM_HISTORY_AGE', '30', 'd', '30 d', '-1d', '1.5h', '1w', '9999999d'],
  ['TOKEN_SECRET', 'short', 'x'.repeat(31)],
  ['SESSION_AGE', '30', 'x', '30D'],
  ['ACCESS', 'closed', 'OPEN'],
  ['JWT_SECRET', 'short', 'x'.repeat(31)],
  ['JWT_KEYS', 'http://keys.example.org/jwks.json', 'ftp://x'],
  ['JWT_LEEWAY', '30', '11m'],
  ['PRIVATE_ROOMS', 'Team', 'a b', '*x', 'x**', '-x'],
  ['ROOMS', 'closed'],
  ['ROOM_LIST', 'Lobby', 'lobby;help'],
  ['PUBLIC_URL', 'chat.example.org', 'ftp://chat.example.org', 'https://', 'https://a/?x=1', 'https://a/#x', 'https://user@a/'],
  ['TRUST_PROXY', 'proxy', '10.0.0.0/33', 'true', '300.1.1.1'],
  ['CORS_ORIGINS', '*', 'example.org', 'https://example.org/', 'https://example.org/x', 'null'],
  ['EMBED_ORIGINS', '*', 'https://example.org/'],
  ['SITE_NAME', ' ', 'x'.repeat(41), 'a\nb', 'a\u0000b'],
  ['WELCOME', 'x'.repeat(501), 'a\nb', 'a\tb'],
  ...['RULES_URL', 'PRIVACY_URL'].map((name): [string, ...string[]] => [name, 'rules', 'example.org/rules', 'javascript:alert(1)', '//example.org', '/\\example.org', 'https://', 'https://a b', 'ftp://example.org', '/a b', 'mailto:a@b']),
  ['ACCENT_COLOR', 'red', '#abc', '#1234567', '#12345g', 'rgb(0,0,0)', '#123456;}', '##12345'],
  ['ROBOTS', 'all', 'NOINDEX', 'none'],
  ...['POSTS_PER_MINUTE_BOT', 'POSTS_PER_MINUTE_ADDRESS', 'POSTS_PER_MINUTE_TOTAL', 'REPEATS_PER_MINUTE', 'STREAMS_PER_MINUTE', 'STREAMS_PER_MINUTE_ADDRESS',
    'STREAMS_PER_MINUTE_TOTAL', 'GUESTS_PER_MINUTE_TOTAL', 'RENAMES_PER_MINUTE', 'TYPING_PER_MINUTE', 'REPORTS_PER_MINUTE', 'READS_PER_MINUTE_ADDRESS', 'ROOMS_PER_HOUR', 'ROOMS_PER_USER',
    'MAX_STREAMS_PER_USER', 'MAX_STREAMS_PER_ADDRESS', 'MAX_CONNECTIONS_PER_ADDRESS'].map((name): [string, ...string[]] => [name, '0', 'x', '1.5']),
  ...['LINK_AFTER', 'EDIT_TIME', 'UNDO_TIME', 'ADDRESS_AGE'].map((name): [string, ...string[]] => [name, '5', 'x']),
  ['LIMITS', 'no', 'false', '0', 'OFF'],
  ['POSTS_PER_MINUTE', '0', '-1', 'x', '1.5'],
  ['GUESTS_PER_MINUTE', '0', 'x'],
  ['MAX_STREAMS', '0', 'x'],
  ['HEARTBEAT', '15', 'x', '15 s', 's'],
  ['STALL_TIMEOUT', '60', 'x'],
  ['PRESENCE_GRACE', '5', 'x'],
  ['CROWD', '-1', 'x'],
  ['ROOM_RING_BYTES', '4095', 'x'],
  ['RING_BYTES', '0', 'x'],
  ['DRAIN_DELAY', '5', 'x'],
  ['DRAIN_TIME', '2', 'x']
]

const SECRETS = ['TOKEN_SECRET', 'REDIS_URL', 'JWT_SECRET']
/** Variables that take whatever text they are given. */
const FREE = ['HOST', 'DATA_DIR', 'JWT_ISSUER', 'JWT_AUDIENCE', 'CSP_REPORT_URI', 'BLOCKED_WORDS', 'RESERVED_NAMES']

t.test('a bad value is refused in one line: the variable, what it got, what it wants', async (t) => {
  for (const [name, ...values] of BAD) {
    for (const value of values) {
      const message = refusal({ [name]: value })
      t.ok(message.startsWith(`${name} `), `${name}=${value}: ${message}`)
      t.match(message, /it wants \S+/, `${name}=${value}`)
      t.notMatch(message, /\n/)
      if (!SECRETS.includes(name)) t.ok(message.includes(JSON.stringify(value)), `${name}=${value}: what it got`)
    }
  }
  const known = new Set(BAD.map(([name]) => name))
  for (const name of Object.keys(schema.properties)) t.ok(known.has(name) || FREE.includes(name), `${name} is tried here`)
})

t.test('a value with a line break in it is still told in one line', async (t) => {
  t.notMatch(refusal({ PORT: '1\n2' }), /\n/)
})

t.test('a secret is never told', async (t) => {
  const secret = 'hunter2-hunter2'
  const message = refusal({ TOKEN_SECRET: secret })
  t.match(message, /^TOKEN_SECRET /)
  t.notMatch(message, secret)
  t.notMatch(refusal({ TOKEN_SECRET: secret, PORT: 'x' }), secret)
  t.notMatch(refusal({ REDIS_URL: `redis://:${secret}@host/no-number` }), secret)
})

t.test('durations that a timer cannot keep are refused', async (t) => {
  // Node's timers fire at once beyond 2^31 - 1 ms; a heartbeat of nothing never ends.
  for (const [name, value] of [['HEARTBEAT', '0s'], ['HEARTBEAT', '0ms'], ['PRESENCE_GRACE', '100d'], ['DRAIN_DELAY', '100d'], ['STALL_TIMEOUT', '100d'], ['SESSION_AGE', '0s']] as const) {
    t.match(refusal({ [name]: value }), new RegExp(`^${name} `), `${name}=${value}`)
  }
})

t.test('defaults, empty values and good ones', async (t) => {
  const config = readConfig({})
  t.match(config, { PORT: 3000, HOST: '127.0.0.1', LIMITS: 'on', HEARTBEAT: 15_000, PRESENCE_GRACE: 5_000, ROOM_HISTORY: 10_000 })
  t.match(readConfig({ PRIVATE_ROOMS: 'ops, team-*,', RESERVED_NAMES: 'Team Lead,Bob', PUBLIC_URL: 'https://example.org/chat/', TRUST_PROXY: 'loopback,10.0.0.0/8,fd00::/8' }),
    { PRIVATE_ROOMS: ['ops', 'team-*'], RESERVED_NAMES: ['Team Lead', 'Bob'], TRUST_PROXY: ['loopback', '10.0.0.0/8', 'fd00::/8'] })
  t.match(readConfig({ SITE_NAME: 'Café “Zum Löwen” 🦁', WELCOME: 'x'.repeat(500), RULES_URL: '/rules#house', PRIVACY_URL: 'https://example.org/privacy?x=1', ACCENT_COLOR: '1A7f5a', ROBOTS: 'index' }),
    { SITE_NAME: 'Café “Zum Löwen” 🦁', RULES_URL: '/rules#house', PRIVACY_URL: 'https://example.org/privacy?x=1', ACCENT_COLOR: '1A7f5a', ROBOTS: 'index' })
  t.strictSame([config.PRIVATE_ROOMS, config.ROOM_LIST], [[], ['lobby']])
  t.notOk('ROOM_HISTORY_AGE' in config)
  t.notOk('TOKEN_SECRET' in config)
  t.strictSame(readConfig(Object.fromEntries(Object.keys(schema.properties).map((name) => [name, '']))), config, 'what is empty is unset')
  t.match(readConfig({ PORT: '0', ROOM_HISTORY_AGE: '30d', HEARTBEAT: '250ms', DRAIN_TIME: '1m', UNKNOWN: 'x', TOKEN_SECRET: '1'.repeat(32) }),
    { PORT: 0, ROOM_HISTORY_AGE: 30 * 86_400_000, HEARTBEAT: 250, DRAIN_TIME: 60_000, TOKEN_SECRET: '1'.repeat(32) })
})
