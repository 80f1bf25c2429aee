/** What somebody may do in a room. */
export const RIGHTS = ['read', 'write', 'moderate'] as const
export type Right = typeof RIGHTS[number]

/** A room's name, or the beginning of several followed by `*`. */
export const ROOM_GLOB_PATTERN = '^(?:[a-z0-9][a-z0-9._-]{0,63}|(?:[a-z0-9][a-z0-9._-]{0,62})?\\*)$'

/**
 * Rights by the rooms that they are for, each a name or a beginning such as `team-*`. To moderate a room is to read and write
 * there; to write is not to read, so that what only posts can be kept from reading.
 */
export type Grants = { readonly [R in Right]?: readonly string[] }

/** What a guest has who was invited as one of these. */
export const ROLES = {
  reader: ['read'],
  writer: ['read', 'write'],
  moderator: ['moderate']
} as const satisfies Record<string, readonly Right[]>
export type Role = keyof typeof ROLES

/** Who is answerable for what somebody does: they themselves and, of a program, those who have made its token. */
export function answerable ({ user: { id }, makers = [] }: { user: { id: string }, makers?: readonly string[] }): string[] {
  return [id, ...makers]
}

/** Rights of a role in a room, or in several. */
export function grantsOf (role: Role, rooms: string): Grants {
  return Object.fromEntries(ROLES[role].map((right) => [right, [rooms]]))
}

export function matchesRoom (glob: string, room: string): boolean {
  return glob.endsWith('*') ? room.startsWith(glob.slice(0, -1)) : glob === room
}

export function allows (grants: Grants, right: Right, room: string): boolean {
  return covers(grants, right, (glob) => matchesRoom(glob, room))
}

/** Whether they hold in every room that there is or will be. */
export function allowsEverywhere (grants: Grants, right: Right): boolean {
  return covers(grants, right, (glob) => glob === '*')
}

/** Whether whoever has `mine` has all that is in `others`: nobody gives what they have not. */
export function includes (mine: Grants, others: Grants): boolean {
  return RIGHTS.every((right) => (others[right] ?? []).every((rooms) => covers(mine, right, (glob) => isWithin(rooms, glob))))
}

/**
 * How far somebody's right to moderate a room reaches: the broadest of the names and beginnings by which the room is theirs, undefined
 * where it is not. Of two who moderate a room, it is within the one's reach what the other's is, or the other way round.
 */
export function reachIn (grants: Iterable<Grants>, room: string): string | undefined {
  let broadest: string | undefined
  for (const { moderate = [] } of grants) {
    for (const glob of moderate) if (matchesRoom(glob, room) && (broadest === undefined || isWithin(broadest, glob))) broadest = glob
  }
  return broadest
}

/** Whether there is, or can be, a room in both of two globs. */
export function overlap (one: string, other: string): boolean {
  return isWithin(one, other) || isWithin(other, one)
}

/** Whether every room of one glob is one of another. */
export function isWithin (inner: string, outer: string): boolean {
  return outer.endsWith('*') ? inner.startsWith(outer.slice(0, -1)) : inner === outer
}

function covers (grants: Grants, right: Right, found: (glob: string) => boolean): boolean {
  return grants[right]?.some(found) === true || (right !== 'moderate' && grants.moderate?.some(found) === true)
}
