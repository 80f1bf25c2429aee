import type { Cluster, Redis } from 'ioredis'
import { NOW } from './clock.js'
import { ATTEND, CLAIM, FIT, FORGET, HOLD, LEASE, RELEASE, SET_FIELDS, type NodeScripts } from './node-scripts.js'

/*
 * A room is a stream, which holds the order, and a hash, which holds the content:
 *
 *   hubbub:{room}          id → a field named for the content's format, whose value is the id before it; in what announces an
 *                          amendment also the field `of` with the amended event's id: its content is not there a second time
 *   hubbub:{room}:events   id → JSON of all that an event is but its id, `prev`, room and time
 *   hubbub:{room}:key:…    which event an append has become: `id nonce fingerprint`
 *
 * An entry of a stream cannot change; contents are amended in the hash. The floor is the `prev` of the oldest entry, the head is
 * the newest: nothing is written twice, so nothing can contradict itself after a failover.
 *
 * An entry is ours if it begins with a number and an id, whatever the format: so the chain leads over the events of a newer
 * version, and past what a stranger has put there.
 */

/** The format of the contents that this version writes. */
export const FORMAT = '1'

/** Entries that one script removes at most, and by how many a long room may exceed its limit before that is worth a trim. */
const TRIM_AT_ONCE = 1_000
const SLACK = 100

const ENTRIES = `
local stream, events = KEYS[1], KEYS[2]
local function ours (entry)
  local fields = entry[2]
  return string.find(fields[1], '^%d+$') and string.find(fields[2], '^%d+%-%d+$')
end
local function nearest (command, from, to)
  while true do
    local entry = redis.call(command, stream, from, to, 'COUNT', 1)[1]
    if not entry or ours(entry) then return entry end
    from = '(' .. entry[1]
  end
end
-- An event's fields in the stream, and its content where this version can read it.
local function event_of (id)
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if not entry then return nil, false end
  return entry[2], entry[2][1] == '${FORMAT}' and redis.call('HGET', events, id)
end
-- What an event announces, and that one's content.
local function target_of (fields)
  return fields[3] == 'of' and fields[4]
end
local function announced_by (fields)
  if not target_of(fields) then return false end
  local _, content = event_of(fields[4])
  return content
end
local function last_generated ()
  if redis.call('EXISTS', stream) == 0 then return '0-0' end
  local info = redis.call('XINFO', 'STREAM', stream)
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then return info[i + 1] end end
end
local function bounds ()
  local oldest = nearest('XRANGE', '-', '+')
  if not oldest then
    local head = last_generated()
    return head, head
  end
  return oldest[2][2], nearest('XREVRANGE', '+', '-')[1]
end
`

const TRIM = `
local function trim (count)
  local ids = {}
  for i, entry in ipairs(redis.call('XRANGE', stream, '-', '+', 'COUNT', count)) do ids[i] = entry[1] end
  redis.call('XTRIM', stream, 'MAXLEN', redis.call('XLEN', stream) - #ids)
  redis.call('HDEL', events, unpack(ids))
end
`

/** Appends an event, or amends one and appends what announces it. Whatever can fail does so before anything is written. */
export const WRITE = `#!lua
${NOW}${ENTRIES}${TRIM}
local key = KEYS[3]
local deadline, after, nonce, fingerprint, ttl, history, channel, content, reply_to, target, expected, amended = unpack(ARGV)
history = tonumber(history)

local known = redis.call('GET', key)
if known then
  local fields, content = event_of(string.match(known, '^%S+'))
  return {'known', now, known, fields and fields[2] or false, content}
end
if now > tonumber(deadline) then return {'late', now} end
-- Asked also where it replies to nothing: a key that holds something else must fail here, before anything is written.
if redis.call('HEXISTS', events, reply_to) == 0 and reply_to ~= '' then return {'no-original', now} end
local target_fields, target_content, inner
if target ~= '' then
  target_fields, target_content = event_of(target)
  if not target_content or target_content ~= expected then return {'changed', now} end
  inner = announced_by(target_fields)
end

local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
local highest = newest and newest[1] or last_generated()
if newest and not ours(newest) then newest = nearest('XREVRANGE', '(' .. highest, '-') end
local prev = newest and newest[1] or last_generated()
local ms, seq = string.match(highest, '^(%d+)%-(%d+)$')
if #ms > 15 or #seq > 14 then return {'beyond', now} end
ms, seq = tonumber(ms), tonumber(seq)

local id = '*'
local after_ms, after_seq = string.match(after, '^(%d+)%-(%d+)$')
after_ms, after_seq = tonumber(after_ms), tonumber(after_seq)
if after_ms >= now and (after_ms > ms or after_ms == ms and after_seq > seq) then id = string.format('%.0f-%.0f', after_ms, after_seq + 1) end

if target == '' then
  id = redis.call('XADD', stream, id, '${FORMAT}', prev)
else
  id = redis.call('XADD', stream, id, '${FORMAT}', prev, 'of', target)
  redis.call('HSET', events, target, amended)
end
redis.call('HSET', events, id, content)
redis.call('SET', key, id .. ' ' .. nonce .. ' ' .. fingerprint, 'PX', ttl)
local excess = redis.call('XLEN', stream) - history
if excess > 0 and excess >= math.min(${SLACK}, history / 100) then trim(math.min(excess, ${TRIM_AT_ONCE})) end

local message = id .. ' ' .. prev
if target == '' then
  message = message .. '\\n' .. content
else
  message = message .. ' ' .. target .. ' ' .. target_fields[2] .. '\\n' .. content .. '\\n' .. amended
  if inner then message = message .. '\\n' .. inner end
end
-- A hint, which the user may not be allowed to give: what is stored is stored.
redis.pcall('PUBLISH', channel, message)
return {'stored', now, id, prev}
`

/** Entries of a range with their contents, and in the same read the bounds of the room. */
const READ = `#!lua flags=no-writes
${ENTRIES}
local after, before, limit, bytes = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local floor, head = bounds()
local anchored, found, count = after == floor, {}, 0
local command, from, to = 'XRANGE', after, '+'
if before ~= '' then to = '(' .. before end
if after == '' then command, from, to = 'XREVRANGE', to, '-' end

while count < limit and bytes > 0 do
  local chunk = redis.call(command, stream, from, to, 'COUNT', math.min(limit - count + 1, 100))
  if #chunk == 0 then break end
  local ids = {}
  for i, entry in ipairs(chunk) do ids[i] = entry[1] end
  local contents = redis.call('HMGET', events, unpack(ids))
  for i, entry in ipairs(chunk) do
    if ours(entry) then
      local id, fields = entry[1], entry[2]
      if id == after then
        anchored = true
      elseif count < limit and bytes > 0 then
        local content = fields[1] == '${FORMAT}' and contents[i]
        local event = {id, fields[2], content}
        local target = target_of(fields)
        if target then
          local target_fields, target_content = event_of(target)
          event = {id, fields[2], content, target}
          if target_fields then event = {id, fields[2], content, target, target_fields[2], target_content, announced_by(target_fields)} end
          if target_content then bytes = bytes - #target_content end
        end
        found[#found + 1] = event
        count = count + 1
        if content then bytes = bytes - #content end
      end
    end
  end
  from = '(' .. ids[#ids]
end

local below = false
if after ~= '' and not anchored then
  local entry = after ~= '0-0' and nearest('XREVRANGE', '(' .. after, '-')
  below = entry and entry[1] or floor
end
return {floor, head, anchored and 1 or 0, below, found}
`

/** The id after which the newest events begin, or those since a time. */
const SEEK = `#!lua flags=no-writes
${ENTRIES}
local floor, head = bounds()
local from, skip = '+', tonumber(ARGV[1])
if ARGV[2] ~= '' then from = '(' .. ARGV[2] end
while true do
  local chunk = redis.call('XREVRANGE', stream, from, '-', 'COUNT', skip + 1)
  for _, entry in ipairs(chunk) do
    if ours(entry) then
      if skip == 0 then return entry[1] end
      skip = skip - 1
    end
    from = '(' .. entry[1]
  end
  if #chunk == 0 then return floor end
end
`

const INFO = `#!lua flags=no-writes
${ENTRIES}
local floor, head = bounds()
return {floor, head, redis.call('XLEN', stream)}
`

/** Removes what is over the room's limit, or older than its age, a bounded number. Returns whether there is more. */
const SWEEP = `#!lua
${NOW}${ENTRIES}${TRIM}
local history, age = tonumber(ARGV[1]), tonumber(ARGV[2])
local count = math.max(redis.call('XLEN', stream) - history, 0)
if age > 0 and count < ${TRIM_AT_ONCE} then
  local oldest = string.format('(%.0f-0', math.max(now - age, 1))
  count = math.max(count, #redis.call('XRANGE', stream, '-', oldest, 'COUNT', ${TRIM_AT_ONCE}))
end
if count > 0 then trim(math.min(count, ${TRIM_AT_ONCE})) end
return count >= ${TRIM_AT_ONCE} and 1 or 0
`

/**
 * Whether the order does not lead to an event's content (whose key may be no stream any more), which is then removed where so wished.
 * KEYS: as above. ARGV: the field, 1 to remove it.
 */
const STRAY = `#!lua
local held = redis.pcall('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if not held.err and #held > 0 then return 0 end
if ARGV[2] == '1' then redis.call('HDEL', KEYS[2], ARGV[1]) end
return 1
`

/**
 * Stores a document and its place in the list of its kind. KEYS: the document, the list. One that goes by itself looks after two
 * others: so the places of those that have gone do not pile up where nobody lists them.
 */
const PUT = `#!lua
local id, json, ttl, only_if = unpack(ARGV)
local present = redis.call('GET', KEYS[1])
if present and only_if == 'absent' then return present end
if not present and only_if == 'present' then return false end
if ttl == '' then redis.call('SET', KEYS[1], json) else redis.call('SET', KEYS[1], json, 'PX', ttl) end
redis.call('ZADD', KEYS[2], 0, id)
if ttl ~= '' then
  for _, other in ipairs(redis.call('ZRANDMEMBER', KEYS[2], 2)) do
    if redis.call('EXISTS', KEYS[2] .. ':' .. other) == 0 then redis.call('ZREM', KEYS[2], other) end
  end
end
return json
`

type Nullable<T> = T | null

export type WriteReply =
  | ['stored', now: number, id: string, prev: string]
  | ['known', now: number, known: string, prev: Nullable<string>, content: Nullable<string>]
  /** Nothing is stored: past the deadline, no such original, the amended event is not as expected, ids have come to their end. */
  | ['late' | 'no-original' | 'changed' | 'beyond', now: number]

/** For what announces an amendment also its target, and where that announces another event itself, that one's content. */
export type FoundEntry = [
  id: string, prev: string, content: Nullable<string>,
  target?: string, targetPrev?: string, targetContent?: Nullable<string>, innerContent?: Nullable<string>
]
export type ReadReply = [floor: string, head: string, anchored: 0 | 1, below: Nullable<string>, found: FoundEntry[]]

interface Scripts {
  hubbubWrite (stream: string, events: string, key: string, ...args: Array<string | number>): Promise<WriteReply>
  hubbubRead (stream: string, events: string, after: string, before: string, limit: number, bytes: number): Promise<ReadReply>
  hubbubSeek (stream: string, events: string, newest: number, before: string): Promise<string>
  hubbubInfo (stream: string, events: string): Promise<[floor: string, head: string, events: number]>
  hubbubSweep (stream: string, events: string, history: number, age: number): Promise<0 | 1>
  hubbubStray (stream: string, events: string, id: string, remove: 0 | 1): Promise<0 | 1>
  hubbubPut (document: string, list: string, id: string, json: string, ttl: number | '', onlyIf: '' | 'absent' | 'present'): Promise<Nullable<string>>
}

/** A connection on which the scripts can be called. ioredis sends a script's text once for each connection, then its hash. */
export type Client = (Redis | Cluster) & Scripts & NodeScripts

export function withScripts (client: Redis | Cluster): Client {
  client.defineCommand('hubbubWrite', { numberOfKeys: 3, lua: WRITE })
  client.defineCommand('hubbubRead', { numberOfKeys: 2, lua: READ, readOnly: true })
  client.defineCommand('hubbubSeek', { numberOfKeys: 2, lua: SEEK, readOnly: true })
  client.defineCommand('hubbubInfo', { numberOfKeys: 2, lua: INFO, readOnly: true })
  client.defineCommand('hubbubSweep', { numberOfKeys: 2, lua: SWEEP })
  client.defineCommand('hubbubStray', { numberOfKeys: 2, lua: STRAY })
  client.defineCommand('hubbubPut', { numberOfKeys: 2, lua: PUT })
  client.defineCommand('hubbubAttend', { numberOfKeys: 1, lua: ATTEND })
  client.defineCommand('hubbubForget', { numberOfKeys: 1, lua: FORGET })
  client.defineCommand('hubbubLease', { numberOfKeys: 2, lua: LEASE })
  client.defineCommand('hubbubClaim', { lua: CLAIM })
  client.defineCommand('hubbubHold', { lua: HOLD })
  client.defineCommand('hubbubRelease', { lua: RELEASE })
  client.defineCommand('hubbubFit', { lua: FIT })
  client.defineCommand('hubbubSetFields', { lua: SET_FIELDS })
  return client as Client
}
