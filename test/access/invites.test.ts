import t from 'tap'
import { Reader, call, eventually, guest, post, startApp, type Answer } from '../harness.js'
import { SECRET, bearer } from '../host-application.js'

const PRIVATE = { JWT_SECRET: SECRET, PRIVATE_ROOMS: 'team-*' }
const invite = (url: string, body: object, headers: Record<string, string>) => call(`${url}/invites`, { body, headers })
const accept = (url: string, code: string, headers: Record<string, string> = {}) => call(`${url}/join/${code}`, { method: 'POST', headers })

t.test('an invitation makes a stranger a guest with a right to the room, also where nobody becomes a guest otherwise', async (t) => {
  for (const ACCESS of ['open', 'token']) {
    const { url } = await startApp(t, { ...PRIVATE, ACCESS })
    const mod = await bearer({ sub: 'm', rooms: { moderate: ['team-red'] } })
    const made = await invite(url, { room: 'team-red' }, mod)
    t.equal(made.status, 201)
    t.match(made.body, { room: 'team-red', role: 'writer', until: String, code: /^[\w-]{24}$/, path: `join/${made.body.code}` })
    const page = await fetch(`${url}/${made.body.path}`)
    t.equal(page.status, 200)
    t.match(await page.text(), /You are invited/)
    t.notOk(page.headers.get('set-cookie'), 'looking at the link takes nothing up')
    const joined = await accept(url, made.body.code)
    t.equal(joined.status, 200)
    t.match(joined.body, { room: 'team-red', role: 'writer', token: String, user: { id: String } })
    const headers = { authorization: `Bearer ${joined.body.token}` }
    t.equal((await post(url, { room: 'team-red', message: 'hi' }, headers)).status, 201)
    t.equal((await call(`${url}/rooms/team-red/events`, { headers })).status, 200)
    t.equal((await post(url, { room: 'team-blue', message: 'hi' }, headers)).status, 404)
    t.equal((await post(url, { message: 'hi' }, headers)).status, ACCESS === 'open' ? 201 : 404, 'other rooms as before')
    t.notMatch(JSON.stringify((await call(`${url}/invites`, { headers: mod })).body), made.body.code)
  }
})

t.test('roles: a reader reads, a moderator moderates, and nobody gives what they have not', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const mod = await bearer({ sub: 'm', rooms: { moderate: ['team-red'] } })
  const invited = async (role: string): Promise<{ authorization: string }> => {
    const { body: { code } } = await invite(url, { room: 'team-red', role }, mod)
    return { authorization: `Bearer ${(await accept(url, code)).body.token}` }
  }
  const [reader, moderator] = [await invited('reader'), await invited('moderator')]
  t.equal((await call(`${url}/rooms/team-red/events`, { headers: reader })).status, 200)
  t.equal((await post(url, { room: 'team-red', message: 'x' }, reader)).body.code, 'HUB_FORBIDDEN')
  t.equal((await invite(url, { room: 'team-red' }, reader)).body.code, 'HUB_FORBIDDEN')
  t.equal((await invite(url, { room: 'team-red' }, moderator)).status, 201, 'a moderator invites')
  for (const room of ['team-*', '*', 'lobby']) t.equal((await invite(url, { room }, mod)).body.code, 'HUB_FORBIDDEN', room)
  t.equal((await invite(url, { room: 'lobby' }, {})).body.code, 'HUB_TOKEN_REQUIRED')
  t.equal((await invite(url, { room: 'team-red', role: 'owner' }, mod)).status, 400)
  t.equal((await invite(url, { room: 'team-red', for: '9999d' }, mod)).status, 400)
})

t.test('what somebody was invited to is kept for longer as they come, but not what another node takes back at that moment', async (t) => {
  const { app, url } = await startApp(t, PRIVATE)
  const { body: { code } } = await invite(url, { room: 'team-red', role: 'moderator' }, await bearer({ sub: 'm', rooms: { moderate: ['*'] } }))
  const { body: { user } } = await accept(url, code)
  const kept = (): Promise<Array<{ id: string, value: any }>> => app.engine.documents.list('member', { limit: 10 })
  const [before] = await kept()
  await new Promise((resolve) => setTimeout(resolve, 2))
  await app.members.prolong(user)
  const [after] = await kept()
  t.ok(after!.value.until > before!.value.until)
  await app.engine.documents.delete('member', after!.id)
  await app.members.prolong(user)
  t.strictSame(await kept(), [])
})

t.test('an invitation runs out, is used up, and is taken back', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const mod = await bearer({ sub: 'm', rooms: { moderate: ['team-*'] } })
  const { body: twice } = await invite(url, { room: 'team-red', uses: 2 }, mod)
  const guests = await Promise.all(Array.from({ length: 6 }, () => guest(url)))
  const answers = await Promise.all(guests.map(({ authorization }) => accept(url, twice.code, { authorization })))
  t.strictSame(answers.map(({ status }) => status).sort(), [200, 200, 404, 404, 404, 404], 'a rush does not get more places than there are')
  const winner = guests[answers.findIndex(({ status }) => status === 200)]!
  t.equal((await accept(url, twice.code, { authorization: winner.authorization })).status, 200, 'who has come in may open the link again')
  const late = await accept(url, twice.code)
  t.equal(late.status, 404)
  t.notOk(late.headers.get('set-cookie'), 'nobody becomes a guest by one that is used up')

  const { body: once } = await invite(url, { room: 'team-red', for: '100ms' }, mod)
  await new Promise((resolve) => setTimeout(resolve, Date.parse(once.until) - Date.now() + 5))
  t.equal((await accept(url, once.code)).body.code, 'HUB_INVITE_UNKNOWN')

  const { body: open } = await invite(url, { room: 'team-blue' }, mod)
  const { body: { token } } = await accept(url, open.code)
  t.equal((await call(`${url}/invites/${open.id}`, { method: 'DELETE', headers: { authorization: `Bearer ${token}` } })).status, 404)
  t.equal((await call(`${url}/invites/${open.id}`, { method: 'DELETE', headers: mod })).status, 204)
  const refused = await accept(url, open.code)
  t.equal(refused.body.code, 'HUB_INVITE_UNKNOWN')
  t.notOk(refused.headers.get('set-cookie'))
  t.equal((await post(url, { room: 'team-blue', message: 'x' }, { authorization: `Bearer ${token}` })).status, 201, 'who has come by it stays')
  for (const code of ['x', 'a'.repeat(24), twice.id]) t.equal((await accept(url, code)).status, 404)
})

t.test('taken back with its members, it takes their rights and ends their streams', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const mod = await bearer({ sub: 'm', rooms: { moderate: ['team-*'] } })
  const { body: { id, code } } = await invite(url, { room: 'team-red' }, mod)
  const { body: { token } } = await accept(url, code)
  const headers = { authorization: `Bearer ${token}` }
  const reader = await Reader.open(`${url}/events?room=team-red`, { headers })
  const both = await Reader.open(`${url}/events?room=lobby`, { headers })
  t.teardown(() => both.close())
  await reader.until(({ received }) => received.length > 0)
  const at = Date.now()
  t.equal((await call(`${url}/invites/${id}?members=1`, { method: 'DELETE', headers: mod })).status, 204)
  await reader.end()
  t.match(reader.notices('bye'), [{ reason: 'forbidden', message: /team-red/ }])
  t.ok(Date.parse(reader.notices('bye')[0].at) - at < 1_000)
  t.equal((await call(`${url}/rooms/team-red/events`, { headers })).status, 404)
  t.notOk(both.ended, 'other rooms are none the worse')
})

t.test('what a guest was invited to outlives the server', async (t) => {
  const first = await startApp(t, PRIVATE)
  const { body: { code } } = await invite(first.url, { room: 'team-red' }, await bearer({ rooms: { moderate: ['*'] } }))
  const { body: { token } } = await accept(first.url, code)
  const { DATA_DIR } = first.app.config
  await first.app.close()
  const { url } = await startApp(t, { ...PRIVATE, DATA_DIR })
  t.equal((await post(url, { room: 'team-red', message: 'x' }, { authorization: `Bearer ${token}` })).status, 201)
  t.equal((await accept(url, code)).status, 200, 'and so does the invitation')
})

t.test('nobody takes it back from whoever moderates as much, but who has made it', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const [all, one] = await Promise.all([bearer({ sub: 'all', rooms: { moderate: ['*'] } }), bearer({ sub: 'one', rooms: { moderate: ['team-red'] } })])
  const { body: made } = await invite(url, { room: 'team-red', role: 'moderator' }, all)
  const { body: { token } } = await accept(url, made.code)
  const revoke = (headers: Record<string, string>): Promise<Answer> => call(`${url}/invites/${made.id}?members=1`, { method: 'DELETE', headers })
  t.match(await revoke(one), { status: 403, body: { code: 'HUB_FORBIDDEN' } })
  t.equal((await post(url, { room: 'team-red', message: 'x' }, { authorization: `Bearer ${token}` })).status, 201)
  t.equal((await revoke(all)).status, 204)
  t.equal((await post(url, { room: 'team-red', message: 'x' }, { authorization: `Bearer ${token}` })).status, 404)
})

t.test('who loses the right to moderate keeps nothing that was given by it', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const all = await bearer({ sub: 'all', rooms: { moderate: ['*'] } })
  const join = async (body: object, by: Record<string, string>): Promise<{ id: string, headers: Record<string, string> }> => {
    const { body: { id, code } } = await invite(url, { room: 'team-red', role: 'moderator', ...body }, by)
    return { id, headers: { authorization: `Bearer ${(await accept(url, code)).body.token}` } }
  }
  const token = async (rooms: object, by: Record<string, string>): Promise<Record<string, string>> => ({ authorization: `Bearer ${(await call(`${url}/tokens`, { body: { name: 'Bot', rooms }, headers: by })).body.token}` })
  const mod = await join({}, all)
  const blue = await invite(url, { room: 'team-blue', role: 'moderator' }, all)
  await accept(url, blue.body.code, mod.headers)
  const friend = await join({}, mod.headers)
  const friendsFriend = await join({}, friend.headers)
  const writer = await join({ role: 'writer' }, mod.headers)
  const bots = [await token({ moderate: ['team-red'] }, mod.headers), await token({ read: ['team-red'], write: ['team-blue'] }, friendsFriend.headers)]
  const nested = await token({ write: ['team-red'] }, bots[0]!)
  const ofBlue = await token({ write: ['team-blue'] }, mod.headers)
  const ofOthers = await token({ write: ['team-red'] }, all)
  const { body: open } = await invite(url, { room: 'team-red' }, bots[0]!)
  const byBot = await join({}, bots[0]!)
  const byGone = await join({ for: '1s' }, mod.headers)
  // And in a circle: each by the other.
  const circle = await invite(url, { room: 'team-red', role: 'moderator' }, friend.headers)
  await accept(url, circle.body.code, mod.headers)
  // Who was invited by somebody else as well stays.
  const twice = await join({}, mod.headers)
  const second = await invite(url, { room: 'team-red', role: 'moderator' }, all)
  await accept(url, second.body.code, twice.headers)
  await eventually(async () => !(await call(`${url}/invites`, { headers: all })).body.invites.some(({ id }: any) => id === byGone.id), 'it has run out')

  t.equal((await call(`${url}/invites/${mod.id}?members=1`, { method: 'DELETE', headers: all })).status, 204)
  const say = async (headers: Record<string, string>, room = 'team-red'): Promise<string | number> => {
    const { status, body } = await post(url, { room, message: 'x' }, headers)
    return body.code ?? status
  }
  for (const { headers } of [mod, friend, friendsFriend, byBot, byGone]) t.equal(await say(headers), 'HUB_ROOM_UNKNOWN')
  for (const bot of [bots[0]!, nested]) t.equal(await say(bot), 'HUB_TOKEN_REVOKED')
  t.equal((await accept(url, open.code)).status, 404, 'an invitation that a token of theirs has made')
  t.equal(await say(writer.headers), 201, 'who was invited to write goes on')
  t.equal(await say(ofBlue, 'team-blue'), 201, 'and so does what they can give still')
  t.equal(await say(mod.headers, 'team-blue'), 201)
  t.equal(await say(ofOthers), 201)
  t.equal(await say(twice.headers), 201)
  t.equal((await invite(url, { room: 'team-red' }, twice.headers)).status, 201)
  const { body: { actions } } = await call(`${url}/moderation/log?limit=100`, { headers: all })
  t.equal(actions.filter(({ type }: any) => type === 'token-revoked').length, 2)
  t.equal(actions.filter(({ type }: any) => type === 'invite-revoked').length, 8)
})

t.test('a right of another kind, and what was given by it, is none of an invitation\'s business', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const [host, mod] = await Promise.all([bearer({ sub: 'host', rooms: { moderate: ['*'] } }), bearer({ sub: 'mod', rooms: { moderate: ['team-red'] } })])
  for (const role of ['reader', 'moderator']) {
    const { body: { id, code } } = await invite(url, { room: 'team-red', role }, mod)
    await accept(url, code, host)
    const { body: { token } } = await call(`${url}/tokens`, { body: { name: 'Bot', rooms: { write: ['lobby'] } }, headers: host })
    const { body: given } = await invite(url, { room: 'lobby' }, host)
    const reader = await Reader.open(`${url}/events?room=lobby`, { headers: host })
    await reader.until(({ received }) => received.length > 0)
    t.equal((await call(`${url}/invites/${id}?members=1`, { method: 'DELETE', headers: mod })).status, 204, role)
    t.equal((await post(url, { message: 'x' }, { authorization: `Bearer ${token}` })).status, 201)
    t.equal((await accept(url, given.code)).status, 200)
    reader.close()
  }
})

t.test('whoever is banned comes back by no invitation of their own, nor of their token\'s', async (t) => {
  const { url } = await startApp(t, PRIVATE)
  const all = await bearer({ sub: 'all', rooms: { moderate: ['*'] } })
  const { body: { code } } = await invite(url, { room: 'team-red', role: 'moderator' }, all)
  const { body: { token, user } } = await accept(url, code)
  const headers = { authorization: `Bearer ${token}` }
  const { body: bot } = await call(`${url}/tokens`, { body: { name: 'Bot', rooms: { moderate: ['team-red'] } }, headers })
  const own = [await invite(url, { room: 'team-red', role: 'moderator' }, headers), await invite(url, { room: 'team-red' }, { authorization: `Bearer ${bot.token}` })]
  const { body: { action } } = await call(`${url}/moderation/bans`, { body: { user: user.id, room: 'team-red', address: false }, headers: all })
  for (const { body } of own) t.match(await accept(url, body.code), { status: 404, body: { code: 'HUB_INVITE_UNKNOWN' } })
  t.equal((await accept(url, code)).status, 200, 'others\' are good')
  t.equal((await call(`${url}/moderation/log/${action.id}/undo`, { method: 'POST', headers: all })).status, 201)
  for (const { body } of own) t.equal((await accept(url, body.code)).status, 200)
})

t.test('whoever comes while it is taken back with its members does not stay', async (t) => {
  const { app, url } = await startApp(t, PRIVATE)
  const mod = await bearer({ sub: 'm', rooms: { moderate: ['team-*'] } })
  for (let round = 0; round < 10; round++) {
    const { body: { id, code } } = await invite(url, { room: 'team-red', role: 'moderator' }, mod)
    const guests = await Promise.all(Array.from({ length: 5 }, () => guest(url)))
    await Promise.all([
      ...guests.map(({ authorization }) => accept(url, code, { authorization })),
      call(`${url}/invites/${id}?members=1`, { method: 'DELETE', headers: mod })
    ])
    t.strictSame(guests.flatMap((one) => [...app.members.of(one.id)]), [])
  }
})
