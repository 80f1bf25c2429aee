/**
 * Reads `text/event-stream` piece by piece (WHATWG HTML §9.2.6).
 *
 * @param {{ onEvent: (event: { type: string, data: string, id: string | undefined }) => void, onRetry: (ms: number) => void }} handlers
 *   `id` is undefined where the event has none of its own
 * @returns {(text: string) => void} takes the next piece, wherever it was cut
 */
export function eventStreamReader ({ onEvent, onRetry }) {
  let rest = ''
  let type = ''
  let data = []
  let id

  const takeLine = (line) => {
    if (line === '') {
      if (data.length > 0) onEvent({ type: type || 'message', data: data.join('\n'), id })
      type = ''
      data = []
      id = undefined
      return
    }
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') data.push(value)
    else if (field === 'event') type = value
    else if (field === 'id' && !value.includes('\0')) id = value
    else if (field === 'retry' && /^\d+$/.test(value)) onRetry(Number(value))
  }

  return (text) => {
    // A CR at the very end may be half of a CRLF: it waits for what follows.
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop()
    for (const line of lines) takeLine(line)
  }
}
