// One attack, in a process of its own: `node attacker.js <attack> <port> <address>`. Ends with its standard input, and says then what
// came of it, as JSON.
import { Target, attacks } from './attacks.js'

const [name, port, address] = process.argv.slice(2)
const target = new Target(Number(port), address)
process.stdin.resume().on('end', () => {
  process.stdout.write(`${JSON.stringify(target.counts)}\n`, () => process.exit(0))
})
await attacks[name].run(target)
