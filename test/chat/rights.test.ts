import t from 'tap'
import { allows, allowsEverywhere, grantsOf, includes } from '../../src/chat/rights.js'

t.test('a right holds in the rooms that it is for, by name or beginning', async (t) => {
  const grants = { read: ['lobby', 'team-*'], write: ['team-red'], moderate: ['ops'] }
  for (const [right, room, expected] of [
    ['read', 'lobby', true], ['read', 'lobby2', false], ['read', 'team-red', true], ['read', 'team-', true], ['read', 'team', false],
    ['write', 'team-red', true], ['write', 'team-blue', false], ['write', 'lobby', false],
    ['moderate', 'ops', true], ['moderate', 'lobby', false],
    ['read', 'ops', true], ['write', 'ops', true]
  ] as const) t.equal(allows(grants, right, room), expected, `${right} ${room}`)
  t.notOk(allows({ write: ['*'] }, 'read', 'lobby'), 'to write is not to read')
  t.notOk(allows({}, 'read', 'lobby'))
})

t.test('nobody gives what they have not', async (t) => {
  const mine = { read: ['*'], write: ['team-*'], moderate: ['team-red'] }
  for (const [others, expected] of [
    [{ read: ['*'] }, true], [{ read: ['ops'] }, true], [{ write: ['team-*'] }, true], [{ write: ['team-r*'] }, true], [{ write: ['t*'] }, false],
    [{ write: ['*'] }, false], [{ moderate: ['team-red'] }, true], [{ moderate: ['team-red*'] }, false], [{ moderate: ['team-*'] }, false], [{}, true],
    [{ write: ['team-red', 'lobby'] }, false]
  ] as const) t.equal(includes(mine, others), expected, JSON.stringify(others))
  t.ok(includes({ moderate: ['*'] }, { read: ['*'], write: ['x'], moderate: ['a-*'] }))
})

t.test('a role is some rights, and only a moderator of every room moderates everywhere', async (t) => {
  t.strictSame(grantsOf('reader', 'ops'), { read: ['ops'] })
  t.strictSame(grantsOf('writer', 'ops'), { read: ['ops'], write: ['ops'] })
  t.ok(allowsEverywhere(grantsOf('moderator', '*'), 'moderate'))
  t.ok(allowsEverywhere(grantsOf('moderator', '*'), 'read'))
  t.notOk(allowsEverywhere(grantsOf('moderator', 'a*'), 'moderate'))
  t.notOk(allowsEverywhere(grantsOf('writer', '*'), 'moderate'))
})
