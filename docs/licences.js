/** Writes docs/licences.md anew: `npm run licences`, whenever what is deployed has changed. */
import { readFileSync, writeFileSync } from 'node:fs'

const read = (path) => JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8'))

/** Licences, as SPDX calls them, that ask for little more than to be passed on with the program. */
export const ALLOWED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT', 'Unicode-3.0']

/** Packages that say it in an older way than the lock file takes over: their own words, and SPDX's. */
const OLD_WORDS = { 'Apache 2.0': 'Apache-2.0' }

/** @returns {Array<{ name: string, version: string, licence: string }>} what is deployed, on whatever platform, by name */
export function deployed () {
  return Object.entries(read('package-lock.json').packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version, license }]) => ({ name: path.split('node_modules/').at(-1), version, licence: license ?? oldLicence(path) }))
    .filter(({ name, version }, index, all) => index === all.findIndex((other) => other.name === name && other.version === version))
    .sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1)
}

function oldLicence (path) {
  const { license, licenses = [{ type: license }] } = read(`${path}/package.json`)
  return licenses.map(({ type }) => OLD_WORDS[type] ?? type ?? 'none').join(' OR ')
}

/** @returns {string} the document */
export function licences () {
  const packages = deployed()
  const rows = packages.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`)
  return `# Licences

Hubbub is under the [MIT licence](../LICENSE). What it is deployed with, written down from the lock file by \`npm run licences\`; a test
checks that this is current, and that no other licences are among them than ${ALLOWED.slice(0, -1).join(', ')} and ${ALLOWED.at(-1)}.
\`@fastify/swagger-ui\` has files of Swagger UI in it (Apache-2.0). The licences' texts come with the packages, in
\`node_modules\` and so in the image, where the packages have them.

| package | version | licence |
| --- | --- | --- |
${rows.join('\n')}
`
}

if (import.meta.url === `file://${process.argv[1]}`) writeFileSync(new URL('licences.md', import.meta.url), licences())
