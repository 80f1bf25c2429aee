/** Nothing to see: white space, controls, and characters without a shape. */
const BLANK = /^[\s\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]*$/u

export function isBlank (text: string): boolean {
  return BLANK.test(text)
}

/** Levels of objects and arrays that a program's data may have. */
const MAX_DEPTH = 16

/**
 * What is wrong with a value from JSON, undefined where nothing is: what could not be given back as it came (a lone surrogate
 * has no UTF-8 form, a number such as 1e999 is none to JavaScript), or more than {@link MAX_DEPTH} levels.
 */
export function flawOf (value: unknown, depth = 0): 'lone-surrogate' | 'no-number' | 'too-deep' | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'no-number'
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'lone-surrogate'
  if (typeof value !== 'object' || value === null) return undefined
  if (depth === MAX_DEPTH) return 'too-deep'
  for (const [name, inner] of Object.entries(value)) {
    const flaw = name.isWellFormed() ? flawOf(inner, depth + 1) : 'lone-surrogate'
    if (flaw !== undefined) return flaw
  }
  return undefined
}
