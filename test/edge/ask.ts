import { once } from 'node:events'
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

export interface Told {
  status: number
  headers: IncomingHttpHeaders
  body: any
}

/** A request with headers that `fetch` does not let one choose: `host`, `origin`, `sec-fetch-site`. Of a stream, only the beginning. */
export async function ask (url: string, options: { method?: string, headers?: Record<string, string>, body?: string } = {}): Promise<Told> {
  const { method = 'GET', headers = {}, body } = options
  const asked = request(url, { method, headers, agent: false })
  asked.on('error', () => {})
  asked.end(body)
  const [response] = await once(asked, 'response') as [IncomingMessage]
  const told = { status: response.statusCode!, headers: response.headers }
  if (response.headers['content-type']?.startsWith('text/event-stream') === true) {
    asked.destroy()
    return { ...told, body: '' }
  }
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return { ...told, body: /json/.test(response.headers['content-type'] ?? '') && text !== '' ? JSON.parse(text) : text }
}
