import { NOW } from './clock.js'

/*
 * What nodes know of one another:
 *
 *   hubbub:{room}:online           hash, `<node> <user id>` → name: who is in the room through which node; and `version`, which every
 *                                  change renews
 *   hubbub:{~nodes}:leases         sorted set, node → until when it lives, Unix ms
 *   hubbub:{~nodes}:dead           sorted set, node whose fields are still to be removed → when somebody should do it, Unix ms
 *   hubbub:{~nodes}:rooms:<node>   set: the rooms in which it may have fields
 *   hubbub:{~nodes}:streams:<key>  hash, node → streams open through it under the key, a user's or an address's; and `<node> <user id>`
 *                                  for whoever is online under an address through it
 *   hubbub:{~names}:<name key>     whose name it is
 *   hubbub:~limits:<key>           count of a limit's window
 *
 * The users of a room are those in its hash whose node has a lease. So a node that dies takes all of its users with it at once, and
 * what it leaves in the hashes is seen by nobody; it is removed for the space that it takes.
 */

/**
 * Says who has come into a room through a node, is there under another name, or has gone. What is so already changes nothing. The
 * message is `prev version node`, then a line for each user, `+id name` or `-id`. A room that nobody is in has the version 0.
 * ARGV: the channel, the node, and for each user the id and the name, which is empty for one who has gone.
 */
export const ATTEND = `#!lua
local key, channel, node = KEYS[1], ARGV[1], ARGV[2]
local lines = {}
for i = 3, #ARGV, 2 do
  local id, name = ARGV[i], ARGV[i + 1]
  local field = node .. ' ' .. id
  if name == '' then
    if redis.call('HDEL', key, field) == 1 then lines[#lines + 1] = '-' .. id end
  elseif redis.call('HGET', key, field) ~= name then
    redis.call('HSET', key, field, name)
    lines[#lines + 1] = '+' .. id .. ' ' .. name
  end
end
if #lines == 0 then return end
local prev = redis.call('HGET', key, 'version') or '0'
local version = '0'
if redis.call('HLEN', key) == 1 and prev ~= '0' then
  redis.call('DEL', key)
else
  local time = redis.call('TIME')
  version = string.format('%.0f', math.max(tonumber(prev) + 1, time[1] * 1000000 + time[2]))
  redis.call('HSET', key, 'version', version)
end
redis.call('PUBLISH', channel, prev .. ' ' .. version .. ' ' .. node .. '\\n' .. table.concat(lines, '\\n'))
`

/** Removes what a dead node has left in a room. Nobody has seen it any more: there is nothing to tell. */
export const FORGET = `#!lua
local key, node = KEYS[1], ARGV[1] .. ' '
for _, field in ipairs(redis.call('HKEYS', key)) do
  if string.sub(field, 1, #node) == node then redis.call('HDEL', key, field) end
end
if redis.call('HLEN', key) == 1 and redis.call('HEXISTS', key, 'version') == 1 then redis.call('DEL', key) end
`

/**
 * Renews a node's lease. ARGV: the node, ms of its lease (with 0 it ends at once, and nothing is left of it), whether it should have one
 * already, whether it judges: takes the leases that have run out from their nodes, unless its own has, since then the store was away
 * for all. Returns whether it has not lost its own, whether that had not run out, all nodes that live, and one of the dead whose
 * fields this node should remove: another one is asked in a minute, if it dies over it.
 */
export const LEASE = `#!lua
${NOW}
local leases, dead = KEYS[1], KEYS[2]
local node, ms, held, judge = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local score = redis.call('ZSCORE', leases, node)
if held == '1' and not score then return {0, 0, {}, false} end
if ms == 0 then
  redis.call('ZREM', leases, node)
  return {1, 0, {}, false}
end
local valid = score and tonumber(score) > now
redis.call('ZADD', leases, string.format('%.0f', now + ms), node)
if valid and judge == '1' then
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', string.format('%.0f', now))) do
    redis.call('ZREM', leases, gone)
    redis.call('ZADD', dead, string.format('%.0f', now), gone)
  end
end
local due = redis.call('ZRANGEBYSCORE', dead, '-inf', string.format('%.0f', now), 'LIMIT', 0, 1)[1]
if due and redis.call('ZSCORE', leases, due) then
  redis.call('ZREM', dead, due)
  due = nil
end
if due then redis.call('ZADD', dead, string.format('%.0f', now + 60000), due) end
return {1, valid and 1 or 0, redis.call('ZRANGE', leases, 0, -1), due or false}
`

/** Takes all keys of a name for a user, or none. ARGV: the user, ms. */
export const CLAIM = `#!lua
for _, key in ipairs(KEYS) do
  local holder = redis.call('GET', key)
  if holder and holder ~= ARGV[1] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
return 1
`

/** Keeps keys for their users where nobody else has them. ARGV: ms, and the user of each key. */
export const HOLD = `#!lua
for i, key in ipairs(KEYS) do
  local holder, user = redis.call('GET', key), ARGV[i + 1]
  if not holder or holder == user then redis.call('SET', key, user, 'PX', ARGV[1]) end
end
`

/** ARGV: the user. */
export const RELEASE = `#!lua
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
`

/**
 * Says how many streams are open under some keys through a node, if together with those of the other nodes that live there are no
 * more than so many. KEYS: the leases, the keys. ARGV: the node, ms for which it is kept, and for each key the count here and the
 * most over all. Returns the place of the first key that has more, 0 where all fit.
 */
export const FIT = `#!lua
local node, ms = ARGV[1], ARGV[2]
local living = redis.call('ZRANGE', KEYS[1], 0, -1)
for i = 2, #KEYS do
  local count, most = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  for _, other in ipairs(living) do
    if other ~= node then count = count + (tonumber(redis.call('HGET', KEYS[i], other) or 0) or 0) end
  end
  if count > most then return i - 1 end
end
for i = 2, #KEYS do
  redis.call('HSET', KEYS[i], node, ARGV[2 * i - 1])
  redis.call('PEXPIRE', KEYS[i], ms)
end
return 0
`

/** Sets fields of some hashes, or removes those for which nothing is given. ARGV: ms for which they are kept, and for each field the place of its key, the field and the value. */
export const SET_FIELDS = `#!lua
for i = 2, #ARGV, 3 do
  local key = KEYS[tonumber(ARGV[i])]
  if ARGV[i + 2] == '' then redis.call('HDEL', key, ARGV[i + 1]) else redis.call('HSET', key, ARGV[i + 1], ARGV[i + 2]) end
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[1]) end
`

export type LeaseReply = [kept: 0 | 1, valid: 0 | 1, living: string[], dead: string | null]

export interface NodeScripts {
  hubbubAttend (online: string, channel: string, node: string, ...users: string[]): Promise<null>
  hubbubForget (online: string, node: string): Promise<null>
  hubbubLease (leases: string, dead: string, node: string, ms: number, held: 0 | 1, judge: 0 | 1): Promise<LeaseReply>
  hubbubClaim (keys: number, ...keysAndArguments: Array<string | number>): Promise<0 | 1>
  hubbubHold (keys: number, ...keysAndArguments: Array<string | number>): Promise<null>
  hubbubRelease (keys: number, ...keysAndArguments: string[]): Promise<null>
  hubbubFit (keys: number, ...keysAndArguments: Array<string | number>): Promise<number>
  hubbubSetFields (keys: number, ...keysAndArguments: Array<string | number>): Promise<null>
}
