import type { Checked } from './chat/name-rules.js'
import { errors } from './errors.js'

/** The name as it is kept. @throws from the catalogue, where nobody can have it */
export function allowedName (checked: Checked): string {
  switch (checked.flaw) {
    case undefined: return checked.name
    case 'invalid': throw new errors.NameInvalid()
    case 'mixed': throw new errors.NameMixed()
    case 'blocked': throw new errors.WordBlocked(checked.word)
  }
}
