import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import t from 'tap'
import { launch } from './chromium.js'
import { STATES, show, startTown, tab } from './states.js'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What axe finds wrong with the page as it is now. @param rules these alone */
async function faults (page: Page, rules?: string[]): Promise<string[]> {
  const { violations } = await page.evaluate<AxeResults, object>((options) => (globalThis as any).axe.run(document, options), {
    runOnly: rules === undefined ? { type: 'tag', values: TAGS } : { type: 'rule', values: rules },
    resultTypes: ['violations']
  })
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, any, all, none }) => `${id} at ${target.join(' ')}: ${[...any, ...all, ...none].map(({ message }) => message).join('; ')}`))
}

/** Holds every state of the page against axe, in a language, light and dark. */
export function axe (locale: string): void {
  t.test(`axe finds nothing wrong: ${locale}`, async (t) => {
    const browser = await launch(t)
    if (browser === undefined) return
    const town = await startTown(t)
    const wide = await tab(browser, { locale, viewport: { width: 1_280, height: 720 } })
    const narrow = await tab(browser, { locale, viewport: { width: 320, height: 568 } })
    for (const [name, state] of Object.entries(STATES)) {
      // Without scripts there is none of axe's, either.
      if (state.scripts === false) continue
      await t.test(name, async (t) => {
        const page = state.narrow === true ? narrow : wide
        await page.emulateMedia({ colorScheme: 'light' })
        await show(page, town, state)
        await page.evaluate(AXE)
        t.strictSame(await faults(page), [])
        await page.emulateMedia({ colorScheme: 'dark' })
        t.strictSame(await faults(page, ['color-contrast']), [], 'in the dark')
      })
    }
  })
}
