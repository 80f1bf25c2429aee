/** Whether the scenarios run in their full length (`npm run test:faults`), or as long as shows that they work. */
const FULL = process.env['FAULTS'] === 'full'

export function scaled (short: number, full: number): number {
  return FULL ? full : short
}
