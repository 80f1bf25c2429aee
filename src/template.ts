/** `{{{markup}}}`, and `{{text}}`. */
const PLACEHOLDER = /\{\{\{([\w.-]+)\}\}\}|\{\{([\w.-]+)\}\}/g
const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/**
 * Fills a page's placeholders.
 * @param text of `{{key}}`, for an element's content or an attribute's value: it is escaped; undefined where there is none
 * @param markup of `{{{key}}}`, as it is
 * @throws {Error} names a placeholder that nothing stands for
 */
export function fill (template: string, text: (key: string) => unknown, markup: Record<string, string>): string {
  return template.replace(PLACEHOLDER, (placeholder: string, raw: string | undefined, key: string) => {
    const value = raw === undefined ? text(key) : markup[raw]
    if (typeof value !== 'string') throw new Error(`nothing stands for ${placeholder}`)
    return raw === undefined ? escape(value) : value
  })
}

/** Text as HTML. */
function escape (text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]!)
}

/** A value as JSON that can stand in a `<script>`, which no text in it ends. */
export function jsonInMarkup (value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}
