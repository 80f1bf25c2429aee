import { createServer } from 'node:http'

const HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' }

/**
 * A bare `node:http` server of the two requests that every server here has: GET /events?room= opens a stream, POST
 * /events?room= takes JSON and answers 201. Listens on 127.0.0.1, at the port in PORT.
 * @param open called with a stream's room and its response, when its headers are sent
 * @param publish called with a room and the bytes of an event
 */
export function eventServer ({ open, publish }) {
  let last = 0
  const server = createServer((request, response) => {
    const room = new URL(request.url, 'http://localhost').searchParams.get('room') ?? 'lobby'
    if (request.method === 'GET') {
      response.writeHead(200, HEADERS)
      response.flushHeaders()
      return open(room, response)
    }
    let body = ''
    request.setEncoding('utf8')
    request.on('data', (text) => { body += text })
    request.on('end', () => {
      const { message } = JSON.parse(body)
      const event = JSON.stringify({ id: `${++last}`, room, message, at: new Date().toISOString() })
      const answer = `{"success":true,"event":${event}}`
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(answer) })
      response.end(answer)
      publish(room, Buffer.from(`id: ${last}\ndata: ${event}\n\n`))
    })
  })
  server.listen(Number(process.env.PORT), '127.0.0.1')
}
