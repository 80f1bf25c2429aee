import { readFileSync, readdirSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { EmbeddedEngine } from '../../src/engines/embedded.js'
import { eventually, missing, startApp, temporaryDirectory } from '../harness.js'
import { REDIS, REDIS_REMEDY, RedisServer } from '../redis/server.js'

const HOUR_MS = 3_600_000
/** One that occurs nowhere else: all of 127/8 is this machine. */
const ADDRESS = '127.83.61.47'

async function guestFrom (url: string, localAddress: string): Promise<string> {
  const response = await new Promise<any>((resolve, reject) => request(`${url}/users/me`, { localAddress, agent: false }, resolve).on('error', reject).end())
  return (await json(response) as any).user.id
}

t.test('of an address a keyed hash is kept, and that for ADDRESS_AGE, on LMDB', async (t) => {
  if (missing(t, process.platform === 'linux' ? 'linux' : undefined, 'only Linux has all of 127/8')) return
  const DATA_DIR = temporaryDirectory(t)
  const { app, url } = await startApp(t, { DATA_DIR, ADDRESS_AGE: '2h' })
  const id = await guestFrom(url, ADDRESS)
  const hash = app.hashOfAddress(ADDRESS)
  await eventually(async () => await app.engine.documents.get('address', `${id} ${hash}`) !== undefined, 'it is stored')
  t.match(await app.whereabouts.of(id), [{ hash }])
  await app.close()
  for (const name of readdirSync(DATA_DIR)) {
    if (statSync(join(DATA_DIR, name)).isFile()) t.notOk(readFileSync(join(DATA_DIR, name)).includes(ADDRESS), name)
  }
  for (const [hours, kept] of [[1.9, 1], [2.1, 0]] as const) {
    const engine = await EmbeddedEngine.open({ directory: DATA_DIR, history: 100, now: () => Date.now() + hours * HOUR_MS })
    t.equal((await engine.documents.list('address', { limit: 10 })).length, kept, `after ${hours} hours`)
    await engine.close()
  }
})

t.test('the same on Redis', async (t) => {
  if (missing(t, REDIS, REDIS_REMEDY) || missing(t, process.platform === 'linux' ? 'linux' : undefined, 'only Linux has all of 127/8')) return
  const redis = await RedisServer.start(t)
  const { app, url } = await startApp(t, { REDIS_URL: redis.url, ADDRESS_AGE: '2h' })
  const id = await guestFrom(url, ADDRESS)
  const kept = `${id} ${app.hashOfAddress(ADDRESS)}`
  await eventually(async () => await app.engine.documents.get('address', kept) !== undefined, 'it is stored')
  const left = await redis.command('PTTL', `hubbub:{doc:address}:${kept}`) as number
  t.ok(left > HOUR_MS && left <= 2 * HOUR_MS, `${left} ms left`)
  for (const key of await redis.command('KEYS', '*') as string[]) {
    t.notOk(key.includes(ADDRESS), key)
    t.notOk(String(await redis.command('DUMP', key)).includes(ADDRESS), `what ${key} holds`)
  }
})
