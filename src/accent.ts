import type { Config } from './plugins/config.js'

/** The host's own colour, as the one style in a page's markup; undefined where there is none. */
export function accentStyle ({ ACCENT_COLOR }: Config): string | undefined {
  return ACCENT_COLOR === undefined ? undefined : `:root{--brand:#${ACCENT_COLOR.replace('#', '').toLowerCase()}}`
}
