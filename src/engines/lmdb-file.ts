import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** What lies in the data directory was not written by this program, or by a newer one, or is damaged. */
export class ForeignStore extends Error {
  override readonly name = 'ForeignStore'
}

/** What the store's file is called in its directory. */
export const STORE_FILE = 'hubbub.mdb'

/** `MDB_meta` in the lmdb package's mdb.c: bytes from the file's start. */
const MAGIC_AT = 24
const MAGIC = 0xbeefc0de
const PAGE_SIZE_AT = 48

/**
 * LMDB maps whatever file it is given, and crashes on one that is not its own or has no two first pages; so it is looked at
 * first. (Nor can a file that was cut further on be told from a whole one here: LMDB's last pages may never have been written.)
 * @throws {ForeignStore}
 */
export function checkFile (path: string): void {
  // A new one is for this user alone: the secret that signs tokens may be in it, and what is said in private rooms is.
  const file = openSync(path, 'a+', 0o600)
  try {
    const { size } = fstatSync(file)
    if (size === 0) return // A new store's.
    const start = Buffer.alloc(PAGE_SIZE_AT + 4)
    const read = readSync(file, start, 0, start.length, 0)
    if (read >= MAGIC_AT + 4 && start.readUInt32LE(MAGIC_AT) !== MAGIC) {
      throw new ForeignStore(`${path} is no store of ours; move it away, or choose another DATA_DIR`)
    }
    if (size < 2 * start.readUInt32LE(PAGE_SIZE_AT) || read < start.length) {
      throw new ForeignStore(`${path} is cut short: it has ${size} bytes only; restore it from a whole copy`)
    }
  } finally {
    closeSync(file)
  }
}
